"""Another level; what goes beyond full scale is turned down again, not cut."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from affexion_core.augment._signal import check, in_scale, within
from affexion_core.config import config_class

VERSION = 1


@config_class
class Config:
    """How much louder or quieter."""

    gain_db: Annotated[tuple[float, float], within(-60, 40), Field(description="Change of level in dB")] = (-12.0, 6.0)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Change the level of a mono ``signal`` ``(n_samples,)``; float32 of the same length."""
    check(signal)
    return in_scale(signal.astype(np.float64) * 10 ** (np.random.default_rng(seed).uniform(*config.gain_db) / 20))
