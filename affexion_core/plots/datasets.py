"""How many clips of each label the datasets hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from affexion_core.plots.theme import ORIGIN_STYLES, SURFACES, Mode, label_colour, new_figure, text_on
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
    """Draw one bar a dataset, cut by label; filled for real speech, hatched for synthetic."""
    figure = new_figure(mode, _alt(datasets), height=70 + 46 * max(len(datasets), 1), barmode="stack", bargap=0.35)
    surface = SURFACES[mode]
    for counts in datasets:
        hollow = ORIGIN_STYLES[counts.origin].marker == "hollow"
        for label, n in counts.labels:
            colour = label_colour(label)
            pattern = {"shape": "/" if hollow else "", "fillmode": "overlay", "fgcolor": surface.background}
            figure.add_bar(
                x=[n],
                y=[counts.dataset],
                orientation="h",
                marker={
                    "color": colour,
                    "pattern": {**pattern, "size": 7, "solidity": 0.18},
                    "line": {"width": 1, "color": surface.background},
                },
                text=[f"{label} {n}"] if n else [""],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"color": text_on(colour)},
                hovertext=[f"{counts.dataset}, {label}: {n} {counts.origin} clips"],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    ticks = [f"<b>{counts.dataset}</b><br>{counts.origin}, n = {counts.n}" for counts in datasets]
    figure.update_yaxes(
        tickvals=[counts.dataset for counts in datasets], ticktext=ticks, autorange="reversed", showgrid=False
    )
    figure.update_xaxes(title="clips", rangemode="tozero")
    figure.update_layout(uniformtext={"minsize": 11, "mode": "hide"})
    return figure


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
