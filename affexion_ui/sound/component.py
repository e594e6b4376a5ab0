"""The player on a page: waveform, spectrogram, speed, loops and keys around one sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from affexion_core.types import Clip
from affexion_core.workspace import Workspace
from affexion_ui.fetched import fetched_component
from affexion_ui.sound.media import sound_of

_FOLDER = Path(__file__).parent
# In this order: later files use what earlier ones define.
_PARTS = ("dom.js", "clips.js", "stage.js", "keys.js", "controls.js", "player.js")
_LONG = 30.0  # s; what takes long enough to decode for words


@dataclass(frozen=True)
class Listened:
    """What a person did with the clip on screen.

    ``region`` is the selected part (start, end) in seconds or None; ``heard`` the fraction of the clip that was played,
    each part counted once, in [0, 1].
    """

    region: tuple[float, float] | None = None
    heard: float = 0.0


@cache
def player_source() -> str:
    """Give the JavaScript of the class ``Player`` and what it is built of, without exports, to go before other code."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _PARTS)


@cache
def player_style() -> str:
    """Give the CSS of ``Player``; it names its own classes only, and takes colours from Streamlit's theme."""
    return (_FOLDER / "player.css").read_text(encoding="utf-8")


_player = fetched_component(
    "affexion_player",
    "\n".join([player_source(), (_FOLDER / "mount.js").read_text(encoding="utf-8")]),
    player_style(),
)


def show_player(
    workspace: Workspace,
    clip: Clip,
    key: str,
    *,
    spectrogram: bool = True,
    autoplay: bool = False,
    height: int = 96,
    upcoming: Sequence[Clip] = (),
    report: bool = False,
) -> Listened:
    """Show the player of a clip.

    Parameters
    ----------
    key
        Tells this place from others of the page. Another clip at the same place takes over the player, with its speed
        and loop.
    spectrogram
        Whether to draw a spectrogram below the waveform.
    autoplay
        Whether the clip starts by itself; browsers allow it after the first click on a page.
    height
        Of the waveform in pixels.
    upcoming
        Clips likely to come next at this place: the browser fetches their sound ahead.
    report
        Whether the page runs again when playing stops or a part is selected, to get to know it. Else what is returned
        stays empty.

    Raises
    ------
    AudioError
        If the clip can't be decoded.
    """
    if clip.duration > _LONG:
        with st.spinner("Decoding the clip …", show_time=True):
            sound = sound_of(workspace, clip, spectrogram)
    else:
        sound = sound_of(workspace, clip, spectrogram)
    data = {
        "key": key,
        "url": sound.url,
        "peaks": list(sound.peaks),
        "duration": sound.duration,
        "spectrogram": sound.spectrogram_url,
        "silent": sound.silent,
        "autoplay": autoplay,
        "height": height,
        "report": report,
        "next": [sound_of(workspace, other, spectrogram=False).url for other in upcoming],
    }
    told = _player(key=f"{key}-player", data=data, on_listened_change=_nothing).get("listened")
    return _listened(told, sound.url)


def _nothing() -> None:
    """Be there: Streamlit keeps a component's state only where a callback of its name is given."""


def _listened(told: Any, url: str) -> Listened:
    """Read what a browser says; of another clip, or in another form, it counts for nothing."""
    if not isinstance(told, dict) or told.get("url") != url:
        return Listened()
    region, heard = told.get("region"), told.get("heard", 0.0)
    try:
        part = (float(region["start"]), float(region["end"])) if region else None
        return Listened(part, min(max(float(heard), 0.0), 1.0))
    except (TypeError, ValueError, KeyError):
        return Listened()
