"""A simulated field recording: what a room, a noisy place and a cheap recorder do to clean speech.

The steps, in the order in which they happen to sound: reverberation of a room, background noise (steady pink noise or
a murmur of voices) at a drawn signal-to-noise ratio, the band of a telephone or a small microphone, the level, and
an overdriven input that cuts the peaks. `draw` chooses the conditions of one clip, `render` applies them, `apply` does
both. It is a stand-in for real recordings, good for trying things out; it replaces no test on real ones.

Sources: exponentially decaying noise as impulse response, J.-D. Polack: La transmission de l'énergie sonore dans les
salles, thèse, Université du Maine 1988; noise of power 1/f and its long-term likeness to speech, R. F. Voss, J. Clarke:
"1/f noise" in music and speech, Nature 258 (1975) 317-318; the syllable-paced swell of voices (most at 3 to 6 Hz),
T. Houtgast, H. J. M. Steeneken, J. Acoust. Soc. Am. 77 (1985) 1069-1077; telephone band, ITU-T G.712.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.signal import butter, fftconvolve, sosfilt

from affexion_core.augment._signal import Noise as Noise
from affexion_core.augment._signal import check, gain, noise_of, within
from affexion_core.config import config_class

VERSION = 1

MOST_OVERDRIVE_DB = 24.0


@config_class
class Config:
    """From where to where each condition may be drawn; a pair of equal values fixes it."""

    noises: Annotated[tuple[Noise, ...], Field(min_length=1, description="Kinds of background noise to draw from.")] = (
        "pink",
        "babble",
    )
    snr_db: Annotated[
        tuple[float, float], within(-20, 100), Field(description="Speech over noise in dB: 20 quiet room, 5 street.")
    ] = (6.0, 20.0)
    reverberation: Annotated[
        tuple[float, float], within(0, 5), Field(description="Seconds until the room's sound is 60 dB down; 0 = none.")
    ] = (0.15, 0.6)
    direct_db: Annotated[
        tuple[float, float], within(-20, 40), Field(description="Direct over reverberant sound in dB: the distance.")
    ] = (3.0, 12.0)
    low_hz: Annotated[
        tuple[float, float], within(20, 1000), Field(description="Lower end of the band in Hz; a telephone's is 300.")
    ] = (60.0, 300.0)
    high_hz: Annotated[
        tuple[float, float], within(2000, 24_000), Field(description="Upper end in Hz; a telephone's is 3400.")
    ] = (3400.0, 8000.0)
    peak_db: Annotated[
        tuple[float, float], within(-60, 0), Field(description="Level of the highest peak, in dB of full scale.")
    ] = (-18.0, -1.0)
    overdrive_db: Annotated[
        tuple[float, float],
        within(0, MOST_OVERDRIVE_DB),
        Field(description="How far peaks would go beyond where they are cut, in dB; 0 = nothing is cut."),
    ] = (0.0, 2.0)


@dataclass(frozen=True)
class Conditions:
    """The drawn conditions of one recording, in the units of `Config`; plain values, fit for an origin card."""

    noise: Noise
    snr_db: float
    reverberation: float
    direct_db: float
    low_hz: float
    high_hz: float
    peak_db: float
    overdrive_db: float


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Make a clean signal sound like a field recording.

    Parameters
    ----------
    signal
        Mono ``(n_samples,)``, finite, in [-1, 1].
    sampling_rate
        In Hz.
    config
        What to draw from.
    seed
        The same one gives the same samples.

    Returns
    -------
    float32 ``(n_samples,)`` in [-1, 1]: the room's tail beyond the end is cut off. A silent signal stays silent,
    having no level that noise could be set against.

    Raises
    ------
    AudioError
        If the signal is empty, not mono or not finite.
    """
    return render(signal, sampling_rate, draw(config, seed), seed)


def draw(config: Config, seed: int) -> Conditions:
    """Draw the conditions of one recording, each evenly within its bounds."""
    rng = np.random.default_rng([seed, 0])
    names = [field.name for field in fields(Conditions) if field.name != "noise"]
    noise = config.noises[int(rng.integers(len(config.noises)))]
    return Conditions(noise, **{name: round(float(rng.uniform(*getattr(config, name))), 3) for name in names})


def render(signal: np.ndarray, sampling_rate: int, conditions: Conditions, seed: int) -> np.ndarray:
    """Apply given conditions; see `apply`. ``seed`` chooses the noise and the room's fine structure."""
    check(signal)
    rng = np.random.default_rng([seed, 1])
    speech = _in_room(signal.astype(np.float64), sampling_rate, conditions, rng)
    noise = noise_of(conditions.noise, len(signal), sampling_rate, rng)
    speech, noise = (_band(sound, sampling_rate, conditions) for sound in (speech, noise))
    mixed = speech + noise * gain(speech, noise, conditions.snr_db)
    return _record(mixed, conditions).astype(np.float32)


def _in_room(signal: np.ndarray, sampling_rate: int, conditions: Conditions, rng: np.random.Generator) -> np.ndarray:
    """Add the late sound of a room: noise that falls by 60 dB within the reverberation time."""
    n_tail = round(conditions.reverberation * sampling_rate)
    if n_tail == 0:
        return signal
    decay = np.exp(-3 * np.log(10) * np.arange(n_tail) / n_tail)
    tail = rng.standard_normal(n_tail) * decay
    tail *= 10 ** (-conditions.direct_db / 20) / np.linalg.norm(tail)
    response = np.concatenate([[1.0], tail])
    return fftconvolve(signal, response)[: len(signal)]


def _band(sound: np.ndarray, sampling_rate: int, conditions: Conditions) -> np.ndarray:
    # A filter's edge can't reach half the sampling rate; a band that goes beyond it is open above.
    if conditions.high_hz < 0.49 * sampling_rate:
        filter_ = butter(2, [conditions.low_hz, conditions.high_hz], "bandpass", fs=sampling_rate, output="sos")
    else:
        filter_ = butter(2, min(conditions.low_hz, 0.4 * sampling_rate), "highpass", fs=sampling_rate, output="sos")
    return sosfilt(filter_, sound)


def _record(sound: np.ndarray, conditions: Conditions) -> np.ndarray:
    """Set the level and cut what goes beyond it."""
    peak = np.abs(sound).max()
    if peak == 0:
        return sound
    ceiling = 10 ** (conditions.peak_db / 20)
    return np.clip(sound * (ceiling * 10 ** (conditions.overdrive_db / 20) / peak), -ceiling, ceiling)
