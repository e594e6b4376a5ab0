"""Predicted numbers against those of the dataset, one dot a clip, for one dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, new_figure

if TYPE_CHECKING:
    from affexion_core.evaluation.dimensions import DimensionScores
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.run_folder import ScoredClip

# One clip's id, the number that the dataset gives it, and the predicted one.
Point = tuple[str, float, float]


def dimension_points(rows: Sequence[ScoredClip], place: int) -> tuple[Point, ...]:
    """Take the clips that have a number for the dimension at ``place`` of an evaluation."""
    points = ((row.clip_id, row.reference_values[place], row.values[place]) for row in rows)
    return tuple((id, said, heard) for id, said, heard in points if said is not None)


def dimension_rows(scores: DimensionScores, points: Sequence[Point]) -> list[dict[str, str | float]]:
    """One row a clip for the data file."""
    return [{"dimension": scores.name, "clip": id, "reference": said, "predicted": heard} for id, said, heard in points]


def plot_dimension(scores: DimensionScores, points: Sequence[Point], mode: Mode = "light") -> go.Figure:
    """Draw predicted numbers over those of the dataset, on the dimension's whole scale, with the line where both agree.

    CCC, correlation and n stand in the corner.
    """
    surface = SURFACES[mode]
    figure = new_figure(mode, _alt(scores), height=380)
    ends = [scores.low, scores.high]
    figure.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": surface.muted, "width": 1, "dash": "dot"}, hoverinfo="skip"
    )
    opacity = 0.8 if len(points) < 200 else 0.35
    figure.add_scatter(
        x=[said for _, said, _ in points],
        y=[heard for _, _, heard in points],
        mode="markers",
        marker={"color": surface.mark, "size": 8 if len(points) < 200 else 5, "opacity": opacity},
        customdata=[id for id, _, _ in points],
        hovertemplate="clip %{customdata}<br>dataset %{x:.2f}<br>predicted %{y:.2f}<extra></extra>",
    )
    margin = 0.03 * (scores.high - scores.low)
    span = [scores.low - margin, scores.high + margin]
    figure.update_xaxes(title=f"{scores.name} in the dataset", range=span)
    figure.update_yaxes(title=f"{scores.name} predicted", range=span)
    figure.add_annotation(
        text=f"CCC {short(scores.ccc)}, r {short(scores.pearson)}, n = {scores.n}",
        **{"x": 0.02, "y": 0.99, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "top"},
        showarrow=False,
        bgcolor=surface.background,
        font={"color": surface.text, "size": 13},
    )
    return figure


def short(estimate: Estimate) -> str:
    """Write the value alone, ``0.62``."""
    return "undefined" if estimate.value is None else f"{estimate.value:.2f}"


def _alt(scores: DimensionScores) -> str:
    text = f"{scores.name}, predicted against the dataset, {scores.n} clips on a scale from {scores.low:g} to "
    text += f"{scores.high:g}: "
    return (
        text
        + "; ".join(
            f"{words} {short(estimate)}"
            + ("" if estimate.value is None else f" ({estimate.low:.2f} to {estimate.high:.2f})")
            for words, estimate in (("CCC", scores.ccc), ("correlation", scores.pearson), ("mean error", scores.mae))
        )
        + "."
    )
