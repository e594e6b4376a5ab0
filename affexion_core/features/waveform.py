"""The signal itself, in frames of 20 ms, for models that hold their own encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affexion_core.config import config_class
from affexion_core.features._mel import checked_signals
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 1

SAMPLING_RATE = 16_000
FRAME = 320


@config_class
class Config:
    """The signal has no settings: it is what was recorded, at 16 kHz."""


def n_features(config: Config) -> int:
    """Count the samples in a frame."""
    return FRAME


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Cut one utterance into frames.

    Parameters
    ----------
    utterance
        Mono, at 16 kHz, at least one sample.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(n_frames, 320)``: the samples one after the other, 50 frames a second. The last frame is filled up
        with zeros.

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.

    Examples
    --------
    >>> extract(Utterance(np.zeros(16_001, np.float32), 16_000), Config()).shape
    (51, 320)
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order."""
    frames = []
    for signal in checked_signals(utterances, SAMPLING_RATE):
        clean = np.nan_to_num(np.asarray(signal, np.float32), posinf=1.0, neginf=-1.0)
        frames.append(np.pad(clean, (0, -len(clean) % FRAME)).reshape(-1, FRAME))
    return frames
