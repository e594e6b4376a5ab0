"""How far raters agree: by label, by pair of raters, and what one rater makes of each label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from affexion_core.plots.theme import (
    SEQUENTIAL,
    SURFACES,
    Mode,
    add_reference,
    label_colour,
    label_symbol,
    new_figure,
    percent,
    text_on,
)

if TYPE_CHECKING:
    from affexion_core.labeling.kappa import LabelAgreement
    from affexion_core.labeling.pairs import PairKappa

Row = dict[str, str | int | float | None]


def label_agreement_rows(per_label: Sequence[LabelAgreement]) -> list[Row]:
    """One row a label for the data file."""
    return [
        {
            "label": item.label,
            "votes": item.votes,
            "alpha": item.alpha.value,
            "low": item.alpha.low,
            "high": item.alpha.high,
            "n": item.alpha.n,
            "fleiss_kappa": item.kappa.value,
            "undefined_because": item.alpha.reason,
        }
        for item in per_label
    ]


def plot_label_agreement(per_label: Sequence[LabelAgreement], mode: Mode = "light") -> go.Figure:
    """Draw Krippendorff's α of each label against the rest with its 95 % interval, from 0 (as by chance) to 1.

    The axis begins lower where an interval does. A label whose α is undefined keeps its row and says why.
    """
    n = len(per_label)
    figure = new_figure(mode, _label_alt(per_label), height=80 + 44 * n)
    for place, item in enumerate(per_label):
        _add_label(figure, item, place)
    lowest = min([item.alpha.low for item in per_label if item.alpha.low is not None] or [0.0])
    add_reference(figure, mode, 0, "as by chance", "x")
    figure.update_xaxes(range=[min(-0.05, lowest - 0.05), 1.08], tickvals=[-0.5, 0, 0.25, 0.5, 0.75, 1])
    ticks = [f"<b>{item.label}</b><br>{item.votes} votes" for item in per_label]
    figure.update_yaxes(tickvals=list(range(n)), ticktext=ticks, range=[n - 0.4, -0.7], showgrid=False)
    figure.update_layout(margin={"l": 8, "r": 48, "t": 28, "b": 8})
    return figure


def _add_label(figure: go.Figure, item: LabelAgreement, place: int) -> None:
    alpha = item.alpha
    if alpha.value is None or alpha.low is None or alpha.high is None:
        text = {"mode": "text", "text": [alpha.reason], "textposition": "middle right"}
        figure.add_scatter(x=[0.01], y=[place], hoverinfo="skip", **text)
        return
    colour = label_colour(item.label)
    line = {"color": colour, "width": 6}
    figure.add_scatter(
        x=[alpha.low, alpha.high], y=[place, place], mode="lines", line=line, opacity=0.4, hoverinfo="skip"
    )
    span = f"{_signed(alpha.low)} to {_signed(alpha.high)}"
    hover = f"{item.label}: α {_signed(alpha.value)} ({span}, n = {alpha.n} clips)"
    figure.add_scatter(
        x=[alpha.value],
        y=[place],
        mode="markers",
        marker={"color": colour, "size": 12, "symbol": label_symbol(item.label)},
        hovertext=[hover],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.add_scatter(
        x=[alpha.high],
        y=[place],
        mode="text",
        text=[f" {_signed(alpha.value)}"],
        textposition="middle right",
        cliponaxis=False,
        hoverinfo="skip",
    )


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}".replace("-", "−")


def _label_alt(per_label: Sequence[LabelAgreement]) -> str:
    parts = [
        f"{item.label} {'undefined' if item.alpha.value is None else f'{item.alpha.value:.2f}'}" for item in per_label
    ]
    return "Krippendorff's α of each label against the rest: " + ", ".join(parts) + "."


def rater_pair_rows(pairs: Sequence[PairKappa]) -> list[Row]:
    """One row a pair of raters for the data file."""
    return [
        {
            "rater": pair.raters[0],
            "other": pair.raters[1],
            "kappa": pair.kappa.value,
            "low": pair.kappa.low,
            "high": pair.kappa.high,
            "clips": pair.kappa.n,
            "undefined_because": pair.kappa.reason,
        }
        for pair in pairs
    ]


def plot_rater_pairs(raters: Sequence[str], pairs: Sequence[PairKappa], mode: Mode = "light") -> go.Figure:
    """Draw Cohen's κ of each pair of raters as a matrix, with the number of clips that both judged.

    Colour runs from 0 (as by chance, or below) to 1. A pair without a κ shows a dash and its clips; hovering says why.
    """
    n = len(raters)
    at = {rater: place for place, rater in enumerate(raters)}
    values: list[list[float | None]] = [[None] * n for _ in raters]
    words = [[""] * n for _ in raters]
    hover = [[""] * n for _ in raters]
    for pair in pairs:
        kappa = pair.kappa
        shown = "–" if kappa.value is None else _signed(kappa.value)
        span = f"κ {shown} ({_signed(kappa.low)} to {_signed(kappa.high)})" if kappa.reason is None else kappa.reason
        for row, column in ((0, 1), (1, 0)):
            i, j = at[pair.raters[row]], at[pair.raters[column]]
            values[i][j] = kappa.value
            words[i][j] = f"<b>{shown}</b><br>{kappa.n}"
            hover[i][j] = f"{raters[i]} and {raters[j]}: {span}, {kappa.n} clips"
    figure = _matrix(values, words, hover, mode, _pairs_alt(pairs))
    names = {"tickvals": list(range(n)), "ticktext": list(raters), "showgrid": False}
    figure.update_xaxes(side="top", range=[-0.5, n - 0.5], **names)
    figure.update_yaxes(range=[n - 0.5, -0.5], **names)
    return figure


def _pairs_alt(pairs: Sequence[PairKappa]) -> str:
    parts = [
        f"{' and '.join(pair.raters)} {'undefined' if pair.kappa.value is None else f'{pair.kappa.value:.2f}'}"
        for pair in pairs
    ]
    return "Cohen's κ of pairs of raters: " + ", ".join(parts) + "."


def rater_confusion_rows(labels: Sequence[str], shares: Sequence[Sequence[float]]) -> list[Row]:
    """One row a cell for the data file."""
    return [
        {"clip_is": true, "rater_says": said, "share": shares[i][j]}
        for i, true in enumerate(labels)
        for j, said in enumerate(labels)
    ]


def plot_rater_confusion(
    rater: str,
    labels: Sequence[str],
    shares: Sequence[Sequence[float]],
    n_clips: Sequence[float],
    mode: Mode = "light",
) -> go.Figure:
    """Draw how often a rater says each label (column) of clips that truly have a label (row), by Dawid and Skene.

    ``shares``: rows sum to 1; ``n_clips``: about how many clips of each row the rater judged; a row of few says little.
    Colour always runs from 0 to 100 %.
    """
    n = len(labels)
    words = [[f"<b>{percent(share)}</b>" for share in row] for row in shares]
    hover = [
        [f"{t} clips called {s}: {percent(shares[i][j])}" for j, s in enumerate(labels)] for i, t in enumerate(labels)
    ]
    parts = [f"{label} {percent(shares[i][i])}" for i, label in enumerate(labels)]
    alt = f"What {rater} says of each label, right share by label: {', '.join(parts)}."
    figure = _matrix([list(row) for row in shares], words, hover, mode, alt)
    names = {"tickvals": list(range(n)), "ticktext": list(labels), "showgrid": False}
    figure.update_xaxes(title=f"{rater} says", side="top", range=[-0.5, n - 0.5], **names)
    ticks = [f"<b>{label}</b><br>about {round(of)}" for label, of in zip(labels, n_clips, strict=True)]
    figure.update_yaxes(title="the clip is, by all raters", range=[n - 0.5, -0.5], **{**names, "ticktext": ticks})
    return figure


def _matrix(
    values: Sequence[Sequence[float | None]],
    words: Sequence[Sequence[str]],
    hover: Sequence[Sequence[str]],
    mode: Mode,
    alt: str,
) -> go.Figure:
    n = len(values)
    figure = new_figure(mode, alt, height=110 + min(64 * n, max(260, 40 * n)))
    figure.add_heatmap(
        z=[list(row) for row in values],
        zmin=0,
        zmax=1,
        colorscale=SEQUENTIAL,
        showscale=False,
        xgap=2,
        ygap=2,
        hovertext=[list(row) for row in hover],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    cells = [(i, j) for i in range(n) for j in range(n) if words[i][j]]
    figure.add_scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="text",
        text=[words[i][j] for i, j in cells],
        textfont={"size": 13, "color": [_on(values[i][j], mode) for i, j in cells]},
        hoverinfo="skip",
    )
    return figure


def _on(value: float | None, mode: Mode) -> str:
    if value is None:
        return SURFACES[mode].muted
    return text_on(sample_colorscale(SEQUENTIAL, [min(max(value, 0.0), 1.0)])[0])
