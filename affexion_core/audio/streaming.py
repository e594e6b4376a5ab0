"""Decode recordings of hours piece by piece, with the numbers that `decode.load_audio` gives for the whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from affexion_core.audio.decode import SAMPLING_RATE, Limits, _check_header, _mixed, _opened, _Tally
from affexion_core.errors import AudioError

LONGEST_SECONDS = 7_500.0
"""Two hours, and a little more: recorders stop late."""

LONG = Limits(max_seconds=LONGEST_SECONDS)
PIECE_SECONDS = 5.0


def _ignore(warning: str) -> None:
    """Take a warning nobody asked for."""


def stream_audio(
    path: str | os.PathLike[str],
    limits: Limits = LONG,
    warn: Callable[[str], None] = _ignore,
) -> Iterator[np.ndarray]:
    """Decode a file to mono at 16 kHz in pieces, so that memory doesn't grow with its length.

    Parameters
    ----------
    path
        Any known sound file; its kind is told by content.
    limits
        How much sound it may hold, checked against the header and again on the way.
    warn
        Called with a sentence where the file is damaged on the way; what came before is good.

    Yields
    ------
    ndarray
        float32 ``(n_samples,)`` in [-1, 1], `PIECE_SECONDS` each but for the last. Joined they are bit for bit what
        `load_audio` gives for the whole file.

    Raises
    ------
    AudioError
        If the file can't be read, holds no sound, too much of it, or samples that are no numbers.
    """
    path = Path(path)
    with _opened(path) as (_, _, stream):
        _check_header(path.name, stream, None, None, limits)
        tally = _Tally(path.name, stream, limits)
        yield from _pieces(_mixed(tally, stream, 0.0, None), round(PIECE_SECONDS * SAMPLING_RATE))
    if not tally.n_frames:
        raise AudioError(f"{path.name} holds no sound. It was cut off, or its recording failed; record it again.")
    if tally.damage is not None:
        at = tally.n_frames / stream.sampling_rate
        warn(f"The file is damaged at {at:.2f} s ({tally.damage}); what comes after was left out.")


def _pieces(blocks: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """Join blocks of any length to pieces of ``size`` samples; decoders give some of a hundredth of a second."""
    held: list[np.ndarray] = []
    n_held = 0
    for block in blocks:
        held.append(np.clip(block, -1.0, 1.0))
        n_held += len(block)
        while n_held >= size:
            joined = np.concatenate(held)
            yield joined[:size]
            held, n_held = [joined[size:]], n_held - size
    if n_held:
        yield np.concatenate(held)
