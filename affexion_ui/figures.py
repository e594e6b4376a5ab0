"""Figures on pages: drawn in the page's theme, with alt text, caption and downloads."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    import plotly.graph_objects as go

Rows = Sequence[Mapping[str, Any]]


def csv_bytes(rows: Rows) -> bytes:
    """Write rows as CSV (UTF-8 with a byte-order mark, which spreadsheets need to see the encoding).

    A text cell that a spreadsheet would run as a formula gets an apostrophe in front; to undo it, take the apostrophe
    away where one of ``= + - @ '`` follows.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({field: _cell(value) for field, value in row.items()} for row in rows)
    return ("\ufeff" + out.getvalue()).encode()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "'", "\t", "\r") else value


def show_figure(
    figure: go.Figure,
    key: str,
    caption: str,
    data: Rows,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Draw a figure with its caption, alt text, and downloads of the picture (PNG, SVG) and of the data (CSV).

    Parameters
    ----------
    figure
        Its alt text stands in ``figure.layout.meta["alt"]``.
    key
        Names the figure in the session and its files.
    caption
        One line with n.
    data
        What is drawn, a mapping a row.
    on_select
        Called when the reader chooses a point; the choice stands in ``st.session_state[key]``.
    """
    picture = st.session_state.get(f"{key}-picture") or "PNG"
    config = {
        "displaylogo": False,
        "displayModeBar": "hover",
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": picture.lower(), "filename": f"affexion-{key}", "scale": 2},
        "scrollZoom": False,
        "responsive": True,
    }
    alt = figure.layout.meta["alt"]
    if on_select is None:
        st.plotly_chart(figure, theme=None, key=key, config=config, alt=alt)
    else:
        st.plotly_chart(
            figure, theme=None, key=key, config=config, alt=alt, on_select=on_select, selection_mode="points"
        )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="top", wrap=False):
        st.caption(caption, width="stretch")
        _show_downloads(key, data)


def _show_downloads(key: str, data: Rows) -> None:
    with st.popover("Save", icon=":material/download:", type="tertiary"):
        st.download_button(
            "Data as CSV",
            data=lambda: csv_bytes(data),
            file_name=f"affexion-{key}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            on_click="ignore",
            icon=":material/table:",
        )
        st.segmented_control(
            "The camera on the figure saves it as", ["PNG", "SVG"], default="PNG", key=f"{key}-picture", required=True
        )
