import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from small_study import make_study

from affexion_core.predictor import Predictor
from affexion_core.timeline import following
from affexion_core.timeline.following import Following
from affexion_core.timeline.recognising import recognise


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor.load(Path(make_study(tmp_path_factory.mktemp("following")).trained.folder))


@pytest.fixture(scope="module")
def recording(shared_audio, tmp_path_factory):
    """Half an hour, so that it lasts; a sentence now and then."""
    clip = sorted((shared_audio / "cremad" / "AudioWAV").glob("1001_*.flac"))[0]
    signal, rate = sf.read(clip)
    path = tmp_path_factory.mktemp("long") / "long.wav"
    sf.write(path, np.concatenate([np.tile(signal, 4), np.zeros(1800 * rate)]), rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def short(recording, tmp_path_factory):
    signal, rate = sf.read(recording, frames=160_000)
    path = tmp_path_factory.mktemp("short") / "short.wav"
    sf.write(path, signal, rate)
    return path


def test_it_gives_what_recognise_gives(predictor, short):
    at = Following(predictor, short, "talk")
    assert at.wait(30) and at.error is None and not at.stopped
    assert at.timeline == recognise(predictor, short, name="talk")
    assert at.look().share == pytest.approx(1, abs=0.5)


def test_nobody_waits_and_it_can_be_stopped(predictor, recording):
    begin = time.monotonic()
    at = Following(predictor, recording)
    assert time.monotonic() - begin < 0.5 and not at.done
    shares = []
    while (len(shares) < 3 or shares[-1] == 0) and time.monotonic() - begin < 20:
        shares.append(at.look().share)
        time.sleep(0.05)
    assert shares == sorted(shares) and 0 < shares[-1] < 1
    assert at.look().total == pytest.approx(1810, abs=10) and at.look().what == "finding speech"
    at.stop()
    assert at.wait(5) and at.stopped and at.timeline is None
    assert not [t for t in threading.enumerate() if t.name == "timeline"]


def test_one_that_nobody_looks_at_ends(predictor, recording, monkeypatch):
    monkeypatch.setattr(following, "ABANDONED_SECONDS", 0.1)
    at = Following(predictor, recording)
    assert at.wait(10) and at.stopped


def test_what_goes_wrong_is_told(predictor, tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    at = Following(predictor, tmp_path / "bad.wav")
    assert at.wait(10) and "bad.wav" in at.error
