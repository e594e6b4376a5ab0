"""The one place for colours and plot styles: what a colour means here, it means everywhere.

The palette is Okabe and Ito's (2008), which stays apart for colour-blind eyes; four tones of Tol's "muted" scheme
follow where labels outnumber it. Colour never stands alone: each label has a marker shape, each origin a line style.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import plotly.graph_objects as go

from affexion_core.types import Origin

Mode = Literal["light", "dark"]

SIGNALS: Mapping[str, str] = {
    "boredom": "#56B4E9",
    "panic": "#D55E00",
    "excitement": "#E69F00",
    "uncertainty": "#CC79A7",
}
"""Colours of the project's own labels."""

_REST = ("#009E73", "#F0E442", "#0072B2", "#8A8A8A", "#AA4499", "#999933", "#44AA99", "#882255")
# The stems under which corpora write the usual emotions, in the order in which they take the rest of the palette.
_STEMS = (
    ("ang",),
    ("hap", "joy"),
    ("sad",),
    ("neu",),
    ("fea", "anx"),
    ("dis",),
    ("cal",),
    ("sur", "ple", "ps"),
)
_SIGNAL_SYMBOLS = ("circle", "diamond", "triangle-up", "square")
_REST_SYMBOLS = ("cross", "star", "triangle-down", "pentagon", "x", "hexagon", "bowtie", "hourglass")

SEQUENTIAL = "Cividis"
DIVERGING = "RdBu"


@dataclass(frozen=True)
class OriginStyle:
    """How an origin is drawn. ``marker`` is ``filled`` or ``hollow``; ``dash`` a Plotly line style."""

    colour: str
    dash: str
    marker: Literal["filled", "hollow"]


ORIGIN_STYLES: Mapping[Origin, OriginStyle] = {
    "real": OriginStyle("#009E73", "solid", "filled"),
    "synthetic": OriginStyle("#0072B2", "dash", "hollow"),
}


@dataclass(frozen=True)
class Surface:
    """The neutral colours of one mode: page, text, quiet text, grid lines, and the tone of plain marks."""

    background: str
    text: str
    muted: str
    grid: str
    mark: str


SURFACES: Mapping[Mode, Surface] = {
    "light": Surface(background="#FFFFFF", text="#1B2430", muted="#566373", grid="#E2E7EC", mark="#42627E"),
    "dark": Surface(background="#12171D", text="#E7EBF0", muted="#A3AFBD", grid="#2B343F", mark="#8FB3D1"),
}

FONT = '"Source Sans", "Source Sans 3", system-ui, sans-serif'


def _place(label: str) -> int:
    """Place of a label in the rest of the palette: known emotions by their stem, others by their spelling."""
    name = label.casefold()
    for place, stems in enumerate(_STEMS):
        if name.startswith(stems):
            return place
    return zlib.crc32(name.encode()) % len(_REST)


def label_colour(label: str) -> str:
    """Colour of a label as ``#RRGGBB``, the same on every page and in every set of labels."""
    return SIGNALS.get(label.casefold()) or _REST[_place(label)]


def label_symbol(label: str) -> str:
    """Choose the Plotly marker symbol of a label, to tell labels apart without colour."""
    names = list(SIGNALS)
    if label.casefold() in SIGNALS:
        return _SIGNAL_SYMBOLS[names.index(label.casefold())]
    return _REST_SYMBOLS[_place(label)]


def percent(value: float | None, digits: int = 0) -> str:
    """Write a fraction in percent, ``0.45`` as ``45 %``; None as a dash."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def luminance(colour: str) -> float:
    """Relative luminance of ``#RRGGBB`` or ``rgb(r, g, b)``, 0 (black) to 1 (white), by WCAG 2."""
    if colour.startswith("#"):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    else:
        channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21, by WCAG 2; text needs 4.5."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(background: str) -> str:
    """White or near-black, whichever reads better on a background colour."""
    return max("#FFFFFF", "#10151B", key=lambda colour: contrast(colour, background))


@cache
def template(mode: Mode) -> go.layout.Template:
    """Make the Plotly template of a mode: quiet axes, no frame, transparent ground, text in the page's font."""
    surface = SURFACES[mode]
    axis = {
        "gridcolor": surface.grid,
        "linecolor": surface.grid,
        "zeroline": False,
        "tickcolor": surface.grid,
        "ticks": "",
        "tickfont": {"color": surface.muted, "size": 13},
        "title": {"font": {"color": surface.muted, "size": 13}, "standoff": 8},
        "automargin": True,
    }
    layout = go.Layout(
        font={"family": FONT, "size": 14, "color": surface.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=[*SIGNALS.values(), *_REST],
        margin={"l": 8, "r": 16, "t": 12, "b": 8},
        xaxis=axis,
        yaxis=axis,
        hoverlabel={
            "font": {"family": FONT, "size": 13, "color": surface.text},
            "bgcolor": surface.background,
            "bordercolor": surface.grid,
        },
        showlegend=False,
        dragmode=False,
    )
    return go.layout.Template(layout=layout)


def new_figure(mode: Mode, alt: str, **layout: Any) -> go.Figure:
    """Start a figure in a mode, with its alt text in ``figure.layout.meta["alt"]``."""
    figure = go.Figure()
    figure.update_layout(template=template(mode), meta={"alt": alt}, **layout)
    return figure


def add_reference(
    figure: go.Figure, mode: Mode, value: float, words: str, axis: Literal["x", "y"], **where: Any
) -> None:
    """Draw a thin reference line (chance, human level) across an axis, with its words at the end."""
    surface = SURFACES[mode]
    line = {"color": surface.muted, "width": 1, "dash": "dot"}
    place = {
        "annotation_text": words,
        "annotation_font": {"color": surface.muted, "size": 12},
        "annotation_position": "top" if axis == "x" else "top left",
        **where,
    }
    if axis == "x":
        figure.add_vline(x=value, line=line, **place)
    else:
        figure.add_hline(y=value, line=line, **place)
