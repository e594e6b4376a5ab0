"""Spectrogram of a clip: log power over seconds and kilohertz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FLOOR_DB = -70.0


@dataclass(frozen=True)
class Spectrogram:
    """Log power of a signal.

    ``power`` float32 ``(n_columns, n_frequencies)`` in dB below the loudest cell (0 to `FLOOR_DB`); ``times`` (s) and
    ``frequencies`` (Hz) are the centres of columns and rows; ``duration`` in seconds.
    """

    power: np.ndarray
    times: np.ndarray
    frequencies: np.ndarray
    duration: float


def spectrogram(signal: np.ndarray, sampling_rate: int, n_columns: int = 500, n_fft: int = 512) -> Spectrogram:
    """Short-time Fourier transform with a Hann window, as log power.

    Parameters
    ----------
    signal
        Mono float32 ``(n_samples,)`` in [-1, 1].
    sampling_rate
        In Hz.
    n_columns
        Columns at most; a longer clip takes a longer hop.
    n_fft
        Window length in samples; 512 at 16 kHz is 32 ms.
    """
    n_samples = len(signal)
    hop = max(n_fft // 4, -(-n_samples // n_columns))
    padded = np.pad(np.asarray(signal, dtype=np.float32), n_fft // 2)
    padded = np.pad(padded, (0, max(0, n_fft - len(padded))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    spectrum = np.fft.rfft(frames * np.hanning(n_fft).astype(np.float32), axis=1)
    power = np.abs(spectrum) ** 2
    # digital silence has no loudest cell: everything then stands at the floor
    decibels = 10 * np.log10(np.maximum(power, 1e-14) / max(float(power.max(initial=0.0)), 1e-6))
    return Spectrogram(
        power=np.clip(decibels, FLOOR_DB, 0).astype(np.float32),
        times=np.arange(len(frames)) * hop / sampling_rate,
        frequencies=np.fft.rfftfreq(n_fft, 1 / sampling_rate),
        duration=n_samples / sampling_rate,
    )
