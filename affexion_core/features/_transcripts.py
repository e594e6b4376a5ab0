"""What front-ends of transcripts share: the rule for a missing one, and the tokenizer of a text encoder's folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from affexion_core import encoders
from affexion_core.errors import ConfigError, ModelError
from affexion_core.types import Utterance


def texts_of(utterances: Sequence[Utterance], missing: str) -> list[str]:
    """Take the transcripts out of utterances, in normal spacing.

    Parameters
    ----------
    utterances
        In any order.
    missing
        What happens where there is no transcript: ``empty`` gives an empty text, ``error`` raises.

    Raises
    ------
    ConfigError
        If one lacks its transcript and ``missing`` says so.
    """
    texts = [re.sub(r"\s+", " ", utterance.transcript or "").strip() for utterance in utterances]
    n_missing = sum(not text for text in texts)
    if n_missing and missing == "error":
        raise ConfigError(
            f"{n_missing} of {len(texts)} clips have no transcript, and this recipe reads it. Import transcripts, "
            "transcribe the clips, or set missing to empty.",
            change=("settings",),
        )
    return texts


def token_ids(texts: Sequence[str], encoder: str, max_tokens: int) -> list[list[int]]:
    """Cut texts into the tokens of an encoder's own vocabulary, with its marks for beginning and end.

    Parameters
    ----------
    texts
        Words of any language that the vocabulary covers.
    encoder
        Folder or name of a text encoder that has a ``tokenizer.json``.
    max_tokens
        The most that a text may have; the words beyond are left out, the mark of the end stays.

    Raises
    ------
    ModelError
        If the folder holds no sound tokenizer.
    """
    tokenizer = _tokenizer(encoders.pinned(encoder))
    return [_ids(tokenizer, text, max_tokens) for text in texts]


def _ids(tokenizer: Any, text: str, max_tokens: int) -> list[int]:
    ids = tokenizer.encode(text).ids
    if len(ids) > max_tokens:  # the last one is the mark of the end
        ids = [*ids[: max_tokens - 1], ids[-1]]
    return ids or [0]


@lru_cache(maxsize=4)
def _tokenizer(encoder: str) -> Any:
    folder = encoders.find_encoder(encoder)
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} has no tokenizer.json. Get it from the encoder's page, or make it from its vocabulary: load the "
            "tokenizer with the transformers library and call save_pretrained."
        )
    encoders.need_transformers()
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise ModelError(f"{path} can't be read: {error}. Copy the encoder anew.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
