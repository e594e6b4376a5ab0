import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from click.testing import CliRunner
from small_study import make_study

from affexion_core.__main__ import cli
from affexion_core.audio.decode import Limits, load_audio
from affexion_core.audio.streaming import stream_audio
from affexion_core.errors import AudioError
from affexion_core.evaluation.calibration import Calibration
from affexion_core.predict_files import predict_files, predict_with
from affexion_core.predictor import Predictor
from affexion_core.timeline.recognising import recognise


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("timeline"))


@pytest.fixture(scope="module")
def predictor(study):
    return Predictor.load(Path(study.trained.folder))


@pytest.fixture(scope="module")
def long_recording(shared_audio, tmp_path_factory):
    """Real clips with 2 s of silence between them, one of them repeated to 20 s of speech; and where they stand."""
    clips = sorted((shared_audio / "cremad" / "AudioWAV").glob("1001_*.flac"))[:4]
    parts, places, at = [], [], 0
    for number, clip in enumerate(clips):
        signal = load_audio(clip).signal
        signal = np.tile(signal, 8) if number == 2 else signal
        parts += [np.zeros(32_000, np.float32), signal]
        places.append(((at + 32_000) / 16_000, (at + 32_000 + len(signal)) / 16_000))
        at += 32_000 + len(signal)
    path = tmp_path_factory.mktemp("long") / "long.wav"
    sf.write(path, np.concatenate(parts), 16_000, subtype="PCM_16")
    return path, places


@pytest.mark.parametrize("name", ["*.wav", "*.m4a", "*.mp3", "*.webm"])
def test_a_stream_joined_is_the_file_as_loaded(shared_audio, name):
    for path in (shared_audio / "odd").glob(name):
        pieces = list(stream_audio(path))
        assert np.array_equal(np.concatenate(pieces), load_audio(path).signal)


def test_a_stream_comes_in_equal_pieces(long_recording):
    sizes = [len(piece) for piece in stream_audio(long_recording[0])]
    assert set(sizes[:-1]) == {80_000} and 0 < sizes[-1] <= 80_000


def test_too_long_and_empty_recordings_are_refused(long_recording, tmp_path):
    with pytest.raises(AudioError, match="at most"):
        list(stream_audio(long_recording[0], Limits(max_seconds=1, max_channels=1, max_rate=16_000)))
    sf.write(tmp_path / "none.wav", np.zeros(0), 16_000)
    with pytest.raises(AudioError, match="holds no sound"):
        list(stream_audio(tmp_path / "none.wav"))


def test_speech_is_found_where_it_is(predictor, long_recording):
    path, places = long_recording
    timeline = recognise(predictor, path)
    assert timeline.duration == pytest.approx(load_audio(path).duration)
    for segment in timeline.segments:
        assert any(start - 0.4 <= segment.start and segment.end <= end + 0.4 for start, end in places)
    for start, end in places:
        inside = [s for s in timeline.segments if s.start < end and s.end > start]
        assert sum(s.end - s.start for s in inside) > 0.4 * (end - start)
    assert len([s for s in timeline.segments if s.start > places[2][0] - 1 and s.end < places[2][1] + 1]) >= 4


def test_a_segment_has_the_numbers_of_its_part_as_a_file(predictor, long_recording, tmp_path):
    path, _ = long_recording
    for number, segment in enumerate(recognise(predictor, path).segments):
        part = load_audio(path, *segment.heard).signal
        sf.write(tmp_path / f"{number}.wav", part, 16_000, subtype="FLOAT")
        (row,) = predict_with(predictor, [tmp_path / f"{number}.wav"])
        assert list(row["probs"].values()) == pytest.approx(segment.probs, abs=1e-4)
        assert row["unsure"] == segment.unsure and row["label"] == segment.label


def test_silence_gives_an_empty_timeline(predictor, tmp_path):
    sf.write(tmp_path / "quiet.wav", np.zeros(160_000, np.float32), 16_000)
    assert recognise(predictor, tmp_path / "quiet.wav").segments == ()


def test_progress_never_goes_back(predictor, long_recording):
    seen = []
    recognise(predictor, long_recording[0], progress=lambda done, total, _: seen.append(done / total))
    assert seen == sorted(seen) and 0.9 < seen[-1] <= 1


def test_unsure_follows_the_threshold(study, predictor, tmp_path):
    files = sorted((study.store.workspace.root.parent / "people").rglob("*.wav"))[:4]
    rows = list(predict_files(Path(study.trained.folder), files))
    assert [row["unsure"] for row in rows] == [max(row["probs"].values()) < 0.5 for row in rows]
    strict = Predictor(predictor.models, predictor.device, Calibration(1.0, 1.0, 40, "folds"))
    assert all(row["unsure"] for row in predict_with(strict, files))
    hot = Predictor(predictor.models, predictor.device, Calibration(20.0, 0.3, 40, "folds"))
    judged = list(predict_with(hot, files))
    assert all(row["unsure"] for row in judged)  # flattened to a quarter each
    assert [row["probs"] for row in judged] == [row["probs"] for row in rows]


def test_the_verb_writes_what_it_says(study, long_recording, tmp_path, monkeypatch):
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    outs = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "textgrid", "webvtt")}
    options = [word for kind, out in outs.items() for word in (f"--{kind}", str(out))]
    root = str(study.store.workspace.root)
    done = CliRunner().invoke(
        cli, ["--workspace", root, "timeline", study.trained.id, str(long_recording[0]), "--json", *options]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert len(outs["csv"].read_text().splitlines()) == len(found["segments"]) + 1
    assert outs["webvtt"].read_text().startswith("WEBVTT")
    assert 'class = "IntervalTier"' in outs["textgrid"].read_text()
    assert set(found["segments"][0]) == {"start", "end", "heard", "label", "probs", "unsure"}
