"""Mel spectra with librosa's numbers, computed for many clips at once.

Written out here instead of calling librosa because its transform (NumPy's) takes nine times as long per frame as
SciPy's in single precision, and its import seconds. Tests hold every step against librosa.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from affexion_core.errors import AudioError
from affexion_core.features._fft import rfft
from affexion_core.types import Utterance

# Frames transformed in one go: enough for the matrix products, few enough for the processor's cache.
_BLOCK = 128
# The filters are narrow, so each group of neighbours is multiplied with its own few frequency bins alone.
_GROUP = 16
_FLOOR = 1e-10
_DECIBELS = np.float32(10 / np.log(10))


@dataclass(frozen=True)
class MelScale:
    """How a signal becomes mel bands; names and meanings as in ``librosa.feature.melspectrogram``.

    Frames are ``n_fft`` samples, centred (the signal stands between zeros), ``hop_length`` apart, under a Hann window
    of ``win_length`` samples in their middle (None: all of them). ``fmin`` and ``fmax`` in Hz.
    """

    sampling_rate: int
    n_fft: int
    hop_length: int
    n_mels: int
    fmin: float
    fmax: float
    win_length: int | None = None

    def n_frames(self, n_samples: int) -> int:
        """Count the frames of a signal."""
        return 1 + (n_samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length


def checked_signals(utterances: Sequence[Utterance], sampling_rate: int) -> list[np.ndarray]:
    """Take the signals out of utterances.

    Raises
    ------
    AudioError
        If one has another sampling rate, or no samples.
    """
    for utterance in utterances:
        if utterance.sampling_rate != sampling_rate:
            raise AudioError(
                f"The signal has {utterance.sampling_rate} Hz, the front-end is set to {sampling_rate} Hz. "
                f"Decode it at {sampling_rate} Hz, or set sampling_rate."
            )
        if utterance.signal.ndim != 1 or not len(utterance.signal):
            raise AudioError(f"The signal has shape {utterance.signal.shape}; give mono samples, at least one.")
    return [utterance.signal for utterance in utterances]


@lru_cache(maxsize=16)
def mel_basis(scale: MelScale) -> np.ndarray:
    """Make the triangular filters of Slaney's mel scale, each of unit area; float32 ``(n_mels, 1 + n_fft // 2)``.

    Equals ``librosa.filters.mel``.
    """
    corners = _hz(np.linspace(_mel(scale.fmin), _mel(scale.fmax), scale.n_mels + 2))
    bins = np.fft.rfftfreq(scale.n_fft, 1 / scale.sampling_rate)
    rising = (bins - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - bins) / np.diff(corners)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return (triangles * (2 / (corners[2:] - corners[:-2]))[:, None]).astype(np.float32)


# Slaney's scale: linear below 1000 Hz at 3 mel per 200 Hz, logarithmic above, 27 steps to each factor of 6.4.
_LINEAR, _KNEE, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def _mel(hertz: float) -> float:
    return hertz / _LINEAR if hertz < _KNEE else _KNEE / _LINEAR + np.log(hertz / _KNEE) / _LOG_STEP


def _hz(mel: np.ndarray) -> np.ndarray:
    knee = _KNEE / _LINEAR
    return np.where(mel < knee, mel * _LINEAR, _KNEE * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee)))


@lru_cache(maxsize=16)
def _bands(scale: MelScale) -> tuple[tuple[slice, slice, np.ndarray], ...]:
    """Cut the filters into groups: (mel bands, frequency bins, weights (n_bins, n_bands))."""
    basis, groups = mel_basis(scale), []
    cuts = np.linspace(0, scale.n_mels, -(-scale.n_mels // _GROUP) + 1).astype(int)
    for first, last in zip(cuts[:-1], cuts[1:], strict=True):
        used = np.flatnonzero(basis[first:last].any(axis=0))
        bins = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
        groups.append((slice(int(first), int(last)), bins, np.ascontiguousarray(basis[first:last, bins].T)))
    return tuple(groups)


@lru_cache(maxsize=16)
def _window(size: int) -> np.ndarray:
    return hann(size).astype(np.float32)


def hann(size: int) -> np.ndarray:
    """Make the periodic Hann window, float64 ``(size,)``; bit for bit that of `scipy.signal.get_window`.

    Written out because importing that module takes a second.
    """
    return 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, size + 1)[:-1])


def mel_power(signals: Sequence[np.ndarray], scale: MelScale) -> tuple[np.ndarray, np.ndarray]:
    """Compute mel power spectra of signals, one after the other; none depends on its neighbours.

    Parameters
    ----------
    signals
        Each ``(n_samples,)``, at least one sample.
    scale
        What to compute.

    Returns
    -------
    power
        float32 ``(n_frames of all, n_mels)``.
    bounds
        ``(n_signals + 1,)``: signal ``i`` has the frames ``bounds[i]`` to ``bounds[i + 1]``.
    """
    counts = [scale.n_frames(len(signal)) for signal in signals]
    bounds = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    power = np.empty((int(bounds[-1]), scale.n_mels), np.float32)
    buffers = _Buffers(min(_BLOCK, max(counts, default=0)), scale.n_fft)
    for signal, first, last in zip(signals, bounds[:-1], bounds[1:], strict=True):
        _fill(power[first:last], signal, scale, buffers)
    return power, bounds


class _Buffers:
    """Where one block of frames is worked on, used again for the next: fresh memory costs more than the sums."""

    def __init__(self, n_frames: int, n_fft: int) -> None:
        self.frames = np.zeros((n_frames, n_fft), np.float32)
        self.spectrum = np.empty((n_frames, n_fft // 2 + 1), np.complex64)
        self.energy, self.imaginary = np.empty((2, n_frames, n_fft // 2 + 1), np.float32)


def _fill(power: np.ndarray, signal: np.ndarray, scale: MelScale, buffers: _Buffers) -> None:
    """Write one signal's mel power, ``(n_frames, n_mels)``, block by block.

    A window shorter than the frame stands at the frame's start instead of its middle, which turns phases alone.
    """
    size, half = scale.win_length or scale.n_fft, scale.n_fft // 2
    padded = np.zeros(len(signal) + 2 * half + 1, np.float32)
    padded[half : half + len(signal)] = signal
    lead, window, bands = (scale.n_fft - size) // 2, _window(size), _bands(scale)
    framed = np.lib.stride_tricks.sliding_window_view(padded[lead:], size)[:: scale.hop_length]
    for first in range(0, len(power), _BLOCK):
        n = min(_BLOCK, len(power) - first)
        np.multiply(framed[first : first + n], window, out=buffers.frames[:n, :size])
        spectrum = rfft(buffers.frames[:n], buffers.spectrum[:n])
        energy = np.square(spectrum.real, out=buffers.energy[:n])
        energy += np.square(spectrum.imag, out=buffers.imaginary[:n])
        for columns, bins, weights in bands:
            np.matmul(energy[:, bins], weights, out=power[first : first + n, columns])


def decibels(power: np.ndarray, bounds: np.ndarray, top_db: float | None = 80.0) -> np.ndarray:
    """Turn power into dB re 1, in place of ``librosa.power_to_db`` with its defaults.

    Parameters
    ----------
    power
        float32 ``(n_frames of all, n_bands)``.
    bounds
        As from `mel_power`; each clip's floor is ``top_db`` below that clip's own maximum.
    top_db
        None for no such floor.

    Returns
    -------
    ndarray
        float32, same shape.
    """
    levels = np.maximum(power, np.float32(_FLOOR))
    np.log(levels, out=levels)  # NumPy has no fast log10 for most processors
    levels *= _DECIBELS
    if top_db is not None and len(levels):
        floors = np.maximum.reduceat(levels.max(axis=1), bounds[:-1]) - np.float32(top_db)
        np.maximum(levels, np.repeat(floors, np.diff(bounds))[:, None], out=levels)
    return levels
