"""How many clips of each label the datasets hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from affexion_core.plots.theme import ORIGIN_STYLES, SURFACES, Mode, label_colour, new_figure
from affexion_core.types import Origin


@dataclass(frozen=True)
class LabelCounts:
    """Clips of each label in one dataset, in the order of its scheme."""

    dataset: str
    origin: Origin
    labels: tuple[tuple[str, int], ...]

    @property
    def n(self) -> int:
        """Clips in all."""
        return sum(n for _, n in self.labels)


def plot_label_counts(datasets: Sequence[LabelCounts], mode: Mode = "light") -> go.Figure:
    """Draw one bar a label, dataset under dataset on one scale; filled for real speech, hatched for synthetic."""
    n_rows = sum(len(counts.labels) + 1 for counts in datasets)
    figure = new_figure(mode, _alt(datasets), height=60 + 28 * max(n_rows, 1), bargap=0.25)
    ticks: list[str] = []
    for counts in datasets:
        ticks.append(f"<b>{counts.dataset}</b>")
        figure.add_annotation(
            x=0, y=len(ticks) - 1, text=f"{counts.origin}, n = {counts.n}", showarrow=False, xanchor="left", xshift=4
        )
        for label, n in counts.labels:
            _add_bar(figure, counts, label, n, len(ticks), mode)
            ticks.append(label)
    figure.update_yaxes(
        tickvals=list(range(len(ticks))), ticktext=ticks, range=[len(ticks) - 0.4, -0.6], showgrid=False
    )
    figure.update_xaxes(title="clips", rangemode="tozero")
    return figure


def _add_bar(figure: go.Figure, counts: LabelCounts, label: str, n: int, place: int, mode: Mode) -> None:
    hollow = ORIGIN_STYLES[counts.origin].marker == "hollow"
    pattern = {"shape": "/" if hollow else "", "fgcolor": SURFACES[mode].background, "fillmode": "overlay"}
    figure.add_bar(
        x=[n],
        y=[place],
        orientation="h",
        marker={"color": label_colour(label), "pattern": {**pattern, "size": 6, "solidity": 0.25}},
        text=[str(n)],
        textposition="outside",
        cliponaxis=False,
        hovertext=[f"{counts.dataset}, {label}: {n} {counts.origin} clips"],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def label_count_rows(datasets: Sequence[LabelCounts]) -> list[dict[str, str | int]]:
    """One row a dataset and label for the data file."""
    return [
        {"dataset": counts.dataset, "origin": counts.origin, "label": label, "clips": n}
        for counts in datasets
        for label, n in counts.labels
    ]


def _alt(datasets: Sequence[LabelCounts]) -> str:
    parts = [
        f"{counts.dataset} ({counts.origin}): " + ", ".join(f"{label} {n}" for label, n in counts.labels)
        for counts in datasets
    ]
    return "Clips by label. " + ("; ".join(parts) or "No dataset") + "."
