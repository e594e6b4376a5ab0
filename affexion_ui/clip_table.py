"""A table of clips with human names, one of which is chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import streamlit as st

from affexion_core.types import Clip
from affexion_ui.theme import pill_colour
from affexion_ui.words import clip_title, speaker


def clip_columns(clip: Clip) -> dict[str, Any]:
    """Give the cells that name a clip: what is said, who speaks, how long."""
    return {
        "Says": clip_title(clip),
        # a number alone says little; a voice's name says enough
        "Speaker": f"{clip.corpus} {speaker(clip)}" if len(speaker(clip)) < 4 else speaker(clip),
        "Length": clip.duration,
        "Origin": clip.origin,
    }


def choose_row(rows: Sequence[Mapping[str, Any]], key: str, alt: str, chosen: int = 0, height: int = 470) -> int:
    """Show a table of which one row is always chosen; returns its index.

    Parameters
    ----------
    rows
        Cells by column name; columns ``Label`` and ``Origin`` show in colour, ``Length`` in seconds, ``P(…)`` and
        ``Differ`` in percent (0 to 100).
    key
        Must change with the rows, or an old choice would point at another row.
    alt
        What the table holds, for screen readers.
    chosen
        The row chosen until the reader chooses another.
    height
        In pixels at most.
    """
    event = st.dataframe(
        [dict(row) for row in rows],
        key=key,
        hide_index=True,
        height=min(height, 38 + 35 * len(rows)),
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [chosen]}},
        column_config=_columns(rows),
        alt=alt,
    )
    picked = event["selection"]["rows"]
    return picked[0] if picked and picked[0] < len(rows) else chosen


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    labels = sorted({label for row in rows for label in row.get("Label", ())})
    config: dict[str, Any] = {
        "Says": st.column_config.TextColumn(width=160),
        "Speaker": st.column_config.TextColumn(width=92),
        "Origin": st.column_config.TextColumn(width=78),
        "Length": st.column_config.NumberColumn(format="%.1f s", width=60),
        "Decided by": st.column_config.TextColumn(
            width=215, help="How much each input counted, and in brackets what it would have said alone."
        ),
        "Label": label_column(labels),
    }
    return config | {
        name: st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100, width=100)
        for name in (rows[0] if rows else ())
        if name.startswith("P(") or name == "Differ"
    }


def label_column(labels: Iterable[str], width: int = 100) -> Any:
    """Show labels as pills in their own colours, in a column of so many pixels."""
    options = list(labels)
    return st.column_config.MultiselectColumn(
        options=options, color=[pill_colour(label) for label in options] or None, width=width
    )
