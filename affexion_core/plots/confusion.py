"""Confusion matrix: reference in rows, count and row share in each cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from affexion_core.errors import LabelError
from affexion_core.evaluation.intervals import wilson
from affexion_core.plots.theme import SEQUENTIAL, SURFACES, Mode, new_figure, percent, text_on

Counts = Sequence[Sequence[int]]
Show = Literal["shares", "counts"]


def row_shares(counts: Counts) -> list[list[float | None]]:
    """Share of each cell in its row, 0 to 1; None throughout a row without clips."""
    return [[n / sum(row) if sum(row) else None for n in row] for row in counts]


def confusion_rows(labels: Sequence[str], counts: Counts) -> list[dict[str, str | int | float | None]]:
    """One row a cell for the data file: reference, predicted, clips, share of the row with its Wilson interval."""
    shares = row_shares(counts)
    rows: list[dict[str, str | int | float | None]] = []
    for i, reference in enumerate(labels):
        n = sum(counts[i])
        for j, predicted in enumerate(labels):
            low, high = wilson(counts[i][j], n) if n else (None, None)
            interval = {"row_share": shares[i][j], "low": low, "high": high}
            rows.append(
                {"reference": reference, "predicted": predicted, "clips": counts[i][j], **interval, "row_clips": n}
            )
    return rows


def plot_confusion(
    labels: Sequence[str],
    counts: Counts,
    mode: Mode = "light",
    chosen: tuple[str, str] | None = None,
    show: Show = "shares",
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
    show
        What the colour says and the bold figure of a cell: its share of the row, or its clips. The other stands below.

    Returns
    -------
    go.Figure
        Shares are coloured on 0 to 100 %, counts on 0 to the largest. Hovering tells the Wilson interval. The
        last trace is invisible and there to be selected (heatmaps emit no selection): its ``customdata`` is
        (reference, predicted).

    Raises
    ------
    LabelError
        If ``counts`` isn't one row and column per label.
    """
    n = len(labels)
    if len(counts) != n or any(len(row) != n for row in counts):
        raise LabelError(f"A confusion matrix of {n} labels needs {n} × {n} counts.")
    shares = row_shares(counts)
    most = max((max(row) for row in counts), default=0)
    tones = shares if show == "shares" else [[count / max(1, most) for count in row] for row in counts]
    figure = new_figure(mode, _alt(labels, counts), height=110 + min(66 * n, max(300, 48 * n)))
    figure.add_heatmap(
        z=tones, zmin=0, zmax=1, colorscale=SEQUENTIAL, showscale=False, xgap=2, ygap=2, hoverinfo="skip"
    )
    cells = [(i, j) for i in range(n) for j in range(n)]
    figure.add_scatter(
        x=[j for _, j in cells],
        y=[i for i, _ in cells],
        mode="text",
        text=[_cell_text(counts[i][j], shares[i][j], show) for i, j in cells],
        textfont={"size": 15, "color": [_cell_colour(tones[i][j], mode) for i, j in cells]},
        hoverinfo="skip",
    )
    _add_targets(figure, labels, counts)
    _name_axes(figure, labels, counts)
    if chosen is not None and set(chosen) <= set(labels):
        _frame(figure, labels.index(chosen[0]), labels.index(chosen[1]))
    return figure


def _name_axes(figure: go.Figure, labels: Sequence[str], counts: Counts) -> None:
    places, ends = list(range(len(labels))), [-0.5, len(labels) - 0.5]
    rows = [f"<b>{label}</b><br>n = {sum(row)}" for label, row in zip(labels, counts, strict=True)]
    figure.update_xaxes(
        title="predicted", tickvals=places, ticktext=list(labels), side="top", showgrid=False, range=ends
    )
    figure.update_yaxes(title="reference", tickvals=places, ticktext=rows, showgrid=False, range=ends[::-1])


def _frame(figure: go.Figure, row: int, column: int) -> None:
    edge = {"color": "#D55E00", "width": 3}
    figure.add_shape(type="rect", x0=column - 0.48, x1=column + 0.48, y0=row - 0.47, y1=row + 0.47, line=edge)


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
        hovertext=[_hover_text(labels, counts, i, j) for i, j in cells],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_layout(clickmode="event+select", hovermode="closest")


def _cell_text(count: int, share: float | None, show: Show) -> str:
    return f"<b>{percent(share)}</b><br>{count}" if show == "shares" else f"<b>{count}</b><br>{percent(share)}"


def _hover_text(labels: Sequence[str], counts: Counts, i: int, j: int) -> str:
    n = sum(counts[i])
    words = f"{counts[i][j]} of {n} {labels[i]} " + ("right" if i == j else f"taken for {labels[j]}")
    if not n:
        return words
    low, high = wilson(counts[i][j], n)
    return f"{words}<br>{percent(counts[i][j] / n)} ({low * 100:.0f}–{high * 100:.0f}, n = {n})"


def _cell_colour(share: float | None, mode: Mode) -> str:
    if share is None:
        return SURFACES[mode].muted
    return text_on(sample_colorscale(SEQUENTIAL, [share])[0])


def _alt(labels: Sequence[str], counts: Counts) -> str:
    right = sum(counts[i][i] for i in range(len(labels)))
    total = sum(sum(row) for row in counts)
    parts = [f"{label} {counts[i][i]} of {sum(counts[i])}" for i, label in enumerate(labels)]
    return f"Confusion matrix, reference in rows: {right} of {total} clips right; " + ", ".join(parts) + "."
