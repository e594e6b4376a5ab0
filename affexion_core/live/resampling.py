"""From packets to one mono signal at 16 kHz: the same numbers as decoding a file of the same sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.errors import AudioError

# A stretch of lost packets up to here is filled with silence, so that time goes on; after more, a new stream begins.
LONGEST_GAP = 2.0
_RATES = (8_000, 192_000)


@dataclass(frozen=True)
class Packet:
    """A piece of sound as it came in.

    ``samples``: float32 ``(n_samples, n_channels)`` in [-1, 1]. ``position`` is the sample of the stream at which it
    begins (at ``sampling_rate`` Hz), None for right behind the one before. ``arrived``: seconds of a monotonic clock.
    """

    samples: np.ndarray
    sampling_rate: int
    position: int | None = None
    arrived: float = 0.0


class StreamResampler:
    """Puts packets in a row, mixes their channels by their mean and brings them to 16 kHz.

    What was lost is silence of the same length; what comes late or twice is left out. ``n_lost`` and ``n_late`` count
    such samples, at the rate of the packets.
    """

    def __init__(self) -> None:
        self.n_lost = 0
        self.n_late = 0
        self._rate = 0
        self._expected: int | None = None
        self._resampler: soxr.ResampleStream | None = None

    def push(self, packet: Packet) -> np.ndarray:
        """Add a packet; gives what is ready, float32 ``(n_samples,)``, which may be nothing.

        Raises
        ------
        AudioError
            If its rate or shape can't be right, or samples are no numbers.
        """
        _check(packet)
        parts = []
        if packet.sampling_rate != self._rate:
            parts.append(self._restart(packet))
        parts += [self._resampled(mono) for mono in self._in_place(packet)]
        return np.clip(np.concatenate([np.empty(0, np.float32), *parts]), -1.0, 1.0)

    def finish(self) -> np.ndarray:
        """Give the last samples, which wait for what comes behind them; the next packet begins a new stream."""
        if self._resampler is None:
            self._rate, self._expected = 0, None
            return np.empty(0, np.float32)
        rest = self._resampler.resample_chunk(np.empty(0, np.float32), last=True)
        self._rate, self._expected, self._resampler = 0, None, None
        return np.clip(rest, -1.0, 1.0)

    def _restart(self, packet: Packet) -> np.ndarray:
        rest = self.finish() if self._rate else np.empty(0, np.float32)
        self._rate = packet.sampling_rate
        if self._rate != SAMPLING_RATE:
            self._resampler = soxr.ResampleStream(self._rate, SAMPLING_RATE, 1, dtype="float32")
        return rest

    def _in_place(self, packet: Packet) -> list[np.ndarray]:
        """Mix a packet, with silence before it for what was lost, without what has come already."""
        mono = _mixed(packet.samples)
        begin = packet.position
        if begin is None:
            begin = 0 if self._expected is None else self._expected
        ahead = 0 if self._expected is None else begin - self._expected
        if ahead < -LONGEST_GAP * self._rate:
            # so far back is another stream, as after a restart of the sender
            ahead = 0
        if ahead < 0:
            late = min(-ahead, len(mono))
            self.n_late += late
            mono, begin = mono[late:], begin + late
            if not len(mono):
                return []
        self._expected = begin + len(mono)
        if not 0 < ahead <= LONGEST_GAP * self._rate:
            return [mono]
        self.n_lost += ahead
        return [np.zeros(ahead, np.float32), mono]

    def _resampled(self, mono: np.ndarray) -> np.ndarray:
        if self._resampler is None:
            return mono
        return self._resampler.resample_chunk(np.ascontiguousarray(mono))


def resampled(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Bring a whole recording ``(n_samples, n_channels)`` to mono at 16 kHz, float32 ``(n_samples,)``."""
    stream = StreamResampler()
    return np.concatenate([stream.push(Packet(samples, sampling_rate)), stream.finish()])


def _check(packet: Packet) -> None:
    if packet.samples.ndim != 2 or packet.samples.shape[1] < 1:
        raise AudioError(f"A packet has shape {packet.samples.shape}; give (samples, channels), at least one channel.")
    if not _RATES[0] <= packet.sampling_rate <= _RATES[1]:
        raise AudioError(
            f"A packet has {packet.sampling_rate} Hz; {_RATES[0]} to {_RATES[1]} Hz can be right. Use another device."
        )
    if not np.isfinite(packet.samples).all():
        raise AudioError("A packet holds samples that are no numbers; use another device, or start again.")


def _mixed(samples: np.ndarray) -> np.ndarray:
    samples = samples.astype(np.float32, copy=False)
    if samples.shape[1] == 1:
        return samples[:, 0]
    return samples @ np.full(samples.shape[1], 1 / samples.shape[1], np.float32)
