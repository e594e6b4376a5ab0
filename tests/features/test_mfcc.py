from pathlib import Path

import librosa
import numpy as np
import pytest

from affexion_core.audio.decode import load_audio
from affexion_core.config import build
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import AudioError, ConfigError
from affexion_core.features.mfcc import Config, extract, extract_batch, n_features
from affexion_core.types import Utterance

RATE = 16_000


def from_librosa(signal: np.ndarray, n_deltas: int = 2, **settings: object) -> np.ndarray:
    base = librosa.feature.mfcc(y=signal, sr=RATE, **{"n_mfcc": 25, "hop_length": 160, **settings})
    rows = [base] + [librosa.feature.delta(base, order=order) for order in range(1, n_deltas + 1)]
    return np.concatenate(rows).T


@pytest.fixture(scope="module")
def speech(shared_audio: Path) -> list[Utterance]:
    """Fifteen clips of real speech, three of each corpus."""
    paths = [
        path
        for corpus in ("cremad", "emodb", "ravdess", "tess", "emospeech")
        for path in sorted((shared_audio / corpus).rglob("*.flac"))[::40][:3]
    ]
    assert len(paths) == 15
    return [Utterance(load_audio(path).signal, RATE) for path in paths]


@pytest.mark.shared_audio
def test_the_papers_features_of_real_speech_equal_librosa(speech: list[Utterance]) -> None:
    for utterance, features in zip(speech, extract_batch(speech, Config()), strict=True):
        expected = from_librosa(utterance.signal)
        assert features.shape == expected.shape == (1 + len(utterance.signal) // 160, 75)
        assert features.dtype == np.float32
        assert np.abs(features - expected).max() < 3e-4


@pytest.mark.shared_audio
@pytest.mark.parametrize(
    "settings",
    [
        {"n_mfcc": 13, "n_fft": 512, "hop_length": 128, "n_mels": 40, "fmin": 50.0, "fmax": 7_000.0},
        {"n_mfcc": 20, "lifter": 22.0},
        {"n_mfcc": 30, "dct_type": 3, "norm": None},
        {"n_mfcc": 12, "n_mels": 33, "norm": None},
        {"n_mfcc": 7, "n_fft": 400, "n_mels": 26},
        {"n_fft": 512, "win_length": 400, "n_mels": 40},
        {"n_fft": 1024, "win_length": 641, "hop_length": 256},
    ],
)
def test_other_settings_equal_librosa(settings: dict[str, object], speech: list[Utterance]) -> None:
    config = build(Config, settings)
    expected = from_librosa(speech[4].signal, **settings)
    features = extract(speech[4], config)
    assert features.shape == (len(expected), n_features(config))
    assert np.abs(features - expected).max() < 1e-5 * np.abs(expected).max()


@pytest.mark.shared_audio
def test_together_and_alone_are_the_same(speech: list[Utterance]) -> None:
    quiet = [Utterance(utterance.signal * 1e-4, RATE) for utterance in speech[:3]]  # their floor lies elsewhere
    mixed = [speech[0], quiet[0], speech[1], quiet[1], speech[2], quiet[2]]
    for together, utterance in zip(extract_batch(mixed, Config()), mixed, strict=True):
        assert np.array_equal(together, extract(utterance, Config()))


@pytest.mark.parametrize("deltas", [0, 1, 2])
def test_derivatives_stand_behind_the_coefficients(deltas: int) -> None:
    utterance = Utterance(np.random.default_rng(0).uniform(-0.1, 0.1, RATE).astype(np.float32), RATE)
    config = Config(n_mfcc=13, deltas=deltas)
    features = extract(utterance, config)
    assert features.shape == (101, n_features(config)) == (101, 13 * (deltas + 1))
    assert np.array_equal(features, extract(utterance, Config(n_mfcc=13))[:, : features.shape[1]])


@pytest.mark.parametrize("n_samples", [1, 159, 160, 500, 1_300])
def test_clips_shorter_than_the_derivatives_window(n_samples: int) -> None:
    signal = np.random.default_rng(0).uniform(-0.1, 0.1, n_samples).astype(np.float32)
    features = extract(Utterance(signal, RATE), Config())
    assert features.shape == (1 + n_samples // 160, 75)
    assert np.isfinite(features).all()
    assert (features[:, 25:] != 0).any() == (len(features) >= 3)


def test_silence_is_finite_and_still() -> None:
    features = extract(Utterance(np.zeros(RATE, np.float32), RATE), Config())
    assert np.isfinite(features).all() and np.abs(features[:, 25:]).max() < 1e-3


def test_refuses_another_rate_and_empty_signals() -> None:
    with pytest.raises(AudioError, match="has 44100 Hz, the front-end is set to 16000 Hz"):
        extract(Utterance(np.zeros(100, np.float32), 44_100), Config())
    with pytest.raises(AudioError, match=r"has shape \(0,\)"):
        extract(Utterance(np.zeros(0, np.float32), RATE), Config())
    assert extract_batch([], Config()) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_mfcc": 0}, "n_mfcc = 0"),
        ({"n_mfcc": 40, "n_mels": 30}, "n_mfcc = 40 is more than n_mels = 30"),
        ({"win_length": 4096}, "win_length = 4096 is more than n_fft = 2048"),
        ({"delta_width": 8}, "delta_width = 8 is even"),
        ({"fmin": 5_000.0, "fmax": 4_000.0}, "choose fmin < fmax <= 8000 Hz"),
        ({"fmax": 9_000.0}, "choose fmin < fmax <= 8000 Hz"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(Config, settings)


def test_it_is_found_by_name() -> None:
    assert "mfcc" in plugin_names("features")
    assert load_plugin("features", "mfcc").n_features(Config()) == 75
