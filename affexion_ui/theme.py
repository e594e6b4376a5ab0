"""Labels, origins and stamps as badges, in the colours of `affexion_core.plots.theme`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from affexion_core.types import Origin
from affexion_ui.words import GLOSSARY, stamp_parts

Mode = Literal["light", "dark"]
BadgeColour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]

# .streamlit/config.toml gives these names the signals' own colours.
_SIGNAL_BADGES: dict[str, BadgeColour] = {
    "boredom": "blue",
    "panic": "red",
    "excitement": "orange",
    "uncertainty": "violet",
}
_ORIGIN_BADGES: dict[Origin, tuple[BadgeColour, str]] = {
    "real": ("green", ":material/record_voice_over:"),
    "synthetic": ("primary", ":material/graphic_eq:"),
}
_STAMP_BADGES: dict[str, tuple[BadgeColour, str]] = {
    "clean": ("green", ":material/check_circle:"),
    "leaky": ("red", ":material/warning:"),
    "not verifiable": ("orange", ":material/help:"),
}


def mode() -> Mode:
    """Say which theme the reader looks at."""
    return "dark" if st.context.theme.type == "dark" else "light"


def badge_colour(label: str) -> BadgeColour:
    """Name the theme colour of a label; labels other than the project's own stay neutral."""
    return _SIGNAL_BADGES.get(label.casefold(), "gray")


def pill_colour(label: str) -> str:
    """Give the colour of a label's pill in a table: its own, as deep as the white text on it needs (4.5 to 1)."""
    from affexion_core.plots.theme import label_colour

    own = label_colour(label).lstrip("#")
    channels = [int(own[at : at + 2], 16) for at in (0, 2, 4)]
    while 1.05 / (_luminance(channels) + 0.05) < 4.5:
        channels = [int(0.97 * channel) for channel in channels]
    return "#" + "".join(f"{channel:02X}" for channel in channels)


def _luminance(channels: Sequence[int]) -> float:
    """Measure how light a colour is, 0 to 1 (WCAG 2.2, relative luminance)."""
    shares = [channel / 255 for channel in channels]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def label_badge(label: str, help: str | None = None) -> None:  # noqa: A002 (Streamlit's own word)
    """Show a label in its colour, with its name."""
    st.badge(escape_markdown(label), color=badge_colour(label), help=help)


def origin_badge(origin: Origin) -> None:
    """Show whether a clip is real or synthetic, as word, icon and colour."""
    colour, icon = _ORIGIN_BADGES[origin]
    st.badge(origin, icon=icon, color=colour)


def stamp_badge(stamp: str) -> None:
    """Show whether a run's split is clean, with what it shares in words beside it; before it, how it was selected."""
    state, detail = stamp_parts(stamp)
    if state == "selected on test":
        st.badge(state, icon=":material/warning:", color="red", help=GLOSSARY["selected"])
        if not detail:
            return
        state, detail = stamp_parts(detail)
    colour, icon = _STAMP_BADGES.get(state, ("gray", ":material/help:"))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(f"split {state}" if state != "not verifiable" else "split not verifiable", icon=icon, color=colour,
                 help=GLOSSARY["stamp"])  # fmt: skip
        if detail:
            st.caption(escape_markdown(detail), width="content")


def escape_markdown(text: str) -> str:
    """Keep data from being read as Markdown, colours, icons or formulas."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-!|>~$:<&" else c for c in text)
