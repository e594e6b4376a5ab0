"""Spread of the figures over the folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, new_figure, percent

# Metric in words -> value of each fold in fold order, 0 to 1; None where a fold leaves it undefined.
FoldValues = Mapping[str, Sequence[float | None]]


def plot_folds(values: FoldValues, n_labels: int | None = None, mode: Mode = "light") -> go.Figure:
    """Draw one dot a fold for each metric, with the mean as a bar and mean, least and greatest in words.

    Parameters
    ----------
    values
        Metric in words -> value of each fold, in fold order, 0 to 1.
    n_labels
        Number of labels, to draw chance; None for no such line.
    mode
        Light or dark.
    """
    figure = new_figure(mode, _alt(values), height=340)
    for place, (metric, folds) in enumerate(values.items()):
        _add_metric(figure, metric, folds, place, mode)
    figure.update_xaxes(
        tickvals=list(range(len(values))), ticktext=list(values), showgrid=False, range=[-0.5, len(values) - 0.5]
    )
    figure.update_yaxes(
        range=[0, 1.18], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 %", "25 %", "50 %", "75 %", "100 %"]
    )
    if n_labels is not None and n_labels > 1:
        add_reference(figure, mode, 1 / n_labels, "chance", "y")
    return figure


def _add_metric(figure: go.Figure, metric: str, folds: Sequence[float | None], place: int, mode: Mode) -> None:
    points = [(i, value) for i, value in enumerate(folds) if value is not None]
    if not points:
        figure.add_annotation(x=place, y=0.5, text="undefined in every fold", showarrow=False)
        return
    surface, known = SURFACES[mode], [value for _, value in points]
    mean = sum(known) / len(known)
    figure.add_scatter(
        x=[place - 0.3, place + 0.3],
        y=[mean, mean],
        mode="lines",
        line={"color": surface.text, "width": 2},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[place + (i - (len(folds) - 1) / 2) * 0.06 for i, _ in points],
        y=known,
        mode="markers",
        marker={"size": 9, "color": surface.mark, "opacity": 0.85},
        hovertext=[f"fold {i + 1}, {metric}: {percent(value, 1)}" for i, value in points],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    words = f"<b>{percent(mean)}</b><br>{min(known) * 100:.0f}–{max(known) * 100:.0f}"
    figure.add_annotation(x=place, y=max(known), text=words, showarrow=False, yanchor="bottom", yshift=8)


def fold_rows(values: FoldValues) -> list[dict[str, str | int | float | None]]:
    """One row a fold and metric for the data file."""
    return [
        {"fold": i + 1, "metric": metric, "value": value}
        for metric, folds in values.items()
        for i, value in enumerate(folds)
    ]


def _alt(values: FoldValues) -> str:
    parts = []
    for metric, folds in values.items():
        known = [value for value in folds if value is not None]
        if known:
            spread = f"from {percent(min(known))} to {percent(max(known))}, mean {percent(sum(known) / len(known))}"
            parts.append(f"{metric} {spread}")
    n = max((len(folds) for folds in values.values()), default=0)
    return f"Spread over {n} folds: " + ("; ".join(parts) or "nothing measured") + "."
