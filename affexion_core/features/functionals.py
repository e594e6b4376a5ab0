"""One row of figures for a whole clip: how loud, high, fast, bright and restless the voice is, and how that moves.

Our own set of prosodic, voice-quality, spectral, cepstral and modulation statistics, in the spirit of eGeMAPS and
ComParE but computed with NumPy and SciPy alone. A clip of 3.7 s takes 20 ms of one core, 33 ms with ``wide``,
and as much again for each of ``speeds``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.features._descriptors import (
    N_CEPSTRA,
    N_MELS,
    SPECTRAL,
    VOICE,
    Descriptors,
    describe,
    found_formants,
)
from affexion_core.features._formants import N_FORMANTS
from affexion_core.features._mel import checked_signals
from affexion_core.features._summaries import FEW, HOP_SECONDS, MANY, summaries
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 2

_CEPSTRAL = ("mean", "sd", "p10", "p90", "skew", "change")
_CEPSTRA = tuple(f"mfcc{i}" for i in range(1, N_CEPSTRA + 1))
_FORMANTS = tuple(f"{what}{i}" for what in ("formant", "width") for i in range(1, N_FORMANTS + 1))
_N_GROUPS = 8  # of mel bands, whose movement is looked at
_MODULATION_HZ = (1, 2, 4, 8, 16, 32)
_TIMING = (
    "speech_seconds", "speech_share", "voiced_share", "voiced_per_second", "voiced_length", "voiced_length_sd",
    "unvoiced_length", "unvoiced_length_sd", "pauses_per_second", "pause_length", "peaks_per_second",
    "peak_height", "f0_rise", "f0_fall", "level_rise", "level_fall", "f0_end", "level_end", "level_peak_place",
)  # fmt: skip


@config_class
class Config:
    """What bounds the analysis; the figures themselves are fixed, so that models can rely on them."""

    sampling_rate: Annotated[int, Field(ge=12_000, le=48_000, description="Hz; speech needs little above 8 kHz")] = (
        16_000
    )
    fmin: Annotated[float, Field(ge=40, le=300, description="Lowest pitch in Hz; men reach down to about 65")] = 60.0
    fmax: Annotated[float, Field(ge=200, le=1_200, description="Highest pitch in Hz; screams reach 600 and more")] = (
        620.0
    )
    figures: Annotated[
        Literal["core", "wide"],
        Field(description="core: 421; wide: 1475, with formants and twenty figures for each descriptor"),
    ] = "core"
    speeds: Annotated[
        tuple[Annotated[float, Field(ge=0.5, le=2.0)], ...],
        Field(max_length=8, description="Adds a row for each: the clip played so much faster, as if others said it"),
    ] = ()

    def __post_init__(self) -> None:
        if self.fmin >= self.fmax:
            raise ConfigError(f"fmin = {self.fmin:g} and fmax = {self.fmax:g}: choose fmin below fmax.")


def feature_names(config: Config | None = None) -> tuple[str, ...]:
    """Name the columns, in order."""
    if config is not None and config.figures == "wide":
        described = (*VOICE, *_FORMANTS, *SPECTRAL, *_CEPSTRA)
        names = [f"{name}.{figure}" for name in described for figure in MANY]
        names += [f"voiced.{name}.mean" for name in _CEPSTRA]
        names += [f"mel{i}.{figure}" for i in range(N_MELS) for figure in MANY]
    else:
        names = [f"{name}.{figure}" for name in (*VOICE, *SPECTRAL) for figure in FEW]
        names += [f"{name}.{figure}" for name in _CEPSTRA for figure in _CEPSTRAL]
        names += [f"voiced.{name}.mean" for name in _CEPSTRA]
        names += [f"mel{i}.{figure}" for i in range(N_MELS) for figure in ("mean", "sd")]
    pairs = zip(_MODULATION_HZ[:-1], _MODULATION_HZ[1:], strict=True)
    names += [f"modulation{i}.{low}_{high}hz" for low, high in pairs for i in range(_N_GROUPS)]
    return (*names, *_TIMING)


def n_features(config: Config) -> int:
    """Count the figures."""
    return len(feature_names(config))


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Compute the figures of one utterance.

    Parameters
    ----------
    utterance
        Mono, at ``config.sampling_rate``, at least one sample.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(1 + len(config.speeds), n_features(config))``, always finite; `feature_names` says what each column
        is. The first row is the clip as it is, the others as it sounds at the speeds asked for: pitch, resonances and
        rate move together, as from one speaker to another. Statistics run over
        the frames with speech (within 30 dB of the loud ones), those of the voice over voiced frames; pitch in
        semitones above 27.5 Hz, levels in dB, lengths in seconds, slopes per second.

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order."""
    hop_length = round(HOP_SECONDS * config.sampling_rate)
    clips = []
    for signal in checked_signals(utterances, config.sampling_rate):
        clean = np.nan_to_num(signal, posinf=1.0, neginf=-1.0)
        views = [clean, *(_played(clean, speed, config.sampling_rate) for speed in config.speeds)]
        clips.append(np.stack([_row(view, config, hop_length) for view in views]))
    return clips


def _played(signal: np.ndarray, speed: float, sampling_rate: int) -> np.ndarray:
    """Play a signal faster (or slower, below 1), as a tape would; at least one sample is left."""
    import soxr

    played = soxr.resample(signal, sampling_rate * speed, sampling_rate)
    return played if len(played) else signal


def _row(signal: np.ndarray, config: Config, hop_length: int) -> np.ndarray:
    found = describe(signal, config.sampling_rate, hop_length, config.fmin, config.fmax)
    row = _wide(found, signal, config.sampling_rate) if config.figures == "wide" else _core(found)
    return np.concatenate([row, _modulation(found), _timing(found)]).astype(np.float32)


def _core(found: Descriptors) -> np.ndarray:
    speech, voiced = found.active, found.voiced
    mel = found.mel[speech] - found.mel[speech].mean()
    return np.concatenate([
        summaries(found.voice, voiced, FEW).ravel(),
        summaries(found.spectral, speech, FEW).ravel(),
        summaries(found.cepstra, speech, _CEPSTRAL).ravel(),
        found.cepstra[voiced].mean(axis=0),
        np.column_stack([mel.mean(axis=0), mel.std(axis=0)]).ravel(),
    ])  # fmt: skip


def _wide(found: Descriptors, signal: np.ndarray, sampling_rate: int) -> np.ndarray:
    speech, voiced = found.active, found.voiced
    resonances = found_formants(signal, sampling_rate, voiced)
    return np.concatenate([
        summaries(found.voice, voiced, MANY).ravel(),
        summaries(resonances, voiced, MANY).ravel(),
        summaries(found.spectral, speech, MANY).ravel(),
        summaries(found.cepstra, speech, MANY).ravel(),
        found.cepstra[voiced].mean(axis=0),
        summaries(found.mel - found.mel[speech].mean(), speech, MANY).ravel(),
    ])  # fmt: skip


def _modulation(found: Descriptors) -> np.ndarray:
    """Measure how strongly groups of mel bands rise and fall at 1 to 32 Hz between the first and last speech frame."""
    first, last = np.flatnonzero(found.active)[[0, -1]]
    groups = np.array_split(found.mel[first : last + 1], _N_GROUPS, axis=1)
    tracks = np.stack([group.mean(axis=1) for group in groups], axis=1)
    window = np.hanning(len(tracks) + 2)[1:-1, None]
    moving = (tracks - tracks.mean(axis=0)) * window
    size = max(1024, 1 << (len(tracks) - 1).bit_length())
    power = np.square(np.abs(np.fft.rfft(moving, size, axis=0))) / np.square(window).sum() / size
    hertz = np.fft.rfftfreq(size, HOP_SECONDS)
    pairs = zip(_MODULATION_HZ[:-1], _MODULATION_HZ[1:], strict=True)
    bands = [power[(hertz >= low) & (hertz < high)].sum(axis=0) for low, high in pairs]
    return 10 * np.log10(np.concatenate(bands) + 1e-3)


def _timing(found: Descriptors) -> np.ndarray:
    """Measure rate, pauses and contours; the order is that of `_TIMING`."""
    place = np.flatnonzero(found.active)
    span = slice(place[0], place[-1] + 1)
    seconds = (span.stop - span.start) * HOP_SECONDS
    voiced, active = found.really_voiced[span], found.active[span]
    sounding, silent, pauses = _runs(voiced), _runs(~voiced), _runs(~active)
    pauses = pauses[pauses >= 0.06]
    smooth = np.convolve(np.pad(found.level[span], 2, mode="edge"), np.full(5, 0.2), mode="valid")
    peaks = _peaks(smooth)
    f0 = found.voice[found.voiced, 0]
    late = f0[2 * len(f0) // 3 :]
    return np.array([
        min(seconds, 10.0),
        active.mean(),
        voiced.mean(),
        len(sounding) / max(seconds, 0.3),
        *_mean_and_sd(sounding),
        *_mean_and_sd(silent),
        len(pauses) / max(seconds, 0.3),
        pauses.mean() if len(pauses) else 0.0,
        len(peaks) / max(seconds, 0.3),
        (smooth[peaks].mean() if len(peaks) else smooth.max()) - smooth.mean(),
        *_rise_and_fall(np.minimum(np.maximum(np.diff(f0, prepend=f0[0]), -3), 3)),
        *_rise_and_fall(np.diff(smooth, prepend=smooth[0])),
        late.mean() - f0.mean(),
        smooth[2 * len(smooth) // 3 :].mean() - smooth.mean(),
        smooth.argmax() / len(smooth),
    ])  # fmt: skip


def _runs(marked: np.ndarray) -> np.ndarray:
    """Lengths in seconds of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marked.astype(np.int8), [0]])))
    return (edges[1::2] - edges[::2]) * HOP_SECONDS


def _mean_and_sd(values: np.ndarray) -> tuple[float, float]:
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)


def _peaks(level: np.ndarray) -> np.ndarray:
    """Find loudness peaks that stand out by 3 dB, about one a syllable, at least 0.1 s apart."""
    from scipy.signal import find_peaks

    return find_peaks(level, prominence=3.0, distance=10)[0]


def _rise_and_fall(steps: np.ndarray) -> tuple[float, float]:
    """Mean step up and mean step down, both per second."""
    up, down = steps[steps > 0], steps[steps < 0]
    return (
        float(up.mean()) / HOP_SECONDS if len(up) else 0.0,
        float(down.mean()) / HOP_SECONDS if len(down) else 0.0,
    )
