import dataclasses
import importlib.util
import io
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.errors import SynthesisError
from affexion_core.synthesis import espeak
from affexion_core.synthesis._request import Sentence, SpeechRequest, load_sentences


def requests(n: int = 1, **config: object) -> tuple[SpeechRequest, ...]:
    return espeak.plan(load_sentences(), n, espeak.Config(**config), 0)


def decode(wav: bytes) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(wav), dtype="float32")


def test_voices_and_their_names_agree():
    assert tuple(voice.name for voice in espeak.VOICES) == get_args(espeak.VoiceName)
    genders = [voice.gender for voice in espeak.VOICES if voice.name in espeak.DEFAULT_VOICES]
    assert (genders.count("male"), genders.count("female")) == (2, 3)


def test_a_label_without_prosody_is_refused():
    with pytest.raises(SynthesisError, match="can't act glee; it knows boredom, excitement, panic or uncertainty"):
        espeak.plan([Sentence("We did it.", "glee", "telling", "short")], 1, espeak.Config(), 0)


def test_drawn_values_stay_in_the_documented_ranges():
    for request in requests(60):
        for name in ("rate", "pitch", "range", "volume"):
            low, high = getattr(espeak.PROSODY[request.label], name)
            assert low <= request.parameters[name] <= high


def test_without_strength_all_labels_sound_alike():
    drawn = {
        tuple(r.parameters[name] for name in ("rate", "pitch", "range", "volume")) for r in requests(9, strength=0)
    }
    assert drawn == {(140, 50, 50, 66)}


def test_every_voice_speaks_clean_16_bit_mono():
    one = requests()[0]
    spoken = list(espeak.speak([dataclasses.replace(one, voice=voice) for voice in espeak.VOICES]))
    assert len(set(spoken)) == len(espeak.VOICES)
    for wav in spoken:
        info = soundfile.info(io.BytesIO(wav))
        assert (info.samplerate, info.channels, info.subtype, info.format) == (22050, 1, "PCM_16", "WAV")


def test_durations_and_levels_are_as_planned():
    planned = requests(8)
    for request, wav in zip(planned, espeak.speak(planned), strict=True):
        signal, sampling_rate = decode(wav)
        low, high = (2.2, 6.5) if request.sentence.length == "short" else (6.4, 14.5)
        assert low < len(signal) / sampling_rate < high
        assert 0.05 < np.abs(signal).max() < 0.98


def test_same_request_same_bytes_in_any_order_and_process():
    planned = requests(2)
    forward = list(espeak.speak(planned))
    assert list(espeak.speak(planned[::-1]))[::-1] == forward


def test_labels_differ_in_pitch_pace_and_level_as_documented():
    text = "The man from the bank was here and he left his number."
    planned = {
        label: espeak.plan(
            [Sentence(text, label, "neutral", "short")], 1, espeak.Config(voices=("en-us+m3",), variation=0), 0
        )[0]
        for label in espeak.PROSODY
    }
    pitch, spread, seconds, level = {}, {}, {}, {}
    for label, wav in zip(planned, espeak.speak(planned.values()), strict=True):
        signal, sampling_rate = decode(wav)
        f0, voiced, _ = librosa.pyin(signal, fmin=60, fmax=400, sr=sampling_rate, hop_length=1024)
        f0 = f0[voiced]
        pitch[label], seconds[label] = np.median(f0), len(signal) / sampling_rate
        spread[label] = np.subtract(*np.percentile(12 * np.log2(f0), [85, 15]))
        level[label] = np.sqrt(np.mean(signal**2))
    assert pitch["boredom"] < pitch["uncertainty"] < pitch["excitement"] < pitch["panic"]
    assert pitch["panic"] > 1.8 * pitch["boredom"]
    assert spread["boredom"] < spread["uncertainty"] < spread["excitement"]
    assert max(seconds["panic"], seconds["excitement"]) < 0.85 * min(seconds["boredom"], seconds["uncertainty"])
    assert max(level["boredom"], level["uncertainty"]) < 0.8 * min(level["panic"], level["excitement"])


def test_hesitation_is_heard_as_silence():
    (request,) = (r for r in requests() if r.label == "uncertainty")
    with_pause, without = (
        dataclasses.replace(request, parameters={**request.parameters, "pauses": pauses}) for pauses in ("3:500", "")
    )
    lengths = [len(decode(wav)[0]) / 22050 for wav in espeak.speak([with_pause, without])]
    assert 0.3 < lengths[0] - lengths[1] < 0.8


words = st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "Sm", "Po")), min_size=1), min_size=2)


@given(words, st.integers(1, 900))
def test_ssml_keeps_the_words_and_is_well_formed(parts: list[str], milliseconds: int):
    text = " ".join(parts).rstrip(" .!?") or "so"
    tree = ElementTree.fromstring(f"<speak>{espeak.ssml(text, f'1:{milliseconds}', '?')}</speak>")
    assert "".join(tree.itertext()).split() == (text + "?").split()
    assert [one.get("time") for one in tree.iter("break")] == [f"{milliseconds}ms"]


def test_text_that_looks_like_markup_is_spoken_not_obeyed():
    one = requests()[0]
    hostile = dataclasses.replace(one.sentence, text='Tom & <audio src="file:///etc/passwd"/> Ann')
    (wav,) = espeak.speak([dataclasses.replace(one, sentence=hostile)])
    assert len(decode(wav)[0]) > 22050


def test_this_process_never_loads_the_library():
    next(iter(espeak.speak(requests())))
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("needs /proc to see which libraries are loaded")
    assert "libespeak" not in maps.read_text()


def test_generator_names_the_version():
    assert espeak.generator().startswith("espeak-ng 1.")


def test_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SynthesisError, match="pip install espeakng-loader"):
        next(espeak.speak(requests()))


def test_unknown_voice_is_refused_and_named():
    one = requests()[0]
    absent = dataclasses.replace(one, voice=dataclasses.replace(one.voice, name="en-xx+nobody"))
    with pytest.raises(SynthesisError, match="was not spoken: espeak-ng has no voice 'en-xx\\+nobody'"):
        list(espeak.speak([absent]))


CRASH = """
import os, sys
print('{"version": "1.0"}', flush=True)
sys.stdin.readline()
print("the roof fell in", file=sys.stderr, flush=True)
os._exit(9)
"""
HANG = """
import sys, time
print('{"version": "1.0"}', flush=True)
sys.stdin.readline()
time.sleep(60)
"""
HALF = """
import sys
print('{"version": "1.0"}', flush=True)
sys.stdin.readline()
print('{"n_bytes": 1000}', flush=True)
"""


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (CRASH, "ended with status 9 and said 'the roof fell in'"),
        (HANG, "took longer than 1.5 s"),
        (HALF, "ended with status 0"),
        ("print('no JSON')", "ended with status"),
        ("", "ended with status 0"),
    ],
)
def test_a_program_that_fails_gives_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, message: str
):
    child = tmp_path / "child.py"
    child.write_text(program)
    monkeypatch.setattr(espeak, "_CHILD", child)
    with pytest.raises(SynthesisError, match=message):
        list(espeak.speak(requests(), timeout=1.5))


def test_leaving_early_ends_the_program():
    speaking = espeak.speak(requests(3))
    next(speaking)
    process = speaking.gi_frame.f_locals["speaker"].process
    assert process.poll() is None
    speaking.close()
    assert process.poll() is not None
