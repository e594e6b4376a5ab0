"""Preprocessing reaches every way in: library, files and microphone hear the same."""

import dataclasses

import numpy as np
import pytest
import soundfile

from affexion_core.audio.decode import file_sha256
from affexion_core.audio.preprocessing import PreprocessingConfig
from affexion_core.discovery import load_plugin
from affexion_core.extraction import FrontEnd, extracted, features_of, utterance_of
from affexion_core.features import logmel
from affexion_core.training.run_config import config_from_json, config_to_json, from_preset, with_settings
from affexion_core.types import Clip, clip_id

PLAIN = FrontEnd("logmel", logmel.Config())
TRIMMED = FrontEnd("logmel", logmel.Config(), PreprocessingConfig(amplitude="peak", trim_db=30.0))


@pytest.fixture
def clip(workspace) -> Clip:
    signal = np.zeros(32_000, np.float32)
    signal[8_000:20_000] = 0.1 * np.sin(np.arange(12_000) * 0.2)
    path = workspace.audio / "tone.flac"
    soundfile.write(path, signal, 16_000)
    sha256 = file_sha256(path)
    return Clip(
        id=clip_id(sha256, None, None), file="audio/tone.flac", sha256=sha256, origin="real", corpus="tones",
        duration=2.0, sampling_rate=16_000,
    )  # fmt: skip


def test_library_and_utterance_hear_the_same_and_the_cache_tells_recipes_apart(workspace, clip):
    whole, trimmed = (features_of(workspace, [clip], front_end)[0] for front_end in (PLAIN, TRIMMED))
    assert len(whole) == 201 and 75 <= len(trimmed) <= 95
    np.testing.assert_array_equal(extracted(TRIMMED, [utterance_of(workspace, clip)])[0], trimmed)
    assert len({path.parent.parent for path in workspace.features.rglob("*.npy")}) == 2


def test_recipes_keep_their_preprocessing_and_older_ones_have_none():
    config = from_preset(load_plugin("presets", "crnn-tess").PRESET)
    assert config.preprocessing.trim_db == 30.0 and config.preprocessing.amplitude == "peak"
    assert config_from_json(config_to_json(config)) == config
    changed = with_settings(config, {"trim_db": "0", "preprocessing.amplitude": "rms"})
    assert changed.preprocessing == dataclasses.replace(config.preprocessing, trim_db=0.0, amplitude="rms")
    old = {key: value for key, value in config_to_json(config).items() if key != "preprocessing"}
    assert config_from_json(old).preprocessing.does_nothing
