"""Reliability diagram: how right a model is where it is how sure, with the number of clips in each bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.reliability import Bin, Reliability

_TICKS = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0 %", "25", "50", "75", "100 %"]}


def reliability_rows(found: Reliability) -> list[dict[str, int | float | None]]:
    """One row a bin for the data file: its edges, clips, mean confidence, share right and interval, as fractions."""
    return [
        {
            "from": one.start,
            "to": one.end,
            "n": one.n,
            "confidence": one.confidence,
            "accuracy": one.accuracy,
            "low": one.low,
            "high": one.high,
        }
        for one in found.bins
    ]


def plot_reliability(found: Reliability, mode: Mode = "light") -> go.Figure:
    """Draw accuracy over confidence with Wilson intervals; on the dotted line a model is as sure as it is right.

    Below it the model is too sure. Bars under the diagram count the clips of each bin.
    """
    surface = SURFACES[mode]
    figure = new_figure(mode, _alt(found), height=320)
    line = {"color": surface.muted, "width": 1, "dash": "dot"}
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip")
    filled = [one for one in found.bins if one.n]
    for one in filled:
        _add_bin(figure, one, surface.mark)
    most = max((one.n for one in filled), default=1)
    figure.add_bar(
        x=[(one.start + one.end) / 2 for one in filled],
        y=[one.n for one in filled],
        width=[0.92 * (one.end - one.start) for one in filled],
        marker={"color": surface.mark, "opacity": 0.45},
        text=[one.n for one in filled],
        textposition="outside",
        cliponaxis=False,
        yaxis="y2",
        hoverinfo="skip",
    )
    figure.update_xaxes(title="probability of the predicted label", range=[-0.01, 1.01], anchor="y2", **_TICKS)
    figure.update_yaxes(title="share right", range=[-0.02, 1.03], domain=[0.3, 1], **_TICKS)
    figure.update_layout(
        yaxis2={
            "domain": [0, 0.2],
            "range": [0, 1.45 * most],
            "title": {"text": "clips"},
            "showticklabels": False,
            "showgrid": False,
        }
    )
    return figure


def _add_bin(figure: go.Figure, one: Bin, colour: str) -> None:
    assert one.accuracy is not None and one.low is not None and one.high is not None
    figure.add_scatter(
        x=[one.confidence],
        y=[one.accuracy],
        mode="markers",
        marker={"size": 10, "color": colour},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.accuracy],
            "arrayminus": [one.accuracy - one.low],
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        hovertemplate=f"sure to {percent(one.start)}–{percent(one.end)}, {percent(one.confidence)} on average<br>"
        f"right {percent(one.accuracy)} ({one.low * 100:.0f}–{one.high * 100:.0f}, n = {one.n})<extra></extra>",
    )


def _alt(found: Reliability) -> str:
    parts = [
        f"{percent(one.confidence)} sure, {percent(one.accuracy)} right (n = {one.n})" for one in found.bins if one.n
    ]
    return f"Reliability diagram, expected calibration error {percent(found.ece.value, 1)}: " + "; ".join(parts) + "."
