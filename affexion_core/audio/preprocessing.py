"""What is done to a signal before features are computed: level, steady noise, silent edges, length.

The steps run in the order of the settings, each only where it is switched on, for training, files and microphone alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from affexion_core.config import config_class

# Counts up when the same settings would give other samples; the feature cache includes it.
VERSION = 1

_PEAK, _RMS = 1.0, 0.1  # full scale; -20 dBFS
_SILENT = 1e-4  # peaks below -80 dBFS are left alone: there is nothing but the recorder's own noise to raise
_TRIM_FRAME, _TRIM_HOP = 2048, 512  # as librosa trims
_GATE_SECONDS, _QUIET_SHARE, _LEAST_QUIET = 0.032, 0.1, 5
_GATE_DEVIATIONS, _SMOOTH_HZ, _SMOOTH_SECONDS = 1.5, 60.0, 0.03


@config_class
class PreprocessingConfig:
    """Steps before the features, in this order; all off unless a preset switches them on."""

    amplitude: Annotated[
        Literal["none", "peak", "rms"],
        Field(description="Bring clips to one level: the largest sample to full scale, or the RMS to -20 dBFS"),
    ] = "none"
    noise_reduction: Annotated[
        float, Field(ge=0, le=1, description="Share of steady background noise taken away by spectral gating; 0: none")
    ] = 0.0
    trim_db: Annotated[
        float, Field(ge=0, le=120, description="Cut the edges quieter than so many dB below the loudest part; 0: none")
    ] = 0.0
    fixed_seconds: Annotated[
        float,
        Field(ge=0, le=600, description="Cut, or fill up with silence, to so many seconds; 0: clips keep their length"),
    ] = 0.0

    @property
    def does_nothing(self) -> bool:
        """Whether every step is off."""
        return self == PreprocessingConfig()


@dataclass(frozen=True)
class Preprocessed:
    """A changed ``signal`` float32 ``(n_samples,)``, and where in the given one it starts, in seconds."""

    signal: np.ndarray
    start: float


def preprocess(signal: np.ndarray, sampling_rate: int, config: PreprocessingConfig) -> Preprocessed:
    """Carry out the steps that are switched on.

    Parameters
    ----------
    signal
        Mono ``(n_samples,)``, finite.
    sampling_rate
        In Hz.
    config
        Which steps, and how far.

    Returns
    -------
    Preprocessed
        Where no step changes anything, with the very signal that was given. A signal that is silent throughout is
        never cut away.
    """
    start = 0
    if config.amplitude != "none":
        signal = levelled(signal, config.amplitude)
    if config.noise_reduction:
        signal = gated(signal, sampling_rate, config.noise_reduction)
    if config.trim_db:
        start, end = sounding_part(signal, config.trim_db)
        signal = signal[start:end]
    if config.fixed_seconds:
        signal = of_length(signal, max(1, round(config.fixed_seconds * sampling_rate)))
    return Preprocessed(signal, start / sampling_rate)


def levelled(signal: np.ndarray, to: Literal["peak", "rms"]) -> np.ndarray:
    """Scale a signal so that its largest sample is 1, or its RMS 0.1 (-20 dBFS; peaks may then exceed 1).

    Signals whose peak lies below -80 dBFS are given back as they are.
    """
    peak = float(np.abs(signal).max(initial=0.0))
    if peak < _SILENT:
        return signal
    if to == "peak":
        return signal * np.float32(_PEAK / peak)
    return signal * np.float32(_RMS / np.sqrt(np.mean(np.square(signal, dtype=np.float64))))


def sounding_part(signal: np.ndarray, below_db: float) -> tuple[int, int]:
    """Find where a signal first and last is louder than its loudest frame less ``below_db``.

    Frames of 2048 samples, 512 apart and centred, are compared by their RMS: what ``librosa.effects.trim`` gives.

    Returns
    -------
    int, int
        First sample, and the one after the last; the whole signal where it is silent throughout.
    """
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64))])
    centres = np.arange(1 + len(signal) // _TRIM_HOP) * _TRIM_HOP
    first = np.clip(centres - _TRIM_FRAME // 2, 0, len(signal))
    last = np.clip(centres + _TRIM_FRAME // 2, 0, len(signal))
    power = np.maximum(energy[last] - energy[first], 0.0)
    if not power.max() > 0:
        return 0, len(signal)
    loud = np.flatnonzero(power > power.max() * 10 ** (-below_db / 10))
    return int(loud[0]) * _TRIM_HOP, min(len(signal), (int(loud[-1]) + 1) * _TRIM_HOP)


def of_length(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """Cut a signal at its end, or fill it up with zeros, to ``n_samples``."""
    return np.pad(signal[:n_samples], (0, max(0, n_samples - len(signal))))


def gated(signal: np.ndarray, sampling_rate: int, share: float) -> np.ndarray:
    """Turn down what is no louder than the steady noise, frequency by frequency.

    The noise is heard in the quietest tenth of the clip's frames (at least five). Each bin of the short-time spectrum
    that doesn't rise 1.5 standard deviations of dB above its noise is turned down by ``share``; the gains are
    smoothed over 60 Hz and 30 ms, so that no single bins chirp. Spectral gating as in T. Sainburg's
    ``noisereduce`` (2019), with the noise found in the clip itself. Where speech is more than about 20 dB above the
    noise, it takes more of the speech than of the noise.

    Parameters
    ----------
    share
        0 to 1: how much of a gated bin's amplitude is taken away.

    Returns
    -------
    ndarray
        float32, of the same length; signals shorter than eight frames of 32 ms are given back as they are.
    """
    n_fft = 2 * round(_GATE_SECONDS * sampling_rate / 2)
    hop = n_fft // 4
    if len(signal) < 8 * n_fft:
        return signal
    import scipy.ndimage  # here, as they take a second that hardly any start needs
    import scipy.signal

    _, _, spectrum = scipy.signal.stft(signal, sampling_rate, nperseg=n_fft, noverlap=n_fft - hop)
    level = 20 * np.log10(np.abs(spectrum) + 1e-8)  # (n_bins, n_frames)
    inner = slice(4, -4)  # frames at the edges hang into the zeros beyond
    loudness = np.square(np.abs(spectrum[:, inner])).sum(axis=0)
    n_quiet = max(_LEAST_QUIET, round(_QUIET_SHARE * len(loudness)))
    noise = level[:, inner][:, np.argsort(loudness, kind="stable")[:n_quiet]]
    threshold = noise.mean(axis=1) + _GATE_DEVIATIONS * noise.std(axis=1)
    opened = (level > threshold[:, None]).astype(np.float64)
    size = (1 + round(_SMOOTH_HZ / (sampling_rate / n_fft)), 1 + round(_SMOOTH_SECONDS / (hop / sampling_rate)))
    gains = 1 - share * (1 - scipy.ndimage.uniform_filter(opened, size, mode="nearest"))
    _, cleaned = scipy.signal.istft(spectrum * gains, sampling_rate, nperseg=n_fft, noverlap=n_fft - hop)
    return of_length(cleaned.astype(np.float32), len(signal))
