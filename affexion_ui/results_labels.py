"""Figures of each label on the results page: intervals, ROC and precision–recall curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.run_folder import Evaluation
from affexion_ui.clip_table import label_column
from affexion_ui.figures import show_figure
from affexion_ui.results_data import Measured, curves_of
from affexion_ui.theme import mode
from affexion_ui.words import counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.plots.roc import Kind

_KINDS = {"ROC": "roc", "Precision–recall": "pr"}


def show_classes(evaluation: Evaluation, key: str) -> None:
    """Show recall, precision and F1 of each label, as intervals and as a table."""
    from affexion_core.plots.classes import class_rows, plot_class_scores

    per_class = evaluation.scores.per_class
    caption = f"{counted(evaluation.scores.n, 'clip')}; bars are 95 % intervals."
    show_figure(plot_class_scores(per_class, mode()), f"classes-{key}", caption, class_rows(per_class))
    with st.expander("As a table", icon=":material/table:"):
        rows = [
            {
                "Label": [scores.label],
                "n": scores.n,
                "Recall": estimate_words(scores.recall),
                "Precision": estimate_words(scores.precision),
                "F1": estimate_words(scores.f1),
            }
            for scores in per_class
        ]
        columns = {"Label": label_column([scores.label for scores in per_class])}
        st.dataframe(rows, hide_index=True, column_config=columns, key=f"class-table-{key}", alt="Figures per label")


def show_curves(measured: Measured) -> None:
    """Show how well each label's probability tells it from the rest."""
    from affexion_core.plots.roc import curve_rows, plot_curves

    name = st.segmented_control(
        "Curve", list(_KINDS), default="ROC", required=True, key="curve", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    kind: Kind = "pr" if _KINDS[name] == "pr" else "roc"
    curves = curves_of(measured)
    method = next((curve.auc.method for curve in curves if curve.auc.value is not None), "")
    area = "Area under the curve; guessing reaches 50 %."
    if kind == "pr":
        shares = ", ".join(f"{curve.label} {100 * curve.share:.0f} %" for curve in curves)
        area = f"Average precision; guessing reaches the label's share ({shares})."
    caption = f"{counted(len(measured.rows), 'clip')}, each label against the rest. {area} 95 % interval: {method}."
    show_figure(plot_curves(curves, kind, mode()), f"{kind}-{measured.key}", caption, curve_rows(curves, kind))
