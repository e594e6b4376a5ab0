"""The transcript under a frozen text encoder: one row for a clip; no row where there are no words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from affexion_core import encoders
from affexion_core.config import config_class
from affexion_core.features._transcripts import texts_of, token_ids
from affexion_core.types import Utterance

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 1
READS = "transcript"


@config_class
class Config:
    """Which encoder, and what of it."""

    encoder: Annotated[
        str, Field(description="Folder of a text encoder, or its name, such as distilbert/distilroberta-base")
    ] = "distilbert/distilroberta-base"
    pooling: Annotated[
        Literal["mean", "first"], Field(description="The mean over all tokens, or the first token, which sums up")
    ] = "mean"
    max_tokens: Annotated[int, Field(ge=4, le=512, description="Words and word pieces kept from the start")] = 128
    missing: Annotated[
        Literal["error", "empty"], Field(description="A clip without a transcript: refused, or without this input")
    ] = "empty"


def pin(config: Config) -> Config:
    """Note in a config which encoder its name means now. `ModelError` if there is none."""
    return dataclasses.replace(config, encoder=encoders.pinned(config.encoder))


def identity(config: Config) -> Config:
    """Give what decides the numbers: the encoder's content in place of its name and folder."""
    return dataclasses.replace(config, encoder=encoders.fingerprint(encoders.find_encoder(config.encoder)))


def n_features(config: Config) -> int:
    """Count the numbers per row: the encoder's width. `ModelError` if it isn't there."""
    return encoders.describe_encoder(encoders.find_encoder(config.encoder), "text").hidden_size


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Encode one utterance's transcript.

    Parameters
    ----------
    utterance
        Its ``transcript`` is read, the signal is not.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(1, n_features(config))``; ``(0, n_features(config))`` where there are no words.

    Raises
    ------
    ConfigError
        If there is no transcript and ``missing`` is ``error``.
    ModelError
        If the encoder or its tokenizer isn't there or can't be loaded.
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order."""
    import torch

    texts = texts_of(utterances, config.missing)
    width = n_features(config)
    model = _loaded(encoders.pinned(config.encoder)) if any(texts) else None
    rows = []
    with torch.inference_mode():
        for text, ids in zip(texts, token_ids(texts, config.encoder, config.max_tokens), strict=True):
            rows.append(_row(model, ids, config) if text else np.zeros((0, width), np.float32))
    return rows


@lru_cache(maxsize=2)
def _loaded(encoder: str) -> Any:
    return encoders.load_encoder(encoders.describe_encoder(encoders.find_encoder(encoder), "text"))


def _row(model: Any, ids: list[int], config: Config) -> np.ndarray:
    import torch

    tokens = torch.tensor(ids)[None]
    states = model(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state[0]
    return (states[:1] if config.pooling == "first" else states.mean(dim=0, keepdim=True)).numpy()
