from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.audio.decode import load_audio
from affexion_core.config import build
from affexion_core.errors import AudioError, ConfigError
from affexion_core.features.logmel import Config, extract, extract_batch, n_features
from affexion_core.types import Utterance

RATE = 16_000


def from_librosa(signal: np.ndarray, top_db: float | None = 80.0, **changes: object) -> np.ndarray:
    power = librosa.feature.melspectrogram(
        y=signal, sr=RATE, **{"n_fft": 1024, "hop_length": 160, "n_mels": 64, **changes}
    )
    return librosa.power_to_db(power, top_db=top_db).T


@pytest.fixture(scope="module")
def speech(shared_audio: Path) -> list[Utterance]:
    paths = [
        path
        for corpus in ("cremad", "emodb", "ravdess", "tess", "emospeech")
        for path in sorted((shared_audio / corpus).rglob("*.flac"))[7::50][:2]
    ]
    return [Utterance(load_audio(path).signal, RATE) for path in paths]


@pytest.mark.shared_audio
@pytest.mark.parametrize(
    "changes",
    [{}, {"n_mels": 128, "n_fft": 2048}, {"n_mels": 40, "fmin": 60.0, "fmax": 7_600.0, "hop_length": 200}],
)
def test_spectrograms_of_real_speech_equal_librosa(speech: list[Utterance], changes: dict[str, object]) -> None:
    config = build(Config, changes)
    for utterance, features in zip(speech, extract_batch(speech, config), strict=True):
        expected = from_librosa(utterance.signal, **changes)
        assert features.shape == expected.shape == (len(expected), n_features(config))
        assert features.dtype == np.float32
        assert np.abs(features - expected).max() < 3e-3


@pytest.mark.shared_audio
def test_the_floor_is_each_clips_own_and_may_be_taken_away(speech: list[Utterance]) -> None:
    quiet = Utterance(speech[0].signal * np.float32(1e-3), RATE)
    together = extract_batch([speech[0], quiet], Config())
    np.testing.assert_allclose(together[1], extract(quiet, Config()), atol=1e-3)
    np.testing.assert_allclose(together[1], from_librosa(quiet.signal), atol=5e-3)
    without = extract(speech[0], Config(top_db=None))
    np.testing.assert_allclose(without, from_librosa(speech[0].signal, top_db=None), atol=5e-3)


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 5_000), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_together_and_alone_are_the_same(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    clips = [Utterance(rng.uniform(-0.5, 0.5, n).astype(np.float32), RATE) for n in lengths]
    for utterance, features in zip(clips, extract_batch(clips, Config()), strict=True):
        assert features.shape == (1 + len(utterance.signal) // 160, 64)
        np.testing.assert_allclose(features, extract(utterance, Config()), atol=1e-3)


def test_silence_is_finite_and_what_does_not_fit_is_refused() -> None:
    assert np.isfinite(extract(Utterance(np.zeros(RATE, np.float32), RATE), Config())).all()
    with pytest.raises(AudioError, match="has 44100 Hz, the front-end is set to 16000 Hz"):
        extract(Utterance(np.zeros(100, np.float32), 44_100), Config())
    with pytest.raises(ConfigError, match="choose fmin < fmax <= 8000 Hz"):
        build(Config, {"fmax": 9_000.0})
    assert extract_batch([], Config()) == []
