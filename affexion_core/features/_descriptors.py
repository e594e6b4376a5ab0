"""What a short stretch of speech sounds like, frame by frame: loudness, pitch, voice quality and spectral shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from affexion_core.features._formants import N_FORMANTS, formants
from affexion_core.features._mel import MelScale, hann, mel_basis
from affexion_core.features._pitch import Pitch, track_pitch

N_MELS, N_CEPSTRA = 26, 16
_FLOOR = 1e-10
_TINY = 1e-14  # far below: for figures that are measured against the clip's own loudest
# Frames this far (dB) below the clip's loud ones are pause, unless all of the clip is near its noise.
_ACTIVE_DB = 30.0
_SEMITONE_ZERO = 27.5  # Hz


@dataclass(frozen=True)
class Descriptors:
    """Descriptors of a clip, each ``(n_frames, …)``, with the frames that count.

    ``voice`` (`VOICE` names its columns) and ``spectral`` (`SPECTRAL`) hold one column a descriptor; ``mel`` log-mel
    bands in dB; ``cepstra`` MFCC 1 to 16. ``active`` marks speech, ``voiced`` voice; neither is ever empty.
    ``really_voiced`` marks voice and may be. ``level`` is the energy in dB.
    """

    voice: np.ndarray
    spectral: np.ndarray
    mel: np.ndarray
    cepstra: np.ndarray
    level: np.ndarray
    active: np.ndarray
    voiced: np.ndarray
    really_voiced: np.ndarray


VOICE = ("f0", "hnr", "jitter", "shimmer", "h1_h2", "h1_a3")
SPECTRAL = (
    "level", "loudness", "slope_0_500", "slope_500_1500", "slope_1000_5000", "alpha_ratio", "hammarberg",
    "low_share", "centroid", "spread", "rolloff_25", "rolloff_50", "rolloff_90", "entropy", "flux", "crossings",
)  # fmt: skip


def describe(signal: np.ndarray, sampling_rate: int, hop_length: int, fmin: float, fmax: float) -> Descriptors:
    """Compute the descriptors of one signal, mono ``(n_samples,)``; ``fmin`` and ``fmax`` bound the pitch in Hz."""
    n_fft = _n_fft(sampling_rate)
    power, frames = _power(signal, n_fft, hop_length)
    pitch = track_pitch(signal, sampling_rate, hop_length, fmin, fmax)
    level = 10 * np.log10(power.mean(axis=1) + _FLOOR)
    mel_power = power @ _mel(sampling_rate, n_fft).T
    mel = 10 * np.log10(mel_power + _TINY)
    mel = np.maximum(mel, mel.max() - 80.0)
    decibels = 10 * np.log10(power + _TINY)
    decibels = np.maximum(decibels, decibels.max() - 100.0)
    active = level > max(np.quantile(level, 0.95) - _ACTIVE_DB, np.quantile(level, 0.05) + 3.0)
    active = active if active.any() else np.ones(len(level), dtype=bool)
    voiced = pitch.voiced & active
    # where nothing sounds voiced, the tenth that comes nearest stands in, so that no figure is missing
    nearest = voiced if voiced.any() else pitch.strength >= np.quantile(pitch.strength, 0.9)
    return Descriptors(
        voice=_voice(pitch, level, decibels, sampling_rate, n_fft),
        spectral=_spectral(power, decibels, mel_power, level, frames, sampling_rate, n_fft),
        mel=mel,
        cepstra=scipy.fft.dct(mel, norm="ortho", axis=1)[:, 1 : N_CEPSTRA + 1],
        level=level,
        active=active,
        voiced=nearest,
        really_voiced=voiced,
    )


@lru_cache(maxsize=8)
def _mel(sampling_rate: int, n_fft: int) -> np.ndarray:
    scale = MelScale(sampling_rate, n_fft, 160, N_MELS, 50.0, min(8000.0, sampling_rate / 2))
    return mel_basis(scale).astype(np.float64)


def _power(signal: np.ndarray, n_fft: int, hop_length: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute centred power spectra, float64 ``(n_frames, 1 + n_fft // 2)``, and the frames themselves."""
    padded = np.pad(signal.astype(np.float32), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length][: 1 + len(signal) // hop_length]
    window = hann(n_fft).astype(np.float32)
    spectrum = scipy.fft.rfft(frames * window, axis=1)
    power = np.square(spectrum.real.astype(np.float64)) + np.square(spectrum.imag.astype(np.float64))
    return power * (2 / n_fft), frames


def found_formants(signal: np.ndarray, sampling_rate: int, voiced: np.ndarray) -> np.ndarray:
    """Formants of the frames of `describe`, ``(n_frames, 6)``: semitones above 100 Hz, then log2 widths in Hz."""
    emphasised = np.append(signal[:1], signal[1:] - 0.97 * signal[:-1])
    power, _ = _power(emphasised, _n_fft(sampling_rate), round(0.01 * sampling_rate))
    found = formants(power, sampling_rate, voiced)
    frequencies, widths = found[:, :N_FORMANTS], found[:, N_FORMANTS:]
    return np.column_stack([12 * np.log2(frequencies / 100), np.log2(widths + 10)])


def _n_fft(sampling_rate: int) -> int:
    return 512 if sampling_rate <= 16_000 else 1024


def _voice(pitch: Pitch, level: np.ndarray, decibels: np.ndarray, sampling_rate: int, n_fft: int) -> np.ndarray:
    """Pitch in semitones, harmonics to noise in dB, how both move from frame to frame, and what the glottis does."""
    semitones = 12 * np.log2(pitch.f0 / _SEMITONE_ZERO)
    strength = np.clip(pitch.strength, 1e-3, 1 - 1e-4)
    steady = np.zeros(len(semitones), dtype=bool)
    steady[1:] = pitch.voiced[1:] & pitch.voiced[:-1]
    jitter = np.where(steady, np.minimum(np.abs(np.diff(semitones, prepend=semitones[0])), 3.0), 0.0)
    shimmer = np.where(steady, np.minimum(np.abs(np.diff(level, prepend=level[0])), 12.0), 0.0)
    per_bin = n_fft / sampling_rate
    first = _near(decibels, pitch.f0 * per_bin)
    second = _near(decibels, 2 * pitch.f0 * per_bin)
    third = decibels[:, int(2000 * per_bin) : int(3500 * per_bin)].max(axis=1)
    return np.column_stack(
        [semitones, 10 * np.log10(strength / (1 - strength)), jitter, shimmer, first - second, first - third]
    )


def _near(decibels: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Take the highest of the three bins around a fractional one, by frame."""
    rows, middle = np.arange(len(bins)), np.clip(np.rint(bins).astype(int), 1, decibels.shape[1] - 2)
    return np.max([decibels[rows, middle + step] for step in (-1, 0, 1)], axis=0)


def _spectral(
    power: np.ndarray,
    decibels: np.ndarray,
    mel_power: np.ndarray,
    level: np.ndarray,
    frames: np.ndarray,
    sampling_rate: int,
    n_fft: int,
) -> np.ndarray:
    hertz = np.fft.rfftfreq(n_fft, 1 / sampling_rate)
    share = (power + _TINY) / (power + _TINY).sum(axis=1, keepdims=True)
    centroid = share @ hertz
    spread = np.sqrt(np.maximum(share @ np.square(hertz) - np.square(centroid), 0.0))
    total = np.cumsum(share, axis=1)
    rolloffs = [hertz[np.minimum((total < part).sum(axis=1), len(hertz) - 1)] for part in (0.25, 0.5, 0.9)]
    amplitude = np.sqrt(share)
    flux = np.linalg.norm(np.diff(amplitude, axis=0, prepend=amplitude[:1]), axis=1)
    crossings = (np.diff(np.signbit(frames), axis=1) != 0).mean(axis=1)

    def band(low: float, high: float) -> np.ndarray:
        return share[:, (hertz >= low) & (hertz < high)].sum(axis=1) + 1e-9

    def highest(low: float, high: float) -> np.ndarray:
        return decibels[:, (hertz >= low) & (hertz < high)].max(axis=1)

    return np.column_stack([
        level,
        10 * np.log10(np.power(mel_power + 1e-12, 0.3).sum(axis=1)),
        *(_slope(decibels, hertz, low, high) for low, high in ((0, 500), (500, 1500), (1000, 5000))),
        10 * np.log10(band(50, 1000) / band(1000, 5000)),
        highest(0, 2000) - highest(2000, 5000),
        10 * np.log10(band(0, 500)),
        12 * np.log2(np.maximum(centroid, 30) / 30),
        12 * np.log2(np.maximum(spread, 30) / 30),
        *(12 * np.log2(np.maximum(rolloff, 30) / 30) for rolloff in rolloffs),
        -(share * np.log2(share)).sum(axis=1),
        flux,
        crossings,
    ])  # fmt: skip


def _slope(decibels: np.ndarray, hertz: np.ndarray, low: float, high: float) -> np.ndarray:
    """Fit a line to the spectrum between two frequencies; dB per kHz by frame."""
    chosen = (hertz >= low) & (hertz <= high)
    x = (hertz[chosen] - hertz[chosen].mean()) / 1000
    return decibels[:, chosen] @ (x / np.square(x).sum())
