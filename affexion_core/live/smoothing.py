"""Probabilities that move without jumping."""

from __future__ import annotations

import math

import numpy as np

from affexion_core.errors import ConfigError


class Smoother:
    """Exponential mean over time: what is ``seconds`` old counts 1/e of what is new. 0 switches it off.

    Where the gaps between readings vary, as when some were skipped, older ones fade by the time that went by.
    """

    def __init__(self, seconds: float) -> None:
        if not 0 <= seconds < math.inf:
            raise ConfigError(f"Smoothing over {seconds} s is impossible; give 0 (off) or more.")
        self._seconds = seconds
        self._mean: np.ndarray | None = None
        self._time = 0.0

    def add(self, probs: np.ndarray, time: float) -> np.ndarray:
        """Take in probabilities ``(n_labels,)`` of a moment in seconds; gives their mean so far, which sums to 1."""
        if self._mean is None or not self._seconds:
            self._mean = np.array(probs, dtype=np.float64)
        else:
            kept = math.exp(-max(0.0, time - self._time) / self._seconds)
            self._mean = kept * self._mean + (1 - kept) * probs
        self._time = time
        return self._mean.copy()

    def reset(self) -> None:
        """Forget what was, as after a silence: what is said next has nothing to do with it."""
        self._mean = None
