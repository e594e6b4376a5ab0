"""Another pitch at the same pace, by a phase vocoder and resampling."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import soxr
from pydantic import Field

from affexion_core.augment._signal import check, in_scale, of_length, within
from affexion_core.augment._vocoder import stretched
from affexion_core.config import config_class

VERSION = 1


@config_class
class Config:
    """How far the pitch moves. Pitch carries emotion: a move of several semitones may change what a clip says."""

    semitones: Annotated[
        tuple[float, float], within(-12, 12), Field(description="From where to where, 12 an octave")
    ] = (-2.0, 2.0)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Move the pitch of a mono ``signal`` ``(n_samples,)``; float32 of the same length."""
    check(signal)
    factor = 2 ** (float(np.random.default_rng(seed).uniform(*config.semitones)) / 12)
    slower = stretched(signal, sampling_rate, 1 / factor)
    return in_scale(of_length(soxr.resample(slower, sampling_rate * factor, sampling_rate), len(signal)))
