"""Resonances of the vocal tract: frequencies and widths of the first three formants, by linear prediction."""

from __future__ import annotations

import numpy as np

N_FORMANTS = 3
_TOP = 5500.0  # Hz; formants are looked for below
_ORDER = 11  # poles: two for each of five formants, one for the slope
_LOWEST, _HIGHEST, _WIDEST = 90.0, 5000.0, 800.0  # Hz; other poles are no formants
_USUAL = np.array([500.0, 1500.0, 2500.0, 100.0, 150.0, 200.0])  # stands in where a clip shows none


def formants(power: np.ndarray, sampling_rate: int, voiced: np.ndarray) -> np.ndarray:
    """Find the formants of each frame.

    Parameters
    ----------
    power
        Power spectra of the pre-emphasised signal, ``(n_frames, 1 + n_fft // 2)``.
    sampling_rate
        Hz, at least 11 kHz.
    voiced
        Frames with voice, bool ``(n_frames,)``: where a formant is not found, their median stands in.

    Returns
    -------
    float64 ``(n_frames, 6)``: three frequencies, then three bandwidths, in Hz.

    Notes
    -----
    Selective linear prediction (J. Makhoul, "Linear prediction: a tutorial review", Proceedings of the IEEE 63, 1975):
    the autocorrelation comes from the spectrum below 5.5 kHz alone, so that nothing has to be resampled.
    """
    n_bins = int(_TOP / (sampling_rate / 2) * (power.shape[1] - 1)) + 1
    correlation = np.fft.irfft(power[:, :n_bins], axis=1)[:, : _ORDER + 1]
    correlation[:, 0] = correlation[:, 0] * 1.0001 + 1e-12
    poles = np.linalg.eigvals(_companions(_levinson(correlation)))
    hertz = np.angle(poles) * _TOP / np.pi
    width = -np.log(np.maximum(np.abs(poles), 1e-6)) * 2 * _TOP / np.pi
    is_formant = (hertz > _LOWEST) & (hertz < _HIGHEST) & (width < _WIDEST)
    order = np.argsort(np.where(is_formant, hertz, np.inf), axis=1)[:, :N_FORMANTS]
    found = np.concatenate([np.take_along_axis(part, order, axis=1) for part in (hertz, width)], axis=1)
    missing = ~np.tile(np.take_along_axis(is_formant, order, axis=1), 2)
    return _filled(found, missing, voiced)


def _levinson(correlation: np.ndarray) -> np.ndarray:
    """Solve for the predictors of all frames at once, ``(n_frames, order + 1)``, the first being 1."""
    predictor = np.zeros_like(correlation)
    predictor[:, 0] = 1.0
    error = correlation[:, 0].copy()
    for i in range(1, correlation.shape[1]):
        reflected = -(predictor[:, :i] * correlation[:, i:0:-1]).sum(axis=1) / np.maximum(error, 1e-15)
        reflected = np.clip(reflected, -0.9999, 0.9999)
        predictor[:, 1 : i + 1] = predictor[:, 1 : i + 1] + reflected[:, None] * predictor[:, i - 1 :: -1][:, :i]
        error *= 1 - np.square(reflected)
    return predictor


def _companions(predictor: np.ndarray) -> np.ndarray:
    """Make the matrices whose eigenvalues are the poles, ``(n_frames, order, order)``."""
    n_frames, order = predictor.shape[0], predictor.shape[1] - 1
    companion = np.zeros((n_frames, order, order))
    companion[:, 0] = -predictor[:, 1:]
    companion[:, np.arange(1, order), np.arange(order - 1)] = 1.0
    return companion


def _filled(found: np.ndarray, missing: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    filled = found.copy()
    for column in range(found.shape[1]):
        seen = found[voiced & ~missing[:, column], column]
        filled[missing[:, column], column] = np.median(seen) if len(seen) else _USUAL[column]
    return filled
