"""Pitch by autocorrelation, for many frames at once, with the smoothest path through the candidates.

Follows P. Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound", Proceedings of the Institute of Phonetic Sciences 17 (1993), with its costs; written anew in NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from affexion_core.features._mel import hann

_WINDOW_SECONDS = 0.048  # nearly three periods of the lowest voice
_N_CANDIDATES = 5
_VOICING_THRESHOLD, _SILENCE_THRESHOLD = 0.45, 0.03
_OCTAVE_COST, _OCTAVE_JUMP_COST, _VOICING_CHANGE_COST = 0.01, 0.35, 0.14
_BLOCK = 256  # frames transformed in one go


@dataclass(frozen=True)
class Pitch:
    """``f0`` in Hz ``(n_frames,)``: on voiced frames the path's, on others the strongest candidate's.

    ``strength`` is the autocorrelation at that lag, 0 to 1; ``voiced`` marks the frames taken for voice. All float64
    or bool ``(n_frames,)``.
    """

    f0: np.ndarray
    strength: np.ndarray
    voiced: np.ndarray


def track_pitch(signal: np.ndarray, sampling_rate: int, hop_length: int, fmin: float, fmax: float) -> Pitch:
    """Follow the pitch of a signal.

    Parameters
    ----------
    signal
        Mono ``(n_samples,)``, at least one sample.
    sampling_rate
        Hz.
    hop_length
        Samples between frames; frames are centred, so there are ``1 + n_samples // hop_length``.
    fmin, fmax
        Range of pitch in Hz.
    """
    lags, strengths, peaks = _candidates(signal, sampling_rate, hop_length, fmin, fmax)
    f0 = sampling_rate / lags
    score = strengths - _OCTAVE_COST * np.log2(np.maximum(fmin / f0, 1e-9))
    score = np.where(strengths > 0, score, -1.0)
    loudness = peaks / max(float(peaks.max()), 1e-9)
    silence = np.maximum(0.0, 2.0 - loudness * (1 + _VOICING_THRESHOLD) / _SILENCE_THRESHOLD)
    path = _best_path(f0, np.column_stack([score, _VOICING_THRESHOLD + silence]))
    voiced = path < _N_CANDIDATES
    chosen = np.where(voiced, np.minimum(path, _N_CANDIDATES - 1), score.argmax(axis=1))
    rows = np.arange(len(chosen))
    return Pitch(f0[rows, chosen], np.clip(strengths[rows, chosen], 0.0, 1.0), voiced & (peaks > 1e-5))


def _candidates(
    signal: np.ndarray, sampling_rate: int, hop_length: int, fmin: float, fmax: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the highest peaks of each frame's autocorrelation: lags, heights ``(n_frames, 5)``; the frames' peaks."""
    size = 2 * int(_WINDOW_SECONDS * sampling_rate / 2)
    window, own = _window(size)
    padded = np.pad(signal.astype(np.float32), size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop_length][: 1 + len(signal) // hop_length]
    shortest, longest = int(sampling_rate / fmax), min(int(np.ceil(sampling_rate / fmin)), size - 2)
    lags, heights, peaks = [], [], []
    for first in range(0, len(frames), _BLOCK):
        block = frames[first : first + _BLOCK]
        block = block - block.mean(axis=1, keepdims=True)
        peaks.append(np.abs(block).max(axis=1))
        spectrum = scipy.fft.rfft(block * window, 2 * size, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        lagged = scipy.fft.irfft(power, axis=1)[:, : longest + 2]
        normal = lagged / np.maximum(lagged[:, :1], 1e-12) / own[: longest + 2]
        lag, height = _highest(normal, shortest)
        lags.append(lag)
        heights.append(height)
    return np.concatenate(lags), np.concatenate(heights), np.concatenate(peaks)


@lru_cache(maxsize=8)
def _window(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a Hann window and its own autocorrelation, which each frame's is divided by."""
    from scipy.signal import correlate

    window = hann(size).astype(np.float32)
    own = correlate(window, window)[size - 1 :]
    return window, np.maximum(own / own[0], 1e-3)


def _highest(normal: np.ndarray, shortest: int) -> tuple[np.ndarray, np.ndarray]:
    """Take the highest local maxima of each row from lag ``shortest`` on, refined by a parabola."""
    middle, left, right = normal[:, shortest:-1], normal[:, shortest - 1 : -2], normal[:, shortest + 1 :]
    is_peak = (middle > left) & (middle >= right)
    value = np.where(is_peak, middle, -np.inf)
    order = np.argpartition(-value, _N_CANDIDATES - 1, axis=1)[:, :_N_CANDIDATES]
    centre, before, after = (np.take_along_axis(part, order, axis=1) for part in (middle, left, right))
    found = np.take_along_axis(is_peak, order, axis=1)
    curve = np.minimum(before - 2 * centre + after, -1e-9)
    shift = np.clip(0.5 * (before - after) / curve, -0.5, 0.5)
    height = np.where(found, centre - 0.25 * (before - after) * shift, 0.0)
    height = np.where(height > 1, 1 / np.maximum(height, 1e-9), height)  # as Boersma: rounding above 1 mirrors
    return (order + shortest + shift).astype(np.float64), height.astype(np.float64)


def _best_path(f0: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Choose a candidate for each frame, the last one meaning unvoiced, so that scores less jumps are highest."""
    pitch = np.log2(f0)
    jumps = _OCTAVE_JUMP_COST * np.abs(pitch[:-1, :, None] - pitch[1:, None, :])
    costs = np.full((len(jumps), score.shape[1], score.shape[1]), _VOICING_CHANGE_COST)
    costs[:, :-1, :-1] = jumps
    costs[:, -1, -1] = 0.0
    total, came_from = score[0], np.zeros(score.shape, np.intp)
    columns = np.arange(score.shape[1])
    for t, cost in enumerate(costs, start=1):
        reached = total[:, None] - cost
        came_from[t] = reached.argmax(axis=0)
        total = reached[came_from[t], columns] + score[t]
    path = np.empty(len(score), np.intp)
    path[-1] = total.argmax()
    for t in range(len(score) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path
