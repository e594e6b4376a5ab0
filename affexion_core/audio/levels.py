"""How loud a signal is: peak, root mean square, clipping.

Levels in dBFS count a sample of 1 as 0 dB, so a full-scale sine has a peak of 0 and an RMS of -3.01 dBFS.
"""

from __future__ import annotations

import numpy as np

# Of full scale; the largest 8-bit, 16-bit and 24-bit samples all reach it only when clipped or within 0.1 %.
CLIPPED_AT = 0.999


def peak(signal: np.ndarray) -> float:
    """Largest absolute sample of ``signal (n_samples,)``; 0.0 where it is empty."""
    return float(np.abs(signal).max(initial=0.0))


def peak_dbfs(signal: np.ndarray) -> float:
    """Peak in dBFS; ``-inf`` for digital silence."""
    return _decibels(peak(signal))


def rms_dbfs(signal: np.ndarray) -> float:
    """Root mean square of ``signal (n_samples,)`` in dBFS; ``-inf`` for digital silence or an empty signal."""
    if not len(signal):
        return -np.inf
    return _decibels(float(np.sqrt(np.mean(np.square(signal, dtype=np.float64)))))


def clipped_fraction(signal: np.ndarray) -> float:
    """Share of samples at full scale, in [0, 1]; 0.0 where ``signal`` is empty."""
    return float(np.mean(np.abs(signal) >= CLIPPED_AT)) if len(signal) else 0.0


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(amplitude)) if amplitude > 0 else -np.inf
