import numpy as np
import pytest

from affexion_core.errors import ModelError
from affexion_core.live.export import export_onnx, load_exported
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording
from affexion_core.types import Utterance

pytest.importorskip("onnxruntime")


def test_an_exported_run_gives_the_same_answers_for_any_length(spoken_run, predictor):
    with pytest.raises(ModelError, match="export the run first"):
        load_exported(spoken_run)
    done = export_onnx(spoken_run)
    assert [file.name for file in done.files] == ["model.onnx"] and 0 < done.greatest_difference < 1e-4
    exported, rng = load_exported(spoken_run), np.random.default_rng(0)
    sounds = [Utterance((0.1 * rng.normal(size=n)).astype(np.float32), 16_000) for n in (900, 7_000, 16_000, 48_000)]
    one, other = predictor.of_utterances(sounds), exported.of_utterances(sounds)
    np.testing.assert_allclose(one.probs, other.probs, atol=1e-5)
    for mine, theirs in zip(one.attention, other.attention, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    settings = LiveSettings(speech_seconds=0)
    readings = read_recording(Recogniser(exported, settings), sounds[2].signal)
    assert all(reading.probs is not None for reading in readings)
    assert not list(spoken_run.glob(".model.onnx*"))


def test_a_damaged_export_is_told(spoken_run):
    (spoken_run / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="export the run again"):
        load_exported(spoken_run)
    (spoken_run / "model.onnx").unlink()
