import dataclasses
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.audio.decode import load_audio
from affexion_core.audio.preprocessing import PreprocessingConfig, gated, levelled, of_length, preprocess, sounding_part
from affexion_core.config import build
from affexion_core.errors import ConfigError

RATE = 16_000
ALL = PreprocessingConfig(amplitude="peak", noise_reduction=0.8, trim_db=30.0, fixed_seconds=2.0)


@pytest.fixture(scope="module")
def speech(shared_audio: Path) -> list[np.ndarray]:
    """Real speech; RAVDESS has half a second and more of silence before and after."""
    paths = [
        path
        for corpus in ("ravdess", "emodb", "cremad", "emospeech", "tess")
        for path in sorted((shared_audio / corpus).rglob("*.flac"))[3::60][:3]
    ]
    return [load_audio(path).signal for path in paths]


def noisy(signal: np.ndarray, level: float, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=len(signal)).astype(np.float32)
    return signal + np.float32(level) * noise


def test_off_gives_the_very_signal_back() -> None:
    signal = np.random.default_rng(0).uniform(-0.1, 0.1, 5_000).astype(np.float32)
    assert PreprocessingConfig().does_nothing and not ALL.does_nothing
    assert preprocess(signal, RATE, PreprocessingConfig()).signal is signal


@pytest.mark.shared_audio
@pytest.mark.parametrize("below", [20.0, 30.0, 60.0])
def test_trimming_real_speech_equals_librosa(speech: list[np.ndarray], below: float) -> None:
    for signal in speech:
        _, (start, end) = librosa.effects.trim(signal, top_db=below)
        assert sounding_part(signal, below) == (start, end)


@pytest.mark.shared_audio
def test_trimming_takes_silence_away_and_says_where_the_rest_starts(speech: list[np.ndarray]) -> None:
    signal = np.concatenate([np.zeros(8_000, np.float32), speech[3], np.zeros(4_000, np.float32)])
    found = preprocess(signal, RATE, PreprocessingConfig(trim_db=40.0))
    start = round(found.start * RATE)
    assert start >= 8_000 - 1_024
    np.testing.assert_array_equal(found.signal, signal[start : start + len(found.signal)])
    assert np.square(found.signal).sum() > 0.99 * np.square(signal).sum()


def test_levels_are_what_they_say() -> None:
    signal = 0.02 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    assert np.abs(levelled(signal, "peak")).max() == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(levelled(signal, "peak"), librosa.util.normalize(signal), rtol=1e-5, atol=1e-7)
    assert np.sqrt(np.mean(np.square(levelled(signal, "rms")))) == pytest.approx(0.1, rel=1e-5)
    hiss = np.full(100, 5e-5, np.float32)
    assert levelled(hiss, "peak") is hiss and levelled(hiss, "rms") is hiss


def test_a_fixed_length_cuts_or_fills_up() -> None:
    assert of_length(np.arange(5), 3).tolist() == [0, 1, 2]
    assert of_length(np.arange(3), 5).tolist() == [0, 1, 2, 0, 0]
    assert len(preprocess(np.ones(7, np.float32), RATE, PreprocessingConfig(fixed_seconds=0.5)).signal) == 8_000


@pytest.mark.shared_audio
def test_gating_quietens_noise_in_pauses_and_leaves_speech(speech: list[np.ndarray]) -> None:
    for seed, signal in enumerate(speech[:3]):
        start, end = sounding_part(signal, 30.0)
        assert start > 4_000, "this corpus pauses before it speaks"
        loud = np.sqrt(np.mean(np.square(signal[start:end])))
        given_signal = noisy(signal, 0.3 * loud, seed)
        cleaned = gated(given_signal, RATE, 0.9)
        pause = slice(0, start - 2_000)
        quieter = 10 * np.log10(np.square(given_signal[pause]).sum() / np.square(cleaned[pause]).sum())
        assert quieter > 8
        before = np.square(given_signal[start:end] - signal[start:end]).sum()
        after = np.square(cleaned[start:end] - signal[start:end]).sum()
        assert after < before
        assert np.corrcoef(cleaned[start:end], signal[start:end])[0, 1] > 0.98


@pytest.mark.shared_audio
def test_gating_does_not_hurt_clean_speech(speech: list[np.ndarray]) -> None:
    for signal in speech:
        cleaned = gated(signal, RATE, 0.8)
        assert cleaned.dtype == np.float32 and len(cleaned) == len(signal)
        assert np.corrcoef(cleaned, signal)[0, 1] > 0.97


def test_gating_by_nothing_changes_nothing() -> None:
    signal = np.random.default_rng(1).uniform(-0.3, 0.3, 20_000).astype(np.float32)
    np.testing.assert_allclose(gated(signal, RATE, 0.0), signal, atol=1e-5)


NONSENSE = {
    "silence": np.zeros(RATE, np.float32),
    "one sample": np.ones(1, np.float32),
    "one click": np.eye(1, RATE, 7_000, dtype=np.float32)[0],
    "full scale": np.ones(RATE, np.float32),
    "almost nothing": np.full(RATE, 1e-20, np.float32),
}


@pytest.mark.parametrize("name", NONSENSE)
@pytest.mark.parametrize("config", [ALL, dataclasses.replace(ALL, amplitude="rms", fixed_seconds=0.0)])
def test_nonsense_stays_finite_and_is_never_cut_to_nothing(name: str, config: PreprocessingConfig) -> None:
    found = preprocess(NONSENSE[name], RATE, config)
    assert found.signal.dtype == np.float32 and len(found.signal) and np.isfinite(found.signal).all()
    assert 0 <= found.start <= 1


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12_000), seed=st.integers(0, 99), level=st.floats(1e-6, 1))
def test_any_signal_keeps_its_form(n: int, seed: int, level: float) -> None:
    signal = (level * np.random.default_rng(seed).normal(size=n)).astype(np.float32)
    found = preprocess(signal, RATE, dataclasses.replace(ALL, fixed_seconds=0.0))
    assert found.signal.dtype == np.float32 and 1 <= len(found.signal) <= n
    assert np.isfinite(found.signal).all()


def test_bad_settings_are_named() -> None:
    with pytest.raises(ConfigError, match="noise_reduction = 2"):
        build(PreprocessingConfig, {"noise_reduction": 2})
