"""Another pace at the same pitch, by a phase vocoder."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from affexion_core.augment._signal import check, in_scale, within
from affexion_core.augment._vocoder import stretched
from affexion_core.config import config_class

VERSION = 1


@config_class
class Config:
    """How much faster or slower."""

    rate: Annotated[
        tuple[float, float], within(0.5, 2), Field(description="Pace as a factor: 1.1 is a tenth faster")
    ] = (0.85, 1.15)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Change the pace of a mono ``signal`` ``(n_samples,)``; float32, ``round(n_samples / rate)`` long."""
    check(signal)
    rate = float(np.random.default_rng(seed).uniform(*config.rate))
    return in_scale(stretched(signal, sampling_rate, rate))
