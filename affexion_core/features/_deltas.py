"""How features change over time: slope and curvature of a polynomial fitted around each frame."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def deltas(features: np.ndarray, bounds: np.ndarray, width: int, order: int) -> np.ndarray:
    """Differentiate features along time; equals ``librosa.feature.delta`` with its ``interp`` mode.

    The ``order``-th derivative of a polynomial of that order is one number for the whole window, so the frames
    before the first window's middle (and after the last's) have that window's value.

    Parameters
    ----------
    features
        float32 ``(n_frames of all, n_features)``, clip after clip.
    bounds
        ``(n_clips + 1,)``: clip ``i`` has the frames ``bounds[i]`` to ``bounds[i + 1]``.
    width
        Frames in the window, odd, at least 3. In a clip with fewer frames (librosa refuses it), the window
        shrinks to the largest odd number there is; with fewer than 3 frames the derivative is 0.
    order
        1 or 2.

    Returns
    -------
    ndarray
        float32, same shape.
    """
    out, half = np.zeros_like(features), width // 2
    valid = _slide(features, width, order)
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        n_frames = int(last - first)
        if n_frames >= width:
            out[first + half : last - half] = valid[first : last - width + 1]
            out[first : first + half] = valid[first]
            out[last - half : last] = valid[last - width]
        elif n_frames >= 3:
            narrower = n_frames - 1 + n_frames % 2
            out[first:last] = deltas(features[first:last], np.array([0, n_frames]), narrower, order)
    return out


def _slide(features: np.ndarray, width: int, order: int) -> np.ndarray:
    """Fit every full window: ``(n_frames - width + 1, n_features)``; those across two clips are never used."""
    n_windows = max(0, len(features) - width + 1)
    total = np.zeros((n_windows, features.shape[1]), np.float32)
    for offset, weight in enumerate(_weights(width, order)):
        if weight:
            total += np.float32(weight) * features[offset : offset + n_windows]
    return total


@lru_cache(maxsize=32)
def _weights(width: int, order: int) -> tuple[float, ...]:
    """Least-squares weights (Savitzky-Golay) of the derivative."""
    positions = np.arange(width) - width // 2
    powers = np.vander(positions, order + 1, increasing=True).astype(np.float64)
    weights = np.linalg.pinv(powers)[order] * math.factorial(order)
    return tuple(np.where(np.abs(weights) < 1e-12, 0.0, weights).tolist())
