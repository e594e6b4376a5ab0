"""Mel-frequency cepstral coefficients with their first and second derivatives, as librosa computes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.features._deltas import deltas
from affexion_core.features._mel import MelScale, checked_signals, decibels, mel_power
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 3


def _paper(value: object) -> dict[str, object]:
    return {"paper": value}


@config_class
class Config:
    """Settings under librosa's names; the defaults are the paper's, and librosa's where the paper is silent."""

    sampling_rate: Annotated[
        int,
        Field(ge=8_000, le=48_000, description="Hz; speech needs little above 8 kHz", json_schema_extra=_paper(16_000)),
    ] = 16_000
    n_mfcc: Annotated[
        int,
        Field(ge=1, le=128, description="More coefficients keep finer spectral shape", json_schema_extra=_paper(25)),
    ] = 25
    n_fft: Annotated[int, Field(ge=64, le=16_384, description="Samples in a frame: 2048 are 128 ms at 16 kHz")] = 2048
    win_length: Annotated[
        int | None,
        Field(
            ge=16,
            le=16_384,
            description="Samples of a frame under the window: 400 are 25 ms at 16 kHz; empty for all of it",
        ),
    ] = None
    hop_length: Annotated[
        int,
        Field(
            ge=16,
            le=4_096,
            description="Samples between frames: 160 are 10 ms at 16 kHz",
            json_schema_extra=_paper(160),
        ),
    ] = 160
    n_mels: Annotated[int, Field(ge=2, le=512, description="Bands that the coefficients summarise")] = 128
    fmin: Annotated[float, Field(ge=0, description="Lowest frequency in Hz; raise it against rumble")] = 0.0
    fmax: Annotated[
        float | None, Field(gt=0, description="Highest frequency in Hz; empty for half the sampling rate")
    ] = None
    deltas: Annotated[
        int,
        Field(
            ge=0, le=2, description="Derivatives added: 1 how it moves, 2 how that changes", json_schema_extra=_paper(2)
        ),
    ] = 2
    delta_width: Annotated[
        int, Field(ge=3, le=101, description="Frames a derivative looks at, odd; wider is smoother")
    ] = 9
    dct_type: Annotated[Literal[1, 2, 3], Field(description="Kind of cosine transform; 2 is the usual one")] = 2
    norm: Annotated[Literal["ortho"] | None, Field(description="Scale the transform to keep energy")] = "ortho"
    lifter: Annotated[float, Field(ge=0, description="Above 0, higher coefficients weigh more (HTK uses 22)")] = 0.0

    def __post_init__(self) -> None:
        if self.n_mfcc > self.n_mels:
            raise ConfigError(f"n_mfcc = {self.n_mfcc} is more than n_mels = {self.n_mels}; choose at most as many.")
        if self.win_length is not None and self.win_length > self.n_fft:
            raise ConfigError(
                f"win_length = {self.win_length} is more than n_fft = {self.n_fft}; choose at most as many."
            )
        if self.delta_width % 2 == 0:
            raise ConfigError(f"delta_width = {self.delta_width} is even; choose an odd number of frames.")
        highest = self.sampling_rate / 2
        if not self.fmin < (self.fmax or highest) <= highest:
            raise ConfigError(f"fmin = {self.fmin} and fmax = {self.fmax}: choose fmin < fmax <= {highest:.0f} Hz.")


def n_features(config: Config) -> int:
    """Count the numbers per frame."""
    return config.n_mfcc * (config.deltas + 1)


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Compute the coefficients of one utterance, with derivatives behind them.

    Parameters
    ----------
    utterance
        Mono, at ``config.sampling_rate``, at least one sample.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(n_frames, n_features(config))``: coefficients, then slopes, then curvatures. Frames are centred,
        so there are ``1 + n_samples // hop_length`` (for an even ``n_fft``). Clips shorter than ``delta_width``
        frames get their derivatives from the frames there are.

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.

    Notes
    -----
    The transpose of ``librosa.feature.mfcc(y=signal, sr=…)`` stacked with ``librosa.feature.delta`` of it.

    Examples
    --------
    >>> extract(Utterance(np.zeros(16_000, np.float32), 16_000), Config()).shape
    (101, 75)
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances, in less time; one array each, in their order."""
    signals = checked_signals(utterances, config.sampling_rate)
    if not signals:
        return []
    power, bounds = mel_power(signals, _scale(config))
    return [_coefficients(power[first:last], config) for first, last in zip(bounds[:-1], bounds[1:], strict=True)]


def _coefficients(power: np.ndarray, config: Config) -> np.ndarray:
    # In double precision: the sums run to hundreds of dB, where single precision loses the third decimal.
    levels = decibels(power, np.array([0, len(power)])).astype(np.float64)
    n = config.n_mfcc
    columns = np.empty((len(power), n_features(config)), np.float32)
    coefficients = (levels @ _cosines(config)).astype(np.float32)
    columns[:, :n] = coefficients
    for order in range(1, config.deltas + 1):
        deltas(coefficients, config.delta_width, order, out=columns[:, order * n : (order + 1) * n])
    return columns


def _scale(config: Config) -> MelScale:
    return MelScale(
        sampling_rate=config.sampling_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        fmin=config.fmin,
        fmax=config.fmax or config.sampling_rate / 2,
        win_length=config.win_length,
    )


@lru_cache(maxsize=16)
def _cosines(config: Config) -> np.ndarray:
    """Make the cosine transform with liftering as one matrix, float64 ``(n_mels, n_mfcc)``."""
    if config.dct_type == 2:
        middles, orders = np.arange(config.n_mels) + 0.5, np.arange(config.n_mfcc)
        transform = 2 * np.cos(np.pi / config.n_mels * middles[:, None] * orders)
        if config.norm == "ortho":
            transform *= np.sqrt(0.5 / config.n_mels)
            transform[:, 0] *= np.sqrt(0.5)
    else:
        import scipy.fft  # here, as it takes long to import and these kinds are rare

        transform = scipy.fft.dct(np.eye(config.n_mels), type=config.dct_type, norm=config.norm, axis=1)
        transform = transform[:, : config.n_mfcc]
    if config.lifter > 0:
        transform *= 1 + config.lifter / 2 * np.sin(np.pi * np.arange(1, config.n_mfcc + 1) / config.lifter)
    return transform
