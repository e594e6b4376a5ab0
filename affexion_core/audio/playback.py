"""How a clip is played to people: at one loudness for all, as a small WAV file.

For ears only. Models hear a clip at the level it was recorded, which may tell them something; a listener who compares
clips should not have to reach for the volume, nor judge the louder one as the more excited.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soundfile as sf

TARGET_LUFS = -23.0
"""Loudness of every clip as played: the level of EBU R 128, which leaves speech room for its peaks."""

MOST_GAIN_DB = 40.0
"""More would turn the hiss of an all but empty recording into a roar."""

PEAK_CEILING = 10 ** (-1 / 20)
"""Highest sample as played, -1 dBFS: converters overshoot between samples."""

# The K-weighting of ITU-R BS.1770-5 (tables 1 and 2), as numerator and denominator in powers of 1/z at 48 kHz.
_WEIGHTING = (
    ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)),
    ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)),
)
_WEIGHTING_RATE = 48_000
_OFFSET_DB = -0.691
_BLOCK, _STEP = 0.4, 0.1  # s
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_ROUNDS = 2
_FADED_OUT = 0.2  # s after which nothing is left of the filters' ringing


def loudness(signal: np.ndarray, sampling_rate: int) -> float:
    """Integrated loudness by ITU-R BS.1770-5 of one channel.

    Parameters
    ----------
    signal
        Mono float ``(n_samples,)`` in [-1, 1].
    sampling_rate
        In Hz.

    Returns
    -------
    float
        In LUFS; a full-scale sine at 997 Hz gives -3.01. ``-inf`` where no block is above -70 LUFS, as in silence.

    Notes
    -----
    Blocks of 0.4 s, every 0.1 s, count where they are above -70 LUFS and no more than 10 LU below the mean of those,
    so that pauses don't. A signal shorter than a block is one block.
    """
    return _gated(_block_powers(signal, sampling_rate))


@dataclass(frozen=True)
class Level:
    """How loud a signal is (LUFS, ``-inf`` for silence), and the factor to play it with."""

    loudness: float
    gain: float


def playback_level(signal: np.ndarray, sampling_rate: int) -> Level:
    """Find the factor that brings ``signal (n_samples,)`` to `TARGET_LUFS`.

    It is less where a peak would pass `PEAK_CEILING`, at most `MOST_GAIN_DB`, and 1 for silence (see `loudness`).
    """
    blocks = _block_powers(signal, sampling_rate)
    measured = _gated(blocks)
    if not np.isfinite(measured):
        return Level(measured, 1.0)
    gain_db = TARGET_LUFS - measured
    # the gate at -70 LUFS lets other blocks count at another level, so the first answer is up to 1 dB off
    for _ in range(_ROUNDS):
        gain_db += TARGET_LUFS - _gated(blocks * 10 ** (gain_db / 10))
    wanted = 10 ** (min(gain_db, MOST_GAIN_DB) / 20)
    return Level(measured, float(min(wanted, PEAK_CEILING / np.abs(signal).max())))


def wav_bytes(signal: np.ndarray, sampling_rate: int) -> bytes:
    """Write ``signal (n_samples,)`` in [-1, 1] as a mono WAV file of 16 bits."""
    buffer = io.BytesIO()
    sf.write(buffer, signal, sampling_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _block_powers(signal: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mean square of each block of the weighted signal, ``(n_blocks,)``."""
    if not len(signal):
        return np.zeros(0)
    parts = _weighted(signal, sampling_rate)
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([np.square(part) for part in parts]))])
    length, step = min(len(signal), round(_BLOCK * sampling_rate)), round(_STEP * sampling_rate)
    starts = np.arange(0, len(signal) - length + 1, max(1, step))
    return np.maximum(sums[starts + length] - sums[starts], 0.0) / length


def _gated(blocks: np.ndarray) -> float:
    loud = blocks[_lufs(blocks) > _ABSOLUTE_GATE]
    if not len(loud):
        return -np.inf
    return float(_lufs(loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_GATE].mean()))


def _weighted(signal: np.ndarray, sampling_rate: int) -> Iterator[np.ndarray]:
    """Filter piece by piece, each behind enough of what was before it, and before enough silence, to ring out."""
    before, n_fft = _lengths(sampling_rate)
    response, step = _response(sampling_rate), n_fft - 2 * before
    for start in range(0, len(signal), step):
        first = max(0, start - before)
        piece = signal[first : start + step]
        yield np.fft.irfft(np.fft.rfft(piece, n_fft) * response)[start - first : len(piece)]


def _lengths(sampling_rate: int) -> tuple[int, int]:
    """Give the samples in which the filters ring out, and those of a transform: a power of two, some times as long."""
    before = round(_FADED_OUT * sampling_rate)
    return before, 1 << (8 * before).bit_length()


@lru_cache(maxsize=4)
def _response(sampling_rate: int) -> np.ndarray:
    """Give the standard's own response, which holds at any rate; its coefficients hold at 48 kHz alone."""
    delay = np.exp(-2j * np.pi * np.fft.rfftfreq(_lengths(sampling_rate)[1], 1 / sampling_rate) / _WEIGHTING_RATE)
    response = np.ones_like(delay)
    for over, under in _WEIGHTING:
        response *= np.polyval(over[::-1], delay) / np.polyval(under[::-1], delay)
    return response


def _lufs(power: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return _OFFSET_DB + 10 * np.log10(power)
