"""The sound of a room: early echoes of a box-shaped room by mirror images, then a decaying tail.

A room, the place of the speaker and that of the microphone are drawn. Echoes of the first 50 ms come from the mirror
images of the speaker (J. B. Allen, D. A. Berkley: Image method for efficiently simulating small-room acoustics,
J. Acoust. Soc. Am. 65 (1979) 943-950), all later sound is noise that falls by 60 dB within the reverberation time
(Polack, as in `augment.field`). Walls absorb what Eyring's formula asks for that time. The direct sound stays where it
was in time, and as loud as it was.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.signal import fftconvolve

from affexion_core.augment._signal import check, in_scale, within
from affexion_core.config import config_class

VERSION = 1
_SOUND = 343.0  # metres per second
_EARLY = 0.05  # seconds
_SMALLEST, _LARGEST = (2.5, 2.5, 2.3), (9.0, 7.0, 3.5)  # metres


@config_class
class Config:
    """How long a room sounds, and how far the speaker stands."""

    reverberation: Annotated[
        tuple[float, float],
        within(0.05, 3),
        Field(description="Seconds until the room's sound is 60 dB down: 0.3 furnished, 1 bare"),
    ] = (0.2, 0.8)
    distance: Annotated[
        tuple[float, float], within(0.1, 10), Field(description="From mouth to microphone in metres")
    ] = (0.3, 3.0)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Put a mono ``signal`` ``(n_samples,)`` into a drawn room; float32 of the same length, the tail's end cut off."""
    check(signal)
    response = draw_response(sampling_rate, config, np.random.default_rng(seed))
    return in_scale(fftconvolve(signal.astype(np.float64), response)[: len(signal)])


def draw_response(sampling_rate: int, config: Config, rng: np.random.Generator) -> np.ndarray:
    """Draw a room and give its impulse response, float64 ``(n,)``; the direct sound is 1 at sample 0."""
    size = rng.uniform(_SMALLEST, _LARGEST)
    seconds, distance = rng.uniform(*config.reverberation), rng.uniform(*config.distance)
    microphone = size * rng.uniform(0.2, 0.8, 3)
    speaker = np.clip(microphone + distance * _direction(rng), 0.1, size - 0.1)
    distance = max(float(np.linalg.norm(speaker - microphone)), 0.1)

    surface = 2 * (size[0] * size[1] + size[0] * size[2] + size[1] * size[2])
    reflection = np.exp(-0.161 * np.prod(size) / (2 * surface * seconds))  # Eyring's, of amplitude
    delays, gains = _images(size, speaker, microphone, reflection)
    late = delays - distance / _SOUND
    early = late < _EARLY
    n_early = round(_EARLY * sampling_rate)
    n = max(n_early, round(seconds * sampling_rate))
    response = np.zeros(n)
    np.add.at(response, np.minimum((late[early] * sampling_rate).astype(int), n - 1), gains[early] * distance)

    decay = np.exp(-3 * np.log(10) * np.arange(n) / sampling_rate / seconds)
    tail = rng.standard_normal(n) * decay
    half = n_early // 2  # the tail goes on where the early sound of the second half has got to
    energy, own = np.sum(response[half:n_early] ** 2), np.sum(tail[half:n_early] ** 2)
    response[n_early:] += tail[n_early:] * np.sqrt(energy / own)
    return response


def _direction(rng: np.random.Generator) -> np.ndarray:
    towards = rng.standard_normal(3) * (1.0, 1.0, 0.3)  # mouth and microphone stand about as high
    return towards / np.linalg.norm(towards)


def _images(
    size: np.ndarray, speaker: np.ndarray, microphone: np.ndarray, reflection: float
) -> tuple[np.ndarray, np.ndarray]:
    """Give delay (s) and gain (1 / m) of the direct sound and its mirror images, as far as the early sound needs."""
    reach = np.ceil((_EARLY * _SOUND + np.linalg.norm(size)) / (2 * size)).astype(int)
    axes = []
    for length, source, listener, most in zip(size, speaker, microphone, reach, strict=True):
        order = np.arange(-most, most + 1)
        places = np.concatenate([2 * order * length + source, 2 * order * length - source]) - listener
        bounces = np.concatenate([2 * np.abs(order), np.abs(2 * order - 1)])
        axes.append((places, bounces))
    (x, bx), (y, by), (z, bz) = axes
    distance = np.sqrt(x[:, None, None] ** 2 + y[:, None] ** 2 + z**2).ravel()
    bounces = (bx[:, None, None] + by[:, None] + bz).ravel()
    return distance / _SOUND, reflection**bounces / np.maximum(distance, 0.1)
