"""What every decoding library offers the rest: a stream of float blocks behind a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

# Small enough that little is lost where a file turns out damaged, large enough that Python's share is not felt.
BLOCK_FRAMES = 16_384


class DecodingError(Exception):
    """A decoder gave up; its text is the library's own reason, and never reaches a person alone."""


@dataclass(frozen=True)
class Stream:
    """An open sound file of which nothing but the header has been read.

    ``duration`` in seconds is None where the header doesn't state it. ``blocks(start, end)`` decodes from
    ``start`` to ``end`` (seconds; None for the end of the file) and yields float32 ``(n_frames, channels)``;
    it raises `DecodingError` where the data is damaged.
    """

    sampling_rate: int
    channels: int
    duration: float | None
    blocks: Callable[[float, float | None], Iterator[np.ndarray]]
