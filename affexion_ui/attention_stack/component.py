"""The stack on a page: what it is given, and the script that draws it around a player."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from affexion_core.types import Clip
from affexion_core.workspace import Workspace
from affexion_ui.attention_stack.pictures import Picture, png_address
from affexion_ui.fetched import fetched_component
from affexion_ui.sound.component import player_source, player_style
from affexion_ui.sound.media import sound_of

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Slopes:
    """Integrated gradients by frame, above 0 for the label; ``top`` is the end of the axis both ways."""

    values: np.ndarray
    top: float
    colour: str
    words: str


@dataclass(frozen=True)
class Stack:
    """All that is drawn of one clip on one time axis.

    ``curve``, ``low`` and ``high`` ``(n_frames,)`` are multiples of an even spread (the last two empty for one model),
    ``hop`` the seconds between frames. ``best`` is the most attended stretch (start, end) in seconds with its words;
    ``seen`` how many seconds the model took in; ``top`` the end of the attention axis; ``wide`` the part of the width
    that the clip takes, so that seconds are as wide as in a clip beside it. ``alt`` says all in words.
    """

    picture: Picture
    curve: np.ndarray
    low: np.ndarray
    high: np.ndarray
    hop: float
    best: tuple[float, float]
    best_words: str
    seen: float
    top: float
    alt: str
    wide: float = 1.0
    slopes: Slopes | None = None


@cache
def stack_source() -> str:
    """Give the JavaScript of the stack, with the player's before it."""
    return "\n".join([player_source(), (_FOLDER / "stack.js").read_text(encoding="utf-8")])


_stack = fetched_component(
    "affexion_attention",
    stack_source(),
    "\n".join([player_style(), (_FOLDER / "stack.css").read_text(encoding="utf-8")]),
)


def show_stack(workspace: Workspace, clip: Clip, stack: Stack, key: str) -> None:
    """Show a clip's stack with its player; the key A plays the most attended stretch.

    Raises
    ------
    AudioError
        If the clip can't be decoded.
    """
    sound = sound_of(workspace, clip, spectrogram=False)
    start, end = stack.best
    slopes = stack.slopes
    data = {
        "key": key,
        "url": sound.url,
        "peaks": list(sound.peaks),
        "duration": sound.duration,
        "silent": sound.silent,
        "picture": png_address(stack.picture),
        "columns": len(stack.picture.values),
        "rough": stack.picture.rough,
        "name": stack.picture.name,
        "alt": stack.alt,
        "curve": _numbers(stack.curve),
        "low": _numbers(stack.low),
        "high": _numbers(stack.high),
        "hop": stack.hop,
        "top": stack.top,
        "best": {"start": start, "end": end, "words": stack.best_words},
        "button": f"Play the most attended {'second' if end - start > 0.99 else 'part'}",
        "seen": stack.seen,
        "wide": stack.wide,
        "slopes": slopes
        and {"values": _numbers(slopes.values), "top": slopes.top, "colour": slopes.colour, "words": slopes.words},
    }
    _stack(key=f"{key}-stack", data=data)


def _numbers(values: Sequence[float] | np.ndarray) -> list[float]:
    # four digits are finer than a pixel, and a fifth of the bytes
    return [float(f"{value:.4g}") for value in values]
