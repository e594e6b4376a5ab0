"""Confusion matrix: reference in rows, count and row share in each cell."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from affexion_core.errors import LabelError
from affexion_core.plots.theme import SEQUENTIAL, SURFACES, Mode, new_figure, percent, text_on

Counts = Sequence[Sequence[int]]


def row_shares(counts: Counts) -> list[list[float | None]]:
    """Share of each cell in its row, 0 to 1; None throughout a row without clips."""
    return [[n / sum(row) if sum(row) else None for n in row] for row in counts]


def confusion_rows(labels: Sequence[str], counts: Counts) -> list[dict[str, str | int | float | None]]:
    """One row a cell for the data file: reference, predicted, clips, share of the row."""
    shares = row_shares(counts)
    return [
        {"reference": reference, "predicted": predicted, "clips": counts[i][j], "row_share": shares[i][j]}
        for i, reference in enumerate(labels)
        for j, predicted in enumerate(labels)
    ]


def plot_confusion(
    labels: Sequence[str], counts: Counts, mode: Mode = "light", chosen: tuple[str, str] | None = None
) -> go.Figure:
    """Draw a confusion matrix.

    Parameters
    ----------
    labels
        Labels in the run's order.
    counts
        ``counts[i][j]``: clips of reference label i that were predicted as label j.
    mode
        Light or dark.
    chosen
        A cell (reference, predicted) to frame.

    Returns
    -------
    go.Figure
        Colour is the row share, always on 0 to 100 %. The last trace is invisible and there to be selected (heatmaps
        emit no selection): its ``customdata`` is (reference, predicted).

    Raises
    ------
    LabelError
        If ``counts`` isn't one row and column per label.
    """
    n = len(labels)
    if len(counts) != n or any(len(row) != n for row in counts):
        raise LabelError(f"A confusion matrix of {n} labels needs {n} × {n} counts.")
    shares = row_shares(counts)
    figure = new_figure(mode, _alt(labels, counts), height=130 + min(72 * n, max(300, 48 * n)))
    ticks = [f"<b>{label}</b><br>n = {sum(row)}" for label, row in zip(labels, counts, strict=True)]
    figure.add_heatmap(
        z=shares, zmin=0, zmax=1, colorscale=SEQUENTIAL, showscale=False, xgap=2, ygap=2, hoverinfo="skip"
    )
    cells = [(i, j) for i in range(n) for j in range(n)]
    figure.add_scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="text",
        text=[_cell_text(counts[i][j], shares[i][j]) for i, j in cells],
        textfont={"size": 15, "color": [_cell_colour(shares[i][j], mode) for i, j in cells]},
        hoverinfo="skip",
    )
    _add_targets(figure, labels, counts)
    places = list(range(n))
    figure.update_xaxes(
        title="predicted", tickvals=places, ticktext=list(labels), side="top", showgrid=False, range=[-0.5, n - 0.5]
    )
    figure.update_yaxes(title="reference", tickvals=places, ticktext=ticks, showgrid=False, range=[n - 0.5, -0.5])
    if chosen is not None and set(chosen) <= set(labels):
        row, column = labels.index(chosen[0]), labels.index(chosen[1])
        edge = {"color": "#D55E00", "width": 3}
        figure.add_shape(type="rect", x0=column - 0.48, x1=column + 0.48, y0=row - 0.47, y1=row + 0.47, line=edge)
    return figure


def _add_targets(figure: go.Figure, labels: Sequence[str], counts: Counts) -> None:
    cells = [(i, j) for i in range(len(labels)) for j in range(len(labels))]
    unseen = {"marker": {"opacity": 0}}
    figure.add_scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="markers",
        marker={"symbol": "square", "size": 60, "opacity": 0},
        selected=unseen,
        unselected=unseen,
        customdata=[(labels[i], labels[j]) for i, j in cells],
        hovertext=[f"{counts[i][j]} of {sum(counts[i])} {labels[i]} taken for {labels[j]}" for i, j in cells],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_layout(clickmode="event+select", hovermode="closest")


def _cell_text(count: int, share: float | None) -> str:
    return f"<b>{count}</b><br>" + percent(share)


def _cell_colour(share: float | None, mode: Mode) -> str:
    if share is None:
        return SURFACES[mode].muted
    return text_on(sample_colorscale(SEQUENTIAL, [share])[0])


def _alt(labels: Sequence[str], counts: Counts) -> str:
    right = sum(counts[i][i] for i in range(len(labels)))
    total = sum(sum(row) for row in counts)
    parts = [f"{label} {counts[i][i]} of {sum(counts[i])}" for i, label in enumerate(labels)]
    return f"Confusion matrix, reference in rows: {right} of {total} clips right; " + ", ".join(parts) + "."
