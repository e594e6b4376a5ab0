"""Accuracy of the answers against the share of clips answered, when a model may say "unsure"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.abstention import CoveragePoint

MOST_POINTS = 300
_TICKS = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0 %", "25", "50", "75", "100 %"]}


def coverage_rows(points: Sequence[CoveragePoint]) -> list[dict[str, int | float]]:
    """One row a threshold for the data file, as fractions."""
    return [
        {
            "threshold": point.threshold,
            "coverage": point.coverage,
            "n_answered": point.n_answered,
            "accuracy": point.accuracy,
            "low": point.low,
            "high": point.high,
        }
        for point in points
    ]


def plot_coverage(
    points: Sequence[CoveragePoint],
    chosen: CoveragePoint | None = None,
    n_labels: int | None = None,
    mode: Mode = "light",
) -> go.Figure:
    """Draw accuracy over coverage with its 95 % band, chance, and the threshold in use as a marker."""
    surface = SURFACES[mode]
    figure = new_figure(mode, _alt(points, chosen), height=320)
    shown = _thinned(points)
    x = [point.coverage for point in shown]
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    figure.add_scatter(x=x, y=[point.low for point in shown], **band)
    fill = f"rgba({int(surface.mark[1:3], 16)},{int(surface.mark[3:5], 16)},{int(surface.mark[5:7], 16)},0.22)"
    figure.add_scatter(x=x, y=[point.high for point in shown], fill="tonexty", fillcolor=fill, **band)
    figure.add_scatter(
        x=x,
        y=[point.accuracy for point in shown],
        mode="lines",
        line={"color": surface.mark, "width": 2.5},
        hovertext=[_words(point) for point in shown],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    if chosen is not None:
        figure.add_scatter(
            x=[chosen.coverage],
            y=[chosen.accuracy],
            mode="markers+text",
            marker={"size": 13, "symbol": "diamond", "color": "#D55E00"},
            text=[f"unsure below {percent(chosen.threshold)}"],
            textposition="top left" if chosen.coverage > 0.4 else "top right",
            hovertext=[_words(chosen)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    if n_labels:
        # at the right: at the left the curve jumps, as it rests on a few clips
        add_reference(figure, mode, 1 / n_labels, "chance", "y", annotation_position="bottom right")
    figure.update_xaxes(title="clips answered, the surest first", range=[-0.01, 1.01], **_TICKS)
    figure.update_yaxes(title="answers that are right", range=[-0.02, 1.03], **_TICKS)
    return figure


def _thinned(points: Sequence[CoveragePoint]) -> list[CoveragePoint]:
    step = max(1, len(points) // MOST_POINTS)
    return [*points[:-1:step], points[-1]] if points else []


def _words(point: CoveragePoint) -> str:
    right = f"{percent(point.accuracy)} right ({point.low * 100:.0f}–{point.high * 100:.0f}, n = {point.n_answered})"
    return f"unsure below {percent(point.threshold)}: {percent(point.coverage)} answered, {right}"


def _alt(points: Sequence[CoveragePoint], chosen: CoveragePoint | None) -> str:
    if not points:
        return "Coverage against accuracy: no clips."
    words = f"Coverage against accuracy: with all clips answered {percent(points[-1].accuracy)} are right"
    return words + (f"; {_words(chosen)}." if chosen else ".")
