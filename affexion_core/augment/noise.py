"""Background noise under speech: steady pink noise, or a murmur of voices, at a drawn signal-to-noise ratio."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from affexion_core.augment._signal import Noise, check, gain, in_scale, noise_of, within
from affexion_core.config import config_class

VERSION = 1


@config_class
class Config:
    """What noise, and how loud."""

    noises: Annotated[
        tuple[Noise, ...], Field(min_length=1, description="Kinds of noise to draw from: pink, babble")
    ] = ("pink", "babble")
    snr_db: Annotated[
        tuple[float, float], within(-20, 100), Field(description="Speech over noise in dB: 20 quiet room, 5 street")
    ] = (5.0, 25.0)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Add noise to a mono ``signal`` ``(n_samples,)``; float32 of the same length. Silence stays silent."""
    check(signal)
    rng = np.random.default_rng(seed)
    kind = config.noises[int(rng.integers(len(config.noises)))]
    snr_db = rng.uniform(*config.snr_db)
    speech = signal.astype(np.float64)
    noise = noise_of(kind, len(signal), sampling_rate, rng)
    return in_scale(speech + noise * gain(speech, noise, snr_db))
