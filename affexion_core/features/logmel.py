"""Log-mel spectrogram: how loud each band of hearing is, frame by frame, as librosa computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.features._mel import MelScale, checked_signals, decibels, mel_power
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 3


@config_class
class Config:
    """Settings under librosa's names."""

    sampling_rate: Annotated[int, Field(ge=8_000, le=48_000, description="Hz; speech needs little above 8 kHz")] = (
        16_000
    )
    n_mels: Annotated[int, Field(ge=2, le=512, description="Bands; more keep finer spectral shape")] = 64
    n_fft: Annotated[int, Field(ge=64, le=16_384, description="Samples in a frame: 1024 are 64 ms at 16 kHz")] = 1024
    hop_length: Annotated[
        int, Field(ge=16, le=4_096, description="Samples between frames: 160 are 10 ms at 16 kHz")
    ] = 160
    fmin: Annotated[float, Field(ge=0, description="Lowest frequency in Hz; raise it against rumble")] = 0.0
    fmax: Annotated[
        float | None, Field(gt=0, description="Highest frequency in Hz; empty for half the sampling rate")
    ] = None
    top_db: Annotated[
        float | None, Field(gt=0, le=200, description="Floor so many dB below a clip's loudest band; empty for none")
    ] = 80.0

    def __post_init__(self) -> None:
        highest = self.sampling_rate / 2
        if not self.fmin < (self.fmax or highest) <= highest:
            raise ConfigError(f"fmin = {self.fmin} and fmax = {self.fmax}: choose fmin < fmax <= {highest:.0f} Hz.")


def n_features(config: Config) -> int:
    """Count the numbers per frame."""
    return config.n_mels


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Compute the spectrogram of one utterance.

    Parameters
    ----------
    utterance
        Mono, at ``config.sampling_rate``, at least one sample.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(n_frames, n_mels)``, dB re 1, lowest band first. Frames are centred, so there are
        ``1 + n_samples // hop_length`` (for an even ``n_fft``).

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.

    Notes
    -----
    The transpose of ``librosa.power_to_db(librosa.feature.melspectrogram(y=signal, sr=…))``.

    Examples
    --------
    >>> extract(Utterance(np.zeros(16_000, np.float32), 16_000), Config()).shape
    (101, 64)
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances, in less time; one array each, in their order."""
    signals = checked_signals(utterances, config.sampling_rate)
    if not signals:
        return []
    power, bounds = mel_power(signals, _scale(config))
    levels = decibels(power, bounds, config.top_db)
    return [levels[first:last] for first, last in zip(bounds[:-1], bounds[1:], strict=True)]


def _scale(config: Config) -> MelScale:
    return MelScale(
        sampling_rate=config.sampling_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin,
        fmax=config.fmax or config.sampling_rate / 2,
    )
