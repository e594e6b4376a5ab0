"""The last seconds of a stream, in memory of fixed size."""

from __future__ import annotations

import numpy as np

from affexion_core.errors import ConfigError


class RingBuffer:
    """Keeps the newest samples of a stream; what is older is overwritten.

    Not safe for several threads: one thread writes and reads.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ConfigError(f"A buffer of {capacity} samples holds nothing; give at least 1.")
        self._samples = np.zeros(capacity, np.float32)
        self._n_seen = 0

    @property
    def capacity(self) -> int:
        """Most samples it holds."""
        return len(self._samples)

    @property
    def n_seen(self) -> int:
        """Samples that were ever pushed."""
        return self._n_seen

    def push(self, samples: np.ndarray) -> None:
        """Add samples ``(n_samples,)`` behind those that are there."""
        kept = samples[-self.capacity :]
        start = (self._n_seen + len(samples) - len(kept)) % self.capacity
        first = min(len(kept), self.capacity - start)
        self._samples[start : start + first] = kept[:first]
        self._samples[: len(kept) - first] = kept[first:]
        self._n_seen += len(samples)

    def last(self, n_samples: int) -> np.ndarray:
        """Copy the newest samples, in their order: float32, fewer where not as many are held.

        Raises
        ------
        ConfigError
            If the number is negative.
        """
        if n_samples < 0:
            raise ConfigError(f"{n_samples} samples can't be read; give 0 or more.")
        n_held = min(n_samples, self._n_seen, self.capacity)
        places = np.arange(self._n_seen - n_held, self._n_seen) % self.capacity
        return self._samples[places]
