import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image
from streamlit.testing.v1 import AppTest
from tones import tone, write_folders

from affexion_core.audio.playback import TARGET_LUFS, loudness
from affexion_core.errors import AudioError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.plots.spectrogram import spectrogram
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.types import Clip
from affexion_ui.sound import media
from affexion_ui.sound.component import Listened, _listened, player_source, player_style
from affexion_ui.sound.strip import N_ROWS, spectrogram_png

PAGE = """
import streamlit as st
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace
from affexion_ui.sound.component import show_player
store = open_store(open_workspace())
clips = [row.clip for row in find_clips(store, ClipQuery()).rows]
listened = show_player(store.workspace, clips[0], "here", upcoming=clips[1:3], report=True)
st.caption(f"{listened}")
"""


def a_clip(path: Path, content: np.ndarray, **known) -> Clip:
    sf.write(path, content, 16_000)
    return Clip(path.stem, str(path), "0" * 64, "real", "test", len(content) / 16_000, 16_000, **known)


def data_of(at: AppTest) -> dict:
    return json.loads(at.get("bidi_component")[0].proto.json)


@pytest.fixture
def canary(workspace, tmp_path):
    """Import clips whose file names and labels must not reach the browser with the sound."""
    store = open_store(workspace)
    corpus = write_folders(tmp_path / "canary", labels=("panic",), speakers=2)
    import_corpus(store, "folder", corpus, ImportOptions(dataset="canary", origin="real"))
    return store


def test_what_the_browser_gets_tells_nothing_of_the_clip(canary):
    at = AppTest.from_string(PAGE).run()
    assert not at.exception
    data = data_of(at)
    assert re.fullmatch(r"(/mock)?/media/[0-9a-f]+\.wav", data["url"])
    assert re.fullmatch(r"(/mock)?/media/[0-9a-f]+\.png", data["spectrogram"])
    assert len(data["next"]) == 2 and data["url"] not in data["next"]
    sent = json.dumps(data)
    for row in find_clips(canary, ClipQuery()).rows:
        for secret in (row.clip.id, row.clip.file, row.clip.speaker, *row.labels.values(), "canary"):
            assert secret not in sent


def test_a_clip_costs_few_bytes(canary):
    data = data_of(AppTest.from_string(PAGE).run())
    assert len(data["peaks"]) == 2 * media.N_COLUMNS
    assert all(isinstance(peak, int) and -127 <= peak <= 127 for peak in data["peaks"])
    assert len(json.dumps(data)) < 8_000


def test_nothing_is_reported_before_anything_was_heard(canary):
    at = AppTest.from_string(PAGE).run()
    assert str(Listened()) in at.caption[0].value


def test_a_rendering_is_a_sound_of_fixed_loudness_with_its_picture(tmp_path):
    path = tmp_path / "quiet.wav"
    sf.write(path, 0.02 * tone("panic", 1, 1, seconds=2.0), 16_000)
    made = media._render(str(path), None, None, own=True)
    played, rate = sf.read(io.BytesIO(made.wav))
    assert rate == 16_000 and loudness(played, rate) == pytest.approx(TARGET_LUFS, abs=0.5)
    assert made.duration == pytest.approx(2.0) and not made.silent
    assert max(made.peaks) == pytest.approx(127 * played.max(), abs=1)
    assert len(made.wav) == 44 + 2 * 32_000 and len(made.png) < 40_000


def test_a_span_is_rendered_alone(tmp_path):
    path = tmp_path / "long.wav"
    sf.write(path, tone("panic", 1, 1, seconds=2.0), 16_000)
    made = media._render(str(path), 0.5, 1.25, own=True)
    assert made.duration == pytest.approx(0.75)


def test_silence_is_told_and_left_alone(tmp_path):
    path = tmp_path / "silence.wav"
    sf.write(path, np.zeros(16_000), 16_000)
    made = media._render(str(path), None, None, own=True)
    played, _ = sf.read(io.BytesIO(made.wav))
    assert made.silent and not played.any() and not any(made.peaks)


def test_a_clip_is_rendered_once_until_its_file_changes(workspace, tmp_path, monkeypatch):
    clip = a_clip(tmp_path / "one.wav", tone("panic", 1, 1))
    first = media.sound_of(workspace, clip)
    monkeypatch.setattr("affexion_core.audio.decode.load_audio", lambda *_: pytest.fail("decoded again"))
    assert media.sound_of(workspace, clip) == first
    monkeypatch.undo()
    Path(clip.file).unlink()
    with pytest.raises(AudioError, match="does not exist"):
        media.sound_of(workspace, clip)


def test_long_and_short_clips_in_turn_are_rendered_once_each(workspace, tmp_path, monkeypatch):
    long = a_clip(tmp_path / "long.wav", tone("panic", 1, 1, media._LONG + 1))
    short = a_clip(tmp_path / "short.wav", tone("panic", 1, 2))
    made = [media.sound_of(workspace, clip) for clip in (long, short)]
    monkeypatch.setattr(media, "_render", lambda *_: pytest.fail("rendered again"))
    assert [media.sound_of(workspace, clip) for clip in (long, short, long, short)] == made * 2


def test_what_is_no_sound_is_told(workspace, tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("no sound")
    clip = Clip("broken", str(path), "0" * 64, "real", "test", 1.0, 16_000)
    with pytest.raises(AudioError, match="text.wav"):
        media.sound_of(workspace, clip)


HELD = """
import streamlit as st
from streamlit import runtime
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace
from affexion_ui.sound import media
media._HELD = 3
store = open_store(open_workspace())
clips = [row.clip for row in find_clips(store, ClipQuery()).rows]
urls = [media.sound_of(store.workspace, clips[i], spectrogram=False).url for i in (0, 1, 2, 0, 3)]
manager = runtime.get_instance().media_file_mgr
manager.remove_orphaned_files()
kept = [manager.read_file(url.split("/")[-1].removesuffix(".wav")) is not None for url in urls]
st.caption(f"{kept}")
"""


def test_of_many_sounds_in_a_fragment_the_last_stay(canary, monkeypatch):
    monkeypatch.setattr(media, "_HELD", media._HELD)
    at = AppTest.from_string(HELD).run()
    assert not at.exception
    assert at.caption[0].value == "[True, False, True, True, True]", "the one longest unused made room"


@pytest.mark.parametrize(
    "told",
    [None, "words", {"url": "/other"}, {"url": "/u", "heard": "x"}, {"url": "/u", "heard": 1, "region": {"start": 1}},
     {"url": "/u", "heard": None}],
)  # fmt: skip
def test_what_a_browser_says_of_another_clip_or_wrongly_counts_for_nothing(told):
    assert _listened(told, "/u") == Listened()


def test_what_a_browser_says_is_read():
    told = {"url": "/u", "heard": 1.2, "region": {"start": 0.5, "end": 1}}
    assert _listened(told, "/u") == Listened((0.5, 1.0), 1.0)


def test_a_strip_is_dark_in_silence_and_bright_at_the_tone():
    time = np.arange(16_000) / 16_000
    picture = Image.open(io.BytesIO(spectrogram_png(spectrogram(np.sin(2 * np.pi * 1000 * time), 16_000))))
    assert picture.height == N_ROWS
    shades = np.asarray(picture).astype(int)[:, 10:-10].mean(axis=1)
    # 1 kHz is 1000 mel of 2840: the brightest row from the top
    assert np.argmax(shades) == pytest.approx(N_ROWS * (1 - 1000 / 2840), abs=2)
    palette = picture.getpalette()
    assert sum(palette[:3]) < sum(palette[3 * 63 : 3 * 64]), "bright is loud"
    silent = Image.open(io.BytesIO(spectrogram_png(spectrogram(np.zeros(16_000), 16_000))))
    assert not np.asarray(silent).any()


def test_the_class_stands_alone_to_be_joined_with_other_code():
    source = player_source()
    assert "class Player" in source
    assert not re.search(r"^(export|import)", source, re.MULTILINE)
    assert "AudioContext" not in source
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", source)
    assert not re.search(r"#[0-9a-f]{6}", source), "colours stand in the style"
    styled = re.sub(r"\{[^{}]*\}", " ", player_style())
    assert all(".sound" in rule for rule in styled.split("\n") if rule.strip().startswith(".")), "styles only its own"


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to parse the script")
def test_the_script_parses(tmp_path):
    module = tmp_path / "player.mjs"
    module.write_text(player_source() + (Path(media.__file__).parent / "mount.js").read_text())
    subprocess.run(["node", "--check", str(module)], check=True)
