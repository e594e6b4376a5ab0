"""A phase vocoder: another pace at the same pitch.

Source: J. L. Flanagan, R. M. Golden: Phase vocoder, Bell System Technical Journal 45 (1966) 1493-1509; the steps are
those of librosa's ``phase_vocoder``, whose import takes seconds.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import istft, stft

_WINDOW_SECONDS = 0.064


def stretched(signal: np.ndarray, sampling_rate: int, rate: float) -> np.ndarray:
    """Play ``signal`` ``(n_samples,)`` at ``rate`` times its pace; float64 ``(round(n_samples / rate),)``."""
    n = 4 * max(4, round(_WINDOW_SECONDS * sampling_rate / 4))
    hop, n_out = n // 4, max(1, round(len(signal) / rate))
    padded = np.pad(signal.astype(np.float64), (0, max(0, n - len(signal))))
    frames = stft(padded, nperseg=n, noverlap=n - hop)[2]  # (bins, frames)
    frames = np.pad(frames, ((0, 0), (0, 2)))
    steps = np.arange(0, frames.shape[1] - 2, rate)
    first, part = steps.astype(int), steps % 1.0
    here, after = frames[:, first], frames[:, first + 1]
    size = (1 - part) * np.abs(here) + part * np.abs(after)
    # each bin turns by as much from frame to frame as it did at that place of the original
    expected = 2 * np.pi * hop * np.arange(len(frames))[:, None] / n
    turn = np.angle(after) - np.angle(here) - expected
    turn += expected - 2 * np.pi * np.round(turn / (2 * np.pi))
    phase = np.angle(here[:, :1]) + np.concatenate(
        [np.zeros((len(frames), 1)), np.cumsum(turn[:, :-1], axis=1)], axis=1
    )
    sound = istft(size * np.exp(1j * phase), nperseg=n, noverlap=n - hop)[1]
    return np.pad(sound[:n_out], (0, max(0, n_out - len(sound))))
