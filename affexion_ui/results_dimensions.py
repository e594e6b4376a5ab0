"""The results page's section on dimensions: predicted numbers against those of the dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_ui.figures import show_figure
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import GLOSSARY, count, counted

if TYPE_CHECKING:
    from affexion_core.evaluation.dimensions import DimensionScores
    from affexion_core.evaluation.scores import Estimate
    from affexion_ui.results_data import Measured

_CELL = 135


def number_words(estimate: Estimate) -> str:
    """Write a figure of a dimension as ``0.62 (0.51 to 0.70, n = 52)``."""
    if estimate.value is None:
        return f"undefined: {estimate.reason} (n = {count(estimate.n)})"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}, n = {count(estimate.n)})"


def show_ccc_row(found: dict[str, Estimate]) -> None:
    """Show the CCC of each dimension side by side, with n and interval."""
    with st.container(horizontal=True):
        for name, estimate in found.items():
            with st.container(gap="xxsmall", width=_CELL):
                value = "undefined" if estimate.value is None else f"{estimate.value:.2f}"
                st.metric(f"CCC of {name}", value, help=f"{GLOSSARY['ccc']} {GLOSSARY['interval']}")
                st.caption(number_words(estimate).split(" (", 1)[-1].rstrip(")"))


def show_dimensions(measured: Measured) -> None:
    """Show the figures of each dimension, and a scatter of the one that is chosen."""
    from affexion_core.plots.dimensions import dimension_points, dimension_rows, plot_dimension

    found = measured.evaluation.dimensions
    if not found:
        st.caption(
            "This run predicts labels alone. A recipe whose targets are dimensions or joint shows here how well."
        )
        return
    _show_table(found)
    names = [each.name for each in found]
    chosen = st.segmented_control(
        "Dimension", names, default=names[0], required=True, key="dimension", bind="query-params"
    )
    place = names.index(chosen) if chosen in names else 0
    scores, points = found[place], dimension_points(measured.rows, place)
    missing = len(measured.rows) - len(points)
    caption = f"{counted(len(points), 'clip')}, one dot each. On the dotted line prediction and dataset agree."
    if missing:
        caption += f" {counted(missing, 'clip')} without a value take no part."
    figure = plot_dimension(scores, points, mode())
    show_figure(figure, f"dimension-{scores.name}-{measured.key}", caption, dimension_rows(scores, points))


def _show_table(found: Sequence[DimensionScores]) -> None:
    rows = [
        {
            "Dimension": each.name,
            "Scale": f"{each.low:g} to {each.high:g}",
            "CCC": number_words(each.ccc),
            "Correlation": number_words(each.pearson),
            "Mean error": number_words(each.mae),
        }
        for each in found
    ]
    st.dataframe(rows, hide_index=True, key="dimension-table", alt="Figures by dimension, with 95 % intervals and n")
    st.caption(
        escape_markdown(f"{GLOSSARY['ccc']} Mean error is in steps of the scale. {found[0].ccc.method.capitalize()}.")
    )
