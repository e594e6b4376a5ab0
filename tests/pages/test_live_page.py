import io
import shutil
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from affexion_core.audio.decode import load_audio
from affexion_core.errors import AudioError
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import create_project
from affexion_core.labeling.queue import draw
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording
from affexion_core.live.recording import decode_wav
from affexion_core.live.resampling import Packet
from affexion_core.live.session import LiveSession, Snapshot
from affexion_core.predictor import Predictor
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_ui.live_display import drawn
from affexion_ui.live_panel import connection_words, needs_https, trouble_words


def snapshot(readings=(), **more):
    values = {"seconds": 3.0, "skipped": 0, "lost": 0.0, "late": 0.0, "behind": False, "silent_for": 0.01}
    return Snapshot(tuple(readings), ("a", "b"), **{**values, **more})


@pytest.fixture
def heard(in_study):
    predictor = Predictor.load(in_study.store.workspace.root / "runs" / in_study.trained.id)

    def made(signal, **settings):
        return snapshot(read_recording(Recogniser(predictor, LiveSettings(**settings)), signal.astype(np.float32)))

    return made


def test_an_empty_workspace_says_how_to_get_a_run(workspace, open_page, words):
    at = open_page("live")
    assert not at.exception and "No trained run yet" in words(at)


def test_redrawing_doesnt_stop_the_app():
    """Streamlit's collection after every run held all threads for 0.2 s, four times a second and listener."""
    config = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["runner"]["postScriptGC"] is False


def test_a_run_is_chosen_and_nothing_is_heard_before_it_is_asked_for(in_study, open_page, words, monkeypatch):
    # AppTest has no server that a browser's microphone could reach; tests/browser has
    monkeypatch.setattr("affexion_ui.live_panel.show_microphone", lambda servers, mic: (False, False))
    at = open_page("live", run=in_study.trained.id)
    assert not at.exception
    assert "The microphone is off." in words(at)
    assert at.selectbox("live-run").value == in_study.trained.id
    assert len(at.selectbox("live-run").options) == 2
    assert "held in memory only" in words(at)


@pytest.mark.parametrize(
    ("url", "withheld"),
    [
        ("http://127.0.0.1:8501/live", False),
        ("http://localhost:8501/live", False),
        ("http://192.168.0.7:8501/live", True),
        ("https://lab.example.org/live", False),
        (None, False),
    ],
)
def test_plain_http_from_elsewhere_is_told(url, withheld):
    assert needs_https(url) is withheld


def test_the_connection_is_put_into_words():
    assert "off" in connection_words(False, False, None)[1]
    assert "Connecting" in connection_words(False, True, None)[1]
    assert "waiting" in connection_words(True, False, snapshot(silent_for=None))[1]
    assert "ICE" in connection_words(True, False, snapshot(silent_for=4.0))[1]
    assert connection_words(True, False, snapshot(lost=0.2))[1] == "Listening for 3 s, 0.2 s lost on the way."


def test_silence_clipping_and_being_behind_are_told_with_what_to_do(heard):
    (silent,) = trouble_words(heard(np.zeros(64_000)))
    assert silent.startswith("Only silence")
    loud = heard(np.sign(np.sin(np.arange(64_000) / 20)))
    assert "clipped" in trouble_words(loud)[0]
    assert drawn(loud)["clipping"] and drawn(loud)["meter"] == 1.0
    quiet = heard(0.01 * np.sin(np.arange(64_000) / 20))
    assert trouble_words(quiet) == []
    late = Snapshot(quiet.readings, quiet.labels, 4.0, 7, 0.0, 0.0, True, 0.1)
    assert "7 steps skipped" in trouble_words(late)[0]


def test_what_is_drawn_is_what_was_read(heard):
    seen = heard(0.1 * np.random.default_rng(0).normal(size=64_000), speech_seconds=0)
    data, last = drawn(seen), seen.readings[-1]
    assert data["time"] == 4.0 and data["label"] == last.label
    assert data["level"] == pytest.approx(last.level_dbfs, abs=0.01)
    assert data["readings"][-1][1] == pytest.approx(last.smoothed, abs=1e-3)
    assert drawn(None)["state"] == "waiting"


def test_a_recording_is_decoded_in_memory():
    file = io.BytesIO()
    sf.write(file, np.zeros((48_000, 2)), 48_000, format="WAV")
    assert len(decode_wav(file.getvalue())) == 16_000
    empty = io.BytesIO()
    sf.write(empty, np.zeros((0, 1)), 16_000, format="WAV")
    with pytest.raises(AudioError, match="0 s long"):
        decode_wav(empty.getvalue())
    with pytest.raises(AudioError, match="not a sound file"):
        decode_wav(b"no sound")


def test_pressing_keep_puts_what_was_said_into_library_and_queue(
    study, workspace, open_page, words, monkeypatch, shared_audio
):
    shutil.copytree(study.store.workspace.root, workspace.root, dirs_exist_ok=True)
    store = open_store(workspace)
    olga = add_person(store, "Olga")
    clips = [row.clip.id for row in find_clips(store, ClipQuery()).rows]
    create_project(store, olga, "Round", shipped_schemes()["affexion"], clips[:2])
    said = load_audio(sorted((shared_audio / "cremad" / "AudioWAV").glob("1001_*.flac"))[0]).signal
    monkeypatch.setattr("affexion_ui.live_panel.show_microphone", lambda servers, mic: (False, False))
    at = open_page("live", run=study.trained.id)
    at.session_state["person"] = "Olga"
    at.run()
    mic = at.session_state["live-microphone-sink"]
    mic.session = LiveSession(Recogniser(Predictor.load(Path(study.trained.folder))))
    mic.session.feed(Packet(said[:, None], 16_000, 0))
    for _ in range(200):
        if len(mic.session.recording()):
            break
        time.sleep(0.05)
    assert at.button("live-keep").disabled
    at.text_input("live-speaker").set_value("Sam")
    at.selectbox("live-project").select("Round")
    at.checkbox("live-consent").check().run()
    assert not at.button("live-keep").disabled
    at.button("live-keep").click().run()
    assert not at.exception
    assert "1 clip kept in the library; 1 of them wait in Round." in at.success[0].value
    (row,) = find_clips(store, ClipQuery(corpus="live")).rows
    assert not row.labels and row.clip.speaker == "live:Sam"
    assert row.clip.id in {task.clip_id for task in draw(store, "Round", olga, 4)}
    assert not len(mic.session.recording())
    mic.session.stop()
