"""Figures by group of clips with their intervals; groups too small to say anything are grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.groups import GroupReport, GroupScores

Metric = Literal["accuracy", "uar"]
_NAMES = {"accuracy": "accuracy", "uar": "UAR"}


def group_rows(report: GroupReport) -> list[dict[str, str | int | float | bool | None]]:
    """One row a group for the data file: n, accuracy and UAR with intervals as fractions."""
    return [
        {
            "grouping": report.by,
            "group": group.name,
            "n": group.n,
            "n_speakers": group.n_speakers,
            "n_labels": group.n_labels,
            "accuracy": group.accuracy.value,
            "accuracy_low": group.accuracy.low,
            "accuracy_high": group.accuracy.high,
            "uar": group.uar.value,
            "uar_low": group.uar.low,
            "uar_high": group.uar.high,
            "too_small": group.too_small,
        }
        for group in report.groups
    ]


def plot_groups(
    report: GroupReport, metric: Metric, overall: float | None, n_labels: int, mode: Mode = "light"
) -> go.Figure:
    """Draw one row a group: value and 95 % interval, 0 to 100 %, with chance and the value over all clips as lines.

    Groups of fewer than `evaluation.groups.MIN_GROUP` clips are grey, dotted and hollow.
    """
    figure = new_figure(mode, _alt(report, metric), height=90 + 30 * max(3, len(report.groups)))
    for place, group in enumerate(report.groups):
        _add_group(figure, group, metric, place, mode)
    if n_labels > 1:
        add_reference(figure, mode, 1 / n_labels, "chance", "x")
    if overall is not None:
        add_reference(figure, mode, overall, f"all {percent(overall)}", "x")
    names = [f"{_short(group.name)} (n = {group.n})" for group in report.groups]
    figure.update_xaxes(
        range=[-0.02, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 %", "25", "50", "75", "100 %"]
    )
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6], showgrid=False
    )
    figure.update_layout(margin={"l": 8, "r": 56, "t": 28, "b": 8})
    return figure


def _add_group(figure: go.Figure, group: GroupScores, metric: Metric, place: int, mode: Mode) -> None:
    surface, estimate = SURFACES[mode], getattr(group, metric)
    if estimate.value is None:
        return
    colour = surface.muted if group.too_small else surface.mark
    spread = f"{percent(estimate.value)} ({estimate.low * 100:.0f}–{estimate.high * 100:.0f}, n = {group.n})"
    more = "<br>too few clips to say" if group.too_small else ""
    line = {"color": colour, "width": 2 if group.too_small else 5, "dash": "dot" if group.too_small else "solid"}
    figure.add_scatter(
        x=[estimate.low, estimate.high], y=[place] * 2, mode="lines", line=line, opacity=0.5, hoverinfo="skip"
    )
    figure.add_scatter(
        x=[estimate.value],
        y=[place],
        mode="markers",
        marker={"size": 11, "color": colour, "symbol": "circle-open" if group.too_small else "circle"},
        hovertext=[f"{group.name}: {_NAMES[metric]} {spread}{more}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    # on its own ground, so that no reference line strikes the number out
    figure.add_annotation(
        x=estimate.high,
        y=place,
        text=percent(estimate.value),
        showarrow=False,
        xanchor="left",
        xshift=4,
        bgcolor=surface.background,
        font={"color": colour if group.too_small else surface.text},
    )


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"


def _alt(report: GroupReport, metric: Metric) -> str:
    few = {True: ", too few to say", False: ""}
    parts = [
        f"{group.name} {percent(getattr(group, metric).value)} (n = {group.n}{few[group.too_small]})"
        for group in report.groups[:20]
    ]
    more = f"; and {len(report.groups) - 20} more" if len(report.groups) > 20 else ""
    return f"{_NAMES[metric]} by {report.by} with 95 % intervals: " + "; ".join(parts) + more + "."
