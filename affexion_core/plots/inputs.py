"""How much each input of a model counted, by label, as a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, label_colour, label_symbol, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.inputs import InputScores

ALL = "all labels"


def input_rows(scores: Sequence[InputScores]) -> list[dict[str, str | int | float | None]]:
    """One row an input and label for the data file."""
    return [
        {
            "label": each.label or ALL,
            "input": each.front_end,
            "share": each.share.value,
            "low": each.share.low,
            "high": each.share.high,
            "n": each.share.n,
            "method": each.share.method,
            "undefined_because": each.share.reason,
        }
        for each in scores
    ]


def plot_input_shares(scores: Sequence[InputScores], words: Mapping[str, str], mode: Mode = "light") -> go.Figure:
    """Draw the mean share of inputs with 95 % intervals, for all clips and by label.

    Of two inputs one is drawn, between "the first alone" and "the second alone", as the other is the rest.

    Parameters
    ----------
    scores
        As `evaluation.inputs.score_inputs` gives them.
    words
        What each front-end is called.
    """
    names = list(dict.fromkeys(each.front_end for each in scores))
    two = len(names) == 2
    shown = [each for each in scores if not two or each.front_end == names[1]]
    figure = new_figure(mode, _alt(shown, words), height=90 + 34 * len(shown))
    for place, each in enumerate(shown):
        _add_row(figure, each, place, mode)
    add_reference(figure, mode, 1 / len(names), "all count alike", "x")
    ends = [f"{words[names[0]]} alone", f"{words[names[1]]} alone"] if two else ["0 %", "100 %"]
    figure.update_xaxes(
        range=[-0.04, 1.04], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=[ends[0], "25", "50", "75 %", ends[1]]
    )
    figure.update_yaxes(
        tickvals=list(range(len(shown))),
        ticktext=[_row_words(each, "" if two else f", {words[each.front_end]}") for each in shown],
        range=[len(shown) - 0.5, -0.8],
        showgrid=False,
    )
    figure.update_layout(margin={"l": 8, "r": 24, "t": 28, "b": 8})
    return figure


def _row_words(each: InputScores, beside: str) -> str:
    return f"<b>{each.label or ALL}</b>{beside} (n = {each.share.n})"


def _add_row(figure: go.Figure, each: InputScores, place: int, mode: Mode) -> None:
    share = each.share
    if share.value is None or share.low is None or share.high is None:
        figure.add_scatter(
            x=[0.01], y=[place], mode="text", text=[f"undefined: {share.reason}"], textposition="middle right"
        )
        return
    colour = label_colour(each.label) if each.label else SURFACES[mode].mark
    text = f"{percent(share.value)} ({share.low * 100:.0f}–{share.high * 100:.0f}, n = {share.n})"
    figure.add_scatter(
        x=[share.low, share.high],
        y=[place, place],
        mode="lines",
        line={"color": colour, "width": 5},
        opacity=0.4,
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[share.value],
        y=[place],
        mode="markers+text",
        marker={"color": colour, "size": 11, "symbol": label_symbol(each.label) if each.label else "line-ns-open"},
        text=[percent(share.value)],
        textposition="bottom center",
        hovertext=[f"{each.label or ALL}: {text}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _alt(shown: Sequence[InputScores], words: Mapping[str, str]) -> str:
    parts = [f"{each.label or ALL}, {words[each.front_end]} {percent(each.share.value)}" for each in shown]
    return "Mean share of the inputs by label, with 95 % intervals: " + "; ".join(parts) + "."
