"""Figures per class with their intervals, as a forest plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import Mode, add_reference, label_colour, label_symbol, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import ClassScores, Estimate

_METRICS = (("recall", "recall"), ("precision", "precision"), ("f1", "F1"))
_ROW, _GAP = 1.0, 0.7


def class_rows(per_class: Sequence[ClassScores]) -> list[dict[str, str | int | float | None]]:
    """One row a class and metric for the data file: value and interval as fractions, n, method."""
    rows: list[dict[str, str | int | float | None]] = []
    for scores in per_class:
        for field, words in _METRICS:
            estimate: Estimate = getattr(scores, field)
            rows.append(
                {
                    "label": scores.label,
                    "metric": words,
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "n": estimate.n,
                    "method": estimate.method,
                    "undefined_because": estimate.reason,
                }
            )
    return rows


def plot_class_scores(per_class: Sequence[ClassScores], mode: Mode = "light") -> go.Figure:
    """Draw recall, precision and F1 of each class with 95 % intervals, 0 to 100 %, and chance for recall.

    An undefined figure keeps its row and says so.
    """
    n = len(per_class)
    figure = new_figure(mode, _alt(per_class), height=70 + round(26 * n * (3 * _ROW + _GAP)))
    ticks: list[float] = []
    words: list[str] = []
    for i, scores in enumerate(per_class):
        for j, (field, name) in enumerate(_METRICS):
            place = i * (3 * _ROW + _GAP) + j * _ROW
            ticks.append(place)
            words.append(f"<b>{scores.label}</b> (n = {scores.n})  {name}" if j == 0 else name)
            _add_row(figure, scores.label, name, getattr(scores, field), place)
    if n > 1:
        add_reference(figure, mode, 1 / n, f"recall by chance {percent(1 / n)}", "x")
    figure.update_xaxes(
        range=[-0.03, 1.06], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 %", "25", "50", "75", "100 %"]
    )
    figure.update_yaxes(
        tickvals=ticks, ticktext=words, range=[n * (3 * _ROW + _GAP) - _GAP - 0.3, -0.8], showgrid=False
    )
    figure.update_layout(margin={"l": 8, "r": 56, "t": 28, "b": 8})
    return figure


def _add_row(figure: go.Figure, label: str, metric: str, estimate: Estimate, place: float) -> None:
    if estimate.value is None:
        figure.add_scatter(
            x=[0.01], y=[place], mode="text", text=[f"undefined: {estimate.reason}"], textposition="middle right"
        )
        return
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    colour = label_colour(label)
    text = f"{percent(estimate.value)} ({low * 100:.0f}–{high * 100:.0f}, n = {estimate.n})"
    figure.add_scatter(
        x=[low, high], y=[place, place], mode="lines", line={"color": colour, "width": 5}, opacity=0.4, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[estimate.value],
        y=[place],
        mode="markers",
        marker={"color": colour, "size": 11, "symbol": label_symbol(label)},
        hovertext=[f"{label}, {metric}: {text}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(
        x=[high],
        y=[place],
        mode="text",
        text=[f" {percent(estimate.value)}"],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )


def _alt(per_class: Sequence[ClassScores]) -> str:
    parts = [
        f"{s.label} recall {'undefined' if s.recall.value is None else percent(s.recall.value)} (n = {s.n})"
        for s in per_class
    ]
    return "Recall, precision and F1 of each class with 95 % intervals: " + ", ".join(parts) + "."
