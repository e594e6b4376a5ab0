"""How loud, how strong and how long the clips of each label are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import Mode, label_colour, label_symbol, new_figure

if TYPE_CHECKING:
    from affexion_core.evaluation.label_sounds import Measure, SoundReport, Spread

AXES: dict[Measure, tuple[str, str]] = {
    "amplitude": ("largest sample (share of full scale)", ".2f"),
    "energy": ("mean energy in the log-mel spectrogram (dB)", ".0f"),
    "duration": ("clip length (s)", ".2f"),
    "speech": ("from first to last sound (s)", ".2f"),
}


def label_sound_rows(report: SoundReport) -> list[dict[str, str | int | float | None]]:
    """One row a label and measure for the data file."""
    return [
        {
            "dataset": report.dataset,
            "label": row.label,
            "measure": measure,
            "n": spread.n,
            "n_speakers": row.n_speakers,
            "mean": spread.mean,
            "low": spread.low,
            "high": spread.high,
            "sd": spread.sd,
            "p10": spread.p10,
            "p90": spread.p90,
        }
        for row in report.labels
        for measure, spread in row.spreads.items()
    ]


def plot_label_sounds(report: SoundReport, measure: Measure, mode: Mode = "light") -> go.Figure:
    """Draw one row a label: mean, its 95 % interval (thick) and the middle 80 % of the clips (thin)."""
    figure = new_figure(mode, _alt(report, measure), height=80 + 34 * max(3, len(report.labels)))
    words, form = AXES[measure]
    for place, row in enumerate(report.labels):
        _add_label(figure, row.label, row.spreads[measure], place, form)
    names = [f"{row.label} (n = {row.n})" for row in report.labels]
    figure.update_xaxes(title=words)
    if measure != "energy":
        figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=names, range=[len(names) - 0.4, -0.6], showgrid=False
    )
    figure.update_layout(margin={"l": 8, "r": 56, "t": 12, "b": 8})
    return figure


def _add_label(figure: go.Figure, label: str, spread: Spread, place: int, form: str) -> None:
    colour = label_colour(label)
    figure.add_scatter(
        x=[spread.p10, spread.p90], y=[place] * 2, mode="lines", line={"color": colour, "width": 2}, hoverinfo="skip"
    )
    interval = ""
    if spread.low is not None and spread.high is not None:
        interval = f" ({spread.low:{form}} to {spread.high:{form}})"
        figure.add_scatter(
            x=[spread.low, spread.high],
            y=[place] * 2,
            mode="lines",
            line={"color": colour, "width": 9},
            opacity=0.5,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[spread.mean],
        y=[place],
        mode="markers",
        marker={"size": 11, "color": colour, "symbol": label_symbol(label)},
        hovertext=[f"{label}: mean {spread.mean:{form}}{interval}, n = {spread.n}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(
        x=[max(spread.p90, spread.high or spread.mean)],
        y=[place],
        mode="text",
        text=[f"  {spread.mean:{form}}"],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )


def _alt(report: SoundReport, measure: Measure) -> str:
    words, form = AXES[measure]
    parts = [f"{row.label} {row.spreads[measure].mean:{form}} (n = {row.n})" for row in report.labels]
    return f"{report.dataset} by label, mean {words}: " + "; ".join(parts) + "."
