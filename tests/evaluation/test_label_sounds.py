import dataclasses

import librosa
import numpy as np
import pytest
import soundfile

from affexion_core.audio.decode import load_audio
from affexion_core.errors import LabelError
from affexion_core.evaluation import label_sounds
from affexion_core.evaluation.label_sounds import describe_labels, measure_sounds, sound_of, sound_report_json
from affexion_core.plots.label_sounds import AXES, label_sound_rows, plot_label_sounds
from affexion_core.types import Clip, Dataset, LabelledClip, Scheme, clip_id

RATE = 16_000


def clip_of(workspace, name: str, signal: np.ndarray, speaker: str | None) -> Clip:
    soundfile.write(workspace.audio / f"{name}.flac", signal, RATE)
    return Clip(
        id=clip_id(name.encode().hex().ljust(64, "0"), None, None), file=f"audio/{name}.flac", sha256="0" * 64,
        origin="real", corpus="tones", duration=len(signal) / RATE, sampling_rate=RATE, speaker=speaker,
    )  # fmt: skip


def tone(amplitude: float, seconds: float) -> np.ndarray:
    return (amplitude * np.sin(0.3 * np.arange(int(seconds * RATE)))).astype(np.float32)


@pytest.fixture
def dataset(workspace) -> Dataset:
    items = [
        LabelledClip(clip_of(workspace, f"{label}{i}", tone(a + 0.01 * i, s), f"s{i % 2}"), label)
        for label, a, s in (("angry", 0.5, 1.0), ("sad", 0.05, 2.0))
        for i in range(4)
    ]
    return Dataset("tones", "real", Scheme("moods", ("angry", "calm", "sad")), tuple(items))


def test_labels_differ_as_they_were_made(workspace, dataset):
    report = describe_labels(dataset, measure_sounds(workspace, [item.clip for item in dataset.items]))
    assert [row.label for row in report.labels] == ["angry", "sad"] and report.n == 8
    angry, sad = (row.spreads for row in report.labels)
    assert angry["amplitude"].mean == pytest.approx(0.515, abs=2e-3)
    assert sad["duration"].mean == pytest.approx(2.0) and sad["duration"].low is None
    amplitude = angry["amplitude"]
    assert amplitude.low <= amplitude.mean <= amplitude.high and amplitude.n == 4
    assert amplitude.sd == pytest.approx(np.std([0.5, 0.51, 0.52, 0.53], ddof=1), rel=0.02)
    assert amplitude.method == "bootstrap over 2 speakers"
    assert sound_report_json(report)["labels"][0]["spreads"]["amplitude"]["mean"] == amplitude.mean


def test_clips_are_measured_once_and_broken_ones_left_out(workspace, dataset, monkeypatch):
    (workspace.root / dataset.items[2].clip.file).write_bytes(b"nothing")
    clips = [item.clip for item in dataset.items]
    seen = []
    assert len(measure_sounds(workspace, clips, lambda *step: seen.append(step[:2]))) == 7
    assert seen[-1] == (8, 8)
    monkeypatch.setattr(label_sounds, "load_audio", lambda *_: pytest.fail("decoded again"))
    again = measure_sounds(workspace, [clip for clip in clips if clip is not clips[2]])
    assert describe_labels(dataset, again).unmeasured == 1
    label_sounds._path(workspace).write_text("{damaged")
    assert label_sounds.known_sounds(workspace) == {}


def test_a_dataset_without_clips_is_a_clear_error(dataset):
    with pytest.raises(LabelError, match="'tones' has no clip that could be measured"):
        describe_labels(dataclasses.replace(dataset, items=()), {})


def test_a_tenth_of_the_amplitude_is_20_db_less_energy():
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)
    loud, quiet = sound_of(noise, RATE), sound_of(noise / 10, RATE)
    assert loud.energy - quiet.energy == pytest.approx(20, abs=0.01)
    assert loud.amplitude == pytest.approx(10 * quiet.amplitude)


def test_nonsense_has_finite_figures():
    for signal in (np.zeros(RATE, np.float32), np.ones(1, np.float32)):
        sound = sound_of(signal, RATE)
        assert np.isfinite([sound.amplitude, sound.energy, sound.duration, sound.speech]).all()


@pytest.mark.shared_audio
def test_energy_of_real_speech_is_librosas(shared_audio):
    signal = load_audio(sorted((shared_audio / "tess").rglob("*.flac"))[0]).signal
    trimmed, _ = librosa.effects.trim(signal, top_db=40)
    power = librosa.feature.melspectrogram(y=trimmed, sr=RATE, n_fft=1024, hop_length=160, n_mels=64)
    expected = librosa.power_to_db(power, top_db=None).mean()
    sound = sound_of(signal, RATE)
    assert sound.energy == pytest.approx(expected, abs=0.01)
    assert sound.speech == pytest.approx(len(trimmed) / RATE)
    assert sound.amplitude == np.abs(signal).max()


def test_figures_show_every_label_with_n(workspace, dataset):
    report = describe_labels(dataset, measure_sounds(workspace, [item.clip for item in dataset.items]))
    for measure in AXES:
        figure = plot_label_sounds(report, measure)
        assert "angry" in figure.layout.meta["alt"] and "n = 4" in figure.layout.yaxis.ticktext[0]
    rows = label_sound_rows(report)
    assert len(rows) == 8 and {row["measure"] for row in rows} == set(AXES)
