"""A stream heard by a run that predicts numbers as well."""

from pathlib import Path

import numpy as np
import pytest
from dimension_tones import write_tones

from affexion_core.discovery import load_plugin
from affexion_core.errors import ModelError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording
from affexion_core.predictor import Predictor
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.types import Utterance


def test_a_reading_says_the_numbers_that_the_predictor_says_of_its_window(workspace, tmp_path):
    store = open_store(workspace)
    import_corpus(store, "csv", write_tones(tmp_path / "tones"), ImportOptions(dataset="tones"))
    dataset = load_dataset(store, "tones")
    config = from_preset(load_plugin("presets", "ridge-functionals").PRESET)
    run = run_here(store, RunRequest("train", with_settings(config, {"targets": "joint"}), dataset))
    predictor = Predictor.load(Path(run.folder))
    settings = LiveSettings(window_seconds=0.5, step_seconds=0.5, speech_seconds=0.0)
    signal = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    readings = read_recording(Recogniser(predictor, settings), signal)
    for reading, window in zip(readings, (signal[:8000], signal[8000:]), strict=True):
        said = predictor.of_utterances([Utterance(window, 16000)]).values[0]
        assert list(reading.values.values()) == pytest.approx(said) and list(reading.values) == ["arousal", "valence"]
    alone = run_here(store, RunRequest("train", config, dataset))
    with pytest.raises(ModelError, match="predicts arousal, valence alone"):
        Recogniser(Predictor.load(Path(alone.folder)))
