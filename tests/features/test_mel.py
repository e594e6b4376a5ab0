import contextlib

import librosa
import numpy as np
import pytest
import scipy.signal

from affexion_core.features._mel import MelScale, decibels, hann, mel_basis, mel_power

SCALES = [
    MelScale(16_000, 2048, 160, 128, 0.0, 8_000.0),
    MelScale(16_000, 400, 160, 40, 60.0, 7_600.0),
    MelScale(24_000, 1024, 256, 80, 1_100.0, 12_000.0),
    MelScale(16_000, 511, 100, 5, 0.0, 4_000.0),
    MelScale(16_000, 512, 160, 40, 0.0, 8_000.0, win_length=400),
    MelScale(16_000, 512, 200, 26, 20.0, 8_000.0, win_length=401),
]


@pytest.mark.parametrize("scale", SCALES)
def test_filters_equal_librosa(scale: MelScale) -> None:
    expected = librosa.filters.mel(
        sr=scale.sampling_rate, n_fft=scale.n_fft, n_mels=scale.n_mels, fmin=scale.fmin, fmax=scale.fmax
    )
    assert np.abs(mel_basis(scale) - expected).max() < 1e-7


@pytest.mark.parametrize("scale", SCALES)
def test_power_equals_librosa_clip_by_clip(scale: MelScale) -> None:
    rng = np.random.default_rng(0)
    signals = [rng.uniform(-0.5, 0.5, n).astype(np.float32) for n in (1, 700, 5_000, 20_001)]
    power, bounds = mel_power(signals, scale)
    assert power.dtype == np.float32
    for signal, first, last in zip(signals, bounds[:-1], bounds[1:], strict=True):
        with pytest.warns(UserWarning, match="n_fft") if len(signal) < scale.n_fft else contextlib.nullcontext():
            expected = librosa.feature.melspectrogram(
                y=signal, sr=scale.sampling_rate, n_fft=scale.n_fft, hop_length=scale.hop_length,
                n_mels=scale.n_mels, fmin=scale.fmin, fmax=scale.fmax, win_length=scale.win_length,
            ).T  # fmt: skip
        assert power[first:last].shape == expected.shape
        np.testing.assert_allclose(power[first:last], expected, rtol=1e-4, atol=1e-7)


def test_the_floor_is_each_clips_own() -> None:
    power = np.array([[1e-6, 1e-20], [1.0, 1e-9]], np.float32)
    apart, joined = np.array([0, 1, 2]), np.array([0, 2])
    np.testing.assert_allclose(decibels(power, apart), [[-60, -100], [0, -80]], rtol=1e-6)
    np.testing.assert_allclose(decibels(power, joined), [[-60, -80], [0, -80]], rtol=1e-6)
    np.testing.assert_allclose(decibels(power, apart, top_db=None), [[-60, -100], [0, -90]], rtol=1e-6)


@pytest.mark.parametrize("size", [2, 3, 64, 400, 401, 2048])
def test_the_window_is_scipys(size):
    np.testing.assert_array_equal(hann(size), scipy.signal.get_window("hann", size))
