"""How features change over time: slope and curvature of a polynomial fitted around each frame."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def deltas(features: np.ndarray, width: int, order: int, out: np.ndarray | None = None) -> np.ndarray:
    """Differentiate a clip's features along time; equals ``librosa.feature.delta`` with its ``interp`` mode.

    The ``order``-th derivative of a polynomial of that order is one number for the whole window, so the frames
    before the first window's middle (and after the last's) have that window's value.

    Parameters
    ----------
    features
        float32 ``(n_frames, n_features)``.
    width
        Frames in the window, odd, at least 3. In a clip with fewer frames (librosa refuses it), the window
        shrinks to the largest odd number there is; with fewer than 3 frames the derivative is 0.
    order
        1 or 2.
    out
        Where to write to, same shape; None for a new array.

    Returns
    -------
    ndarray
        float32, same shape: ``out`` where it was given.
    """
    out, n_frames = np.empty_like(features) if out is None else out, len(features)
    if n_frames < 3:
        out[:] = 0
        return out
    half = min(width, n_frames - 1 + n_frames % 2) // 2
    # Worked on in memory of its own: sums over part of wider rows take three times as long.
    middle = _slide(features, half, order)
    out[half : n_frames - half] = middle
    out[:half] = middle[0]
    out[n_frames - half :] = middle[-1]
    return out


def _slide(features: np.ndarray, half: int, order: int) -> np.ndarray:
    """Fit every full window. The weights left and right of its middle are the same, or for slopes opposite."""
    weights, n = _weights(2 * half + 1, order), len(features) - 2 * half
    join = np.subtract if order % 2 else np.add
    fitted = features[half : half + n] * weights[half]
    pair = np.empty_like(fitted)
    for step in range(1, half + 1):
        join(features[half + step : half + step + n], features[half - step : half - step + n], out=pair)
        pair *= weights[half + step]
        fitted += pair
    return fitted


@lru_cache(maxsize=32)
def _weights(width: int, order: int) -> np.ndarray:
    """Least-squares weights (Savitzky-Golay) of the derivative, float32 ``(width,)``."""
    positions = np.arange(width) - width // 2
    powers = np.vander(positions, order + 1, increasing=True).astype(np.float64)
    weights = np.linalg.pinv(powers)[order] * math.factorial(order)
    return np.where(np.abs(weights) < 1e-12, 0.0, weights).astype(np.float32)
