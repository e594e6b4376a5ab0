"""The field's own functionals, eGeMAPS and ComParE 2016, by audEERING's openSMILE: one row for a whole clip.

An extra, since openSMILE's licence allows research and teaching alone; what it computes may be used for no product.

Sources: F. Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for voice research and affective
computing", IEEE Transactions on Affective Computing 7 (2016). B. Schuller et al., "The INTERSPEECH 2016 Computational
Paralinguistics Challenge", Interspeech 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.features._mel import checked_signals
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 1

_SETS = {"egemaps": ("eGeMAPSv02", 88), "compare": ("ComParE_2016", 6373)}
# Its longest frames are 60 ms; shorter clips are filled up with silence to this.
_LEAST_SECONDS = 0.1


@config_class
class Config:
    """Which set; its settings are openSMILE's own."""

    sampling_rate: Annotated[
        int, Field(ge=8_000, le=48_000, description="Hz; the sets are meant for 16 kHz or more")
    ] = 16_000
    feature_set: Annotated[
        Literal["egemaps", "compare"],
        Field(description="eGeMAPS, 88 figures chosen by experts, or all 6373 of ComParE 2016, which take longer"),
    ] = "egemaps"


def n_features(config: Config) -> int:
    """Count the figures of a clip."""
    return _SETS[config.feature_set][1]


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Compute the functionals of one utterance.

    Parameters
    ----------
    utterance
        Mono, at ``config.sampling_rate``, at least one sample; below 0.1 s filled up with silence.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(1, n_features(config))``, as openSMILE's functionals; what it leaves undefined is 0.

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.
    ConfigError
        If openSMILE is not installed.
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order."""
    signals = checked_signals(utterances, config.sampling_rate)
    least = round(_LEAST_SECONDS * config.sampling_rate)
    rows = []
    for signal in signals:
        filled = np.pad(signal, (0, max(0, least - len(signal))))
        found = _smile(config.feature_set).process_signal(filled, config.sampling_rate).to_numpy(np.float32)
        rows.append(np.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0))
    return rows


@cache
def _smile(feature_set: str) -> Any:
    try:
        import opensmile
    except ImportError:
        raise ConfigError(
            "eGeMAPS and ComParE need the package opensmile, which is not installed (its licence allows research and "
            "teaching alone); run `pip install -r requirements-opensmile.txt`, or choose the front-end functionals."
        ) from None
    return opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, _SETS[feature_set][0]),
        feature_level=opensmile.FeatureLevel.Functionals,
    )
