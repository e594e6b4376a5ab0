"""The transcript as tokens of a text encoder's vocabulary, for models that hold that encoder themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from affexion_core import encoders
from affexion_core.config import config_class
from affexion_core.features._transcripts import texts_of, token_ids
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 1
# The signal is not looked at, so clips are not decoded for it, and the cache goes by the words.
READS = "transcript"


@config_class
class Config:
    """Whose vocabulary, and what a clip without a transcript is."""

    encoder: Annotated[
        str, Field(description="Folder of a text encoder, or its name; the model must use the same one")
    ] = "distilbert/distilroberta-base"
    max_tokens: Annotated[int, Field(ge=4, le=512, description="Words and word pieces kept from the start")] = 128
    missing: Annotated[
        Literal["error", "empty"], Field(description="A clip without a transcript: refused, or taken as without words")
    ] = "error"


def pin(config: Config) -> Config:
    """Note in a config which encoder its name means now. `ModelError` if there is none."""
    return dataclasses.replace(config, encoder=encoders.pinned(config.encoder))


def identity(config: Config) -> Config:
    """Give what decides the numbers: the encoder's content in place of its name and folder."""
    return dataclasses.replace(config, encoder=encoders.fingerprint(encoders.find_encoder(config.encoder)))


def n_features(config: Config) -> int:
    """Count the numbers per token: its place in the vocabulary."""
    return 1


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Cut one utterance's transcript into tokens.

    Parameters
    ----------
    utterance
        Its ``transcript`` is read, the signal is not.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(n_tokens, 1)``: places in the vocabulary, whole numbers, with the marks of beginning and end.

    Raises
    ------
    ConfigError
        If there is no transcript and ``missing`` is ``error``.
    ModelError
        If the encoder's folder or its tokenizer isn't there.
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order."""
    texts = texts_of(utterances, config.missing)
    return [np.array(ids, np.float32)[:, None] for ids in token_ids(texts, config.encoder, config.max_tokens)]
