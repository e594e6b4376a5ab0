"""What changes to a signal share: checks, drawn ranges, noise at a level, and holding to full scale."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import AfterValidator
from scipy.fft import irfft, next_fast_len, rfft

from affexion_core.errors import AudioError

Noise = Literal["pink", "babble"]
N_TALKERS = 7


def within(lowest: float, highest: float) -> AfterValidator:
    """Check that a (from, to) pair is in order and inside what makes sense."""

    def check(bounds: tuple[float, float]) -> tuple[float, float]:
        if not lowest <= bounds[0] <= bounds[1] <= highest:
            raise ValueError(f"two values are needed, the smaller first, both from {lowest:g} to {highest:g}")
        return bounds

    return AfterValidator(check)


def check(signal: np.ndarray) -> None:
    """Refuse with `AudioError` a signal that is empty, not mono or not finite."""
    if signal.ndim != 1 or not len(signal):
        raise AudioError(f"A signal of shape {signal.shape} can't be changed; it needs one channel with samples in it.")
    if not np.isfinite(signal).all():
        raise AudioError("The signal has samples that are no numbers; decode the file again.")


def noise_of(kind: Noise, n_samples: int, sampling_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Make background noise, float64 ``(n_samples,)`` of any level; for sources see `augment.field`."""
    if kind == "pink":
        return _pink(n_samples, rng)
    seconds = np.arange(n_samples) / sampling_rate
    murmur = np.zeros(n_samples)
    for _ in range(N_TALKERS):
        pace, phase = rng.uniform(3, 6), rng.uniform(0, 2 * np.pi)
        murmur += _pink(n_samples, rng) * (1 + np.sin(2 * np.pi * pace * seconds + phase)) ** 2
    return murmur


def _pink(n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Make noise whose power falls with 1/f."""
    # A length with large prime factors would take the transform a hundred times as long.
    n = next_fast_len(n_samples, real=True)
    spectrum = rfft(rng.standard_normal(n))
    return irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), n)[:n_samples]


def gain(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> float:
    """Give the factor for the noise at which mean powers differ by ``snr_db``."""
    noise_power = np.mean(noise**2)
    return float(np.sqrt(np.mean(speech**2) / noise_power) * 10 ** (-snr_db / 20)) if noise_power else 0.0


def in_scale(sound: np.ndarray) -> np.ndarray:
    """Turn down what goes beyond full scale; float32, nothing is cut."""
    peak = np.abs(sound).max(initial=0.0)
    return np.clip(sound / max(peak, 1.0), -1.0, 1.0).astype(np.float32)


def of_length(sound: np.ndarray, n_samples: int) -> np.ndarray:
    """Cut or pad with silence at the end."""
    return np.pad(sound[:n_samples], (0, max(0, n_samples - len(sound))))
