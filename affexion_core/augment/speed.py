"""Another speed, as of a tape: pace and pitch together, by resampling.

Source: T. Ko, V. Peddinti, D. Povey, S. Khudanpur: Audio augmentation for speech recognition, Interspeech 2015.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import soxr
from pydantic import Field

from affexion_core.augment._signal import check, in_scale, within
from affexion_core.config import config_class

VERSION = 1


@config_class
class Config:
    """How much faster or slower."""

    rate: Annotated[
        tuple[float, float], within(0.5, 2), Field(description="Speed as a factor: 1.1 is a tenth faster")
    ] = (0.9, 1.1)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Change the speed of a mono ``signal`` ``(n_samples,)``; float32, about ``n_samples / rate`` long."""
    check(signal)
    rate = float(np.random.default_rng(seed).uniform(*config.rate))
    changed = soxr.resample(signal.astype(np.float64), sampling_rate * rate, sampling_rate)
    return in_scale(changed if len(changed) else signal)
