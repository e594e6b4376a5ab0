"""Cut speech into pieces of the length a model learnt from: long stretches into windows, short ones joined."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from affexion_core.config import config_class
from affexion_core.live.thresholds import SPEECH_ABOVE

Span = tuple[float, float]


@config_class
class TimelineSettings:
    """How a long recording is cut."""

    window: Annotated[
        float, Field(ge=1, le=30, description="Seconds the model hears at once; most training clips last 3 to 4")
    ] = 4.0
    overlap: Annotated[
        float, Field(ge=0, le=0.9, description="Share of a window that the next one hears again, so nothing is cut")
    ] = 0.5
    shortest: Annotated[
        float, Field(ge=0, le=10, description="Shorter speech is joined with its neighbour: too little to judge alone")
    ] = 1.0
    join: Annotated[
        float, Field(ge=0, le=10, description="Longest pause in seconds over which short speech is joined")
    ] = 1.0
    speech_above: Annotated[
        float, Field(gt=0, lt=1, description="Probability from which 32 ms count as speech; Silero's own default")
    ] = SPEECH_ABOVE
    longest_pause: Annotated[
        float, Field(ge=0, le=5, description="Pauses up to this many seconds don't end a stretch of speech")
    ] = 0.5


@dataclass(frozen=True)
class Window:
    """What the model hears, ``heard``, and the part of it the answer stands for, ``start`` to ``end``; in seconds.

    The parts don't overlap, so that each moment has one answer: windows that overlap meet in the middle.
    """

    start: float
    end: float
    heard: Span


def joined(spans: Sequence[Span], settings: TimelineSettings) -> tuple[Span, ...]:
    """Join a stretch shorter than ``shortest`` with the one before or after it, whichever is nearer.

    Only over pauses up to ``join``, and only while the whole fits into a window. Others stay alone.
    """
    found = list(spans)
    at = 0
    while at < len(found):
        start, end = found[at]
        if end - start >= settings.shortest:
            at += 1
            continue
        near = [other for other in (at - 1, at) if 0 <= other < len(found) - 1 and _fits(found, other, settings)]
        if not near:
            at += 1
            continue
        first = min(near, key=lambda other: found[other + 1][0] - found[other][1])
        found[first : first + 2] = [(found[first][0], found[first + 1][1])]
        at = first
    return tuple(found)


def _fits(spans: Sequence[Span], first: int, settings: TimelineSettings) -> bool:
    (start, pause), (again, end) = spans[first], spans[first + 1]
    return again - pause <= settings.join and end - start <= settings.window


def windows_of(spans: Sequence[Span], settings: TimelineSettings) -> tuple[Window, ...]:
    """Cut stretches of speech into windows.

    A stretch up to one and a half windows is heard whole. A longer one is heard in windows of equal length, evenly
    spaced, which overlap by at least ``overlap``; the first begins and the last ends with it.
    """
    return tuple(window for span in joined(spans, settings) for window in _windows(span, settings))


def _windows(span: Span, settings: TimelineSettings) -> list[Window]:
    start, end = span
    if end - start <= 1.5 * settings.window:
        return [Window(start, end, span)]
    room = end - start - settings.window
    n = 1 + math.ceil(room / (settings.window * (1 - settings.overlap)) - 1e-9)
    firsts = [start + room * place / (n - 1) for place in range(n)]
    edges = [start, *((a + settings.window + b) / 2 for a, b in zip(firsts, firsts[1:], strict=False)), end]
    return [
        Window(edges[place], edges[place + 1], (first, min(end, first + settings.window)))
        for place, first in enumerate(firsts)
    ]
