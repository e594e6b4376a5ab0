"""A part of a long recording: its segments in lanes, and the player under them; a click on a segment plays it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.types import Clip
from affexion_core.workspace import Workspace
from affexion_ui.fetched import fetched_component
from affexion_ui.sound.component import player_source, player_style
from affexion_ui.sound.media import sound_of

if TYPE_CHECKING:
    from affexion_core.timeline.recognising import Segment

_FOLDER = Path(__file__).parent


@cache
def lanes_source() -> str:
    """Give the JavaScript of the lanes, with the player's before it."""
    return "\n".join([player_source(), (_FOLDER / "lanes.js").read_text(encoding="utf-8")])


_lanes = fetched_component(
    "affexion_lanes",
    lanes_source(),
    "\n".join([player_style(), (_FOLDER / "lanes.css").read_text(encoding="utf-8")]),
)


def show_lanes(
    workspace: Workspace,
    part: Clip,
    segments: Sequence[Segment],
    labels: Sequence[str],
    chosen: int,
    key: str,
    on_click: Callable[[int], None],
) -> None:
    """Draw segments over the sound of the part that holds them.

    Parameters
    ----------
    part
        The sound on screen, as a clip; lanes and player are as wide as it.
    segments
        Those within it, in order; times in seconds of the whole recording.
    labels
        A lane for each.
    chosen
        Place of the segment that is marked.
    on_click
        Called with the place of a segment that was clicked, before the page runs again.

    Raises
    ------
    AudioError
        If the part can't be decoded.
    """
    from affexion_core.plots.theme import label_colour

    sound = sound_of(workspace, part, spectrogram=False)
    first = part.start or 0.0
    unsure = sum(segment.unsure for segment in segments)
    data = {
        "key": key,
        "sound": {
            "url": sound.url,
            "peaks": list(sound.peaks),
            "duration": sound.duration,
            "silent": sound.silent,
        },
        "from": first,
        "labels": list(labels),
        "colours": [label_colour(label) for label in labels],
        "segments": [_segment(segment, labels, first, sound.duration) for segment in segments],
        "chosen": chosen,
        "alt": f"{len(segments)} segments from {first:.0f} to {first + sound.duration:.0f} s, {unsure} unsure",
    }

    def clicked() -> None:
        place = st.session_state[f"{key}-lanes"].get("clicked")
        if isinstance(place, int) and 0 <= place < len(segments):
            on_click(place)

    _lanes(key=f"{key}-lanes", data=data, on_clicked_change=clicked)


def _segment(segment: Segment, labels: Sequence[str], first: float, duration: float) -> dict[str, Any]:
    sure = ", unsure" if segment.unsure else ""
    return {
        "start": round(max(0.0, segment.start - first), 3),
        "end": round(min(duration, segment.end - first), 3),
        "lane": list(labels).index(segment.label),
        "prob": round(segment.prob, 3),
        "unsure": segment.unsure,
        "words": f"{segment.label} {100 * segment.prob:.0f} %{sure}, {segment.start:.1f} to {segment.end:.1f} s",
    }
