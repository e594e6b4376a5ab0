"""The outline of a waveform, small enough to draw."""

from __future__ import annotations

import numpy as np


def waveform_peaks(signal: np.ndarray, n_columns: int) -> np.ndarray:
    """Reduce a signal to the lowest and highest sample of each column of a drawing.

    Every sample falls into one column, so that no spike is lost. Where there are fewer samples than columns,
    neighbouring columns repeat a sample; an empty signal draws as a flat line.

    Parameters
    ----------
    signal
        ``(n_samples,)``.
    n_columns
        Width of the drawing, at least 1.

    Returns
    -------
    ndarray
        float32 ``(n_columns, 2)``: minimum and maximum.
    """
    if n_columns < 1:
        raise ValueError(f"n_columns is {n_columns}; it must be at least 1.")
    if not len(signal):
        return np.zeros((n_columns, 2), np.float32)
    starts = np.arange(n_columns) * len(signal) // n_columns
    return np.stack([np.minimum.reduceat(signal, starts), np.maximum.reduceat(signal, starts)], axis=1).astype(
        np.float32
    )


def peaks_as_bytes(peaks: np.ndarray) -> np.ndarray:
    """Round peaks ``(n_columns, 2)`` in [-1, 1] to whole numbers in [-127, 127], as int8 ``(2 * n_columns,)``.

    Minimum and maximum of a column follow each other, as a player reads them. Rounding goes away from zero, so that
    nothing but silence draws as silence.
    """
    scaled = np.clip(peaks, -1.0, 1.0) * 127
    return np.where(scaled < 0, np.floor(scaled), np.ceil(scaled)).astype(np.int8).ravel()
