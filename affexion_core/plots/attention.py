"""Attention over many clips, the attention matrix of one, and what deleting frames by attention takes away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from affexion_core.evaluation.intervals import Z95
from affexion_core.plots.theme import SEQUENTIAL, SURFACES, Mode, add_reference, label_colour, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.explain.deletion import Band, Deletion

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MOST_CELLS = 160
# Pixels by which the words below an axis keep clear of the number at its corner.
_CLEAR = 6
# By order of deletion: colour (text colour where None) and dash.
_ORDER_STYLES = {
    "most attended": ("#D55E00", "solid"),
    "moved elsewhere": (None, "dash"),
    "random frames": (None, "dot"),
    "least attended": ("#0072B2", "longdashdot"),
}


def mean_and_band(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of curves ``(n, n_bins)`` and its 95 % interval, counting them as independent; each ``(n_bins,)``."""
    mean = curves.mean(axis=0)
    half = Z95 * curves.std(axis=0, ddof=1) / np.sqrt(len(curves)) if len(curves) > 1 else np.zeros_like(mean)
    return mean, mean - half, mean + half


def top_of(groups: Mapping[str, np.ndarray]) -> float:
    """Height that shows the means of all groups, so that figures side by side share one axis."""
    return 1.12 * max([float(mean_and_band(curves)[2].max()) for curves in groups.values() if len(curves)] or [2.0])


def plot_average_attention(
    groups: Mapping[str, np.ndarray], top: float, mode: Mode = "light", colours: Mapping[str, str] | None = None
) -> go.Figure:
    """Draw mean attention over relative time for groups of clips, with the band of its 95 % interval.

    Parameters
    ----------
    groups
        Words -> ``(n_clips, n_bins)``, attention as a multiple of an even spread.
    top
        Upper end of the axis. See `top_of`.
    mode
        Light or dark.
    colours
        Words -> colour; else those of labels.
    """
    shown = {words: curves for words, curves in groups.items() if len(curves)}
    figure = new_figure(mode, _alt(shown), height=320)
    for place, (words, curves) in enumerate(shown.items()):
        colour = (colours or {}).get(words) or label_colour(words)
        _add_average(figure, words, curves, colour, _DASHES[place % len(_DASHES)], mode)
    _relative_axes(figure, top, mode)
    # a legend, since curves of averages cross too often for words at their ends
    figure.update_layout(
        showlegend=True,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 13}},
        hovermode="x unified",
    )
    return figure


def _add_average(figure: go.Figure, words: str, curves: np.ndarray, colour: str, dash: str, mode: Mode) -> None:
    mean, low, high = mean_and_band(curves)
    at = _middles(len(mean))
    if len(curves) > 1:
        figure.add_scatter(
            x=np.concatenate([at, at[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            mode="lines",
            fillcolor=_faint(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=at,
        y=mean,
        mode="lines",
        name=f"{words} (n = {len(curves)})",
        line={"color": colour, "width": 2.5, "dash": dash},
        hovertemplate="%{y:.2f}×",
    )


def plot_fold_attention(folds: Mapping[str, np.ndarray], mode: Mode = "light") -> go.Figure:
    """Draw the mean attention of each fold model as a thin line, with their mean and spread (± one SD over models).

    ``folds``: words -> ``(n_clips, n_bins)``.
    """
    means = np.stack([curves.mean(axis=0) for curves in folds.values()])
    centre, spread = means.mean(axis=0), means.std(axis=0, ddof=1) if len(means) > 1 else np.zeros(means.shape[1])
    surface, at = SURFACES[mode], _middles(means.shape[1])
    alt = (
        f"Mean attention over relative time of {len(means)} fold models; they differ by {spread.mean():.2f} on average."
    )
    figure = new_figure(mode, alt, height=320)
    figure.add_scatter(
        x=np.concatenate([at, at[::-1]]),
        y=np.concatenate([centre + spread, (centre - spread)[::-1]]),
        fill="toself",
        mode="lines",
        fillcolor=_faint(surface.mark),
        line={"width": 0},
        hoverinfo="skip",
    )
    for words, row in zip(folds, means, strict=True):
        line = {"color": surface.mark, "width": 1}
        figure.add_scatter(x=at, y=row, mode="lines", name=words, line=line, opacity=0.7, hovertemplate="%{y:.2f}×")
    line = {"color": surface.text, "width": 3}
    figure.add_scatter(x=at, y=centre, mode="lines", name="mean", line=line, hovertemplate="%{y:.2f}×")
    _relative_axes(figure, 1.12 * float(means.max()), mode)
    return figure


def _relative_axes(figure: go.Figure, top: float, mode: Mode) -> None:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    words = ["start", "25 %", "half", "75 %", "end"]
    figure.update_xaxes(
        title="time, from start to end of what the model sees",
        range=[0, 1],
        tickvals=ticks,
        ticktext=words,
        showgrid=False,
        ticklabelstandoff=_CLEAR,
    )
    figure.update_yaxes(title="attention (× even spread)", range=[0, max(top, 1.4)])
    add_reference(figure, mode, 1, "even spread", "y", annotation_position="bottom right")


def average_rows(groups: Mapping[str, np.ndarray]) -> list[dict[str, str | int | float]]:
    """One row a group and moment for the data file."""
    rows: list[dict[str, str | int | float]] = []
    for words, curves in groups.items():
        if not len(curves):
            continue
        mean, low, high = mean_and_band(curves)
        for at, value, least, most in zip(_middles(len(mean)), mean, low, high, strict=True):
            figures = {"mean": float(value), "low": float(least), "high": float(most), "n": len(curves)}
            rows.append({"group": words, "relative_time": round(float(at), 4), **figures})
    return rows


def plot_attention_rows(rows: np.ndarray, duration: float, mode: Mode = "light") -> go.Figure:
    """Draw the attention matrix: the moment that asks (down) and the moment that it asks for (across), in seconds.

    ``rows`` ``(n_frames, n_frames)``, each row summing to 1. Long clips are drawn in blocks of frames.
    """
    cells = block_means(rows) * len(rows)
    at = _middles(len(cells)) * duration
    alt = f"Attention matrix of {len(rows)} × {len(rows)} frames over {duration:.2f} s."
    figure = new_figure(mode, alt, height=440)
    figure.add_heatmap(
        z=np.round(cells, 3).astype(np.float32),
        x=at.astype(np.float32),
        y=at.astype(np.float32),
        zmin=0,
        zmax=float(np.quantile(cells, 0.995)) or 1.0,
        colorscale=SEQUENTIAL,
        colorbar={"title": {"text": "× even"}, "thickness": 10, "outlinewidth": 0, "len": 0.9},
        hovertemplate="at %{y:.2f} s it looks to %{x:.2f} s: %{z:.2f}×<extra></extra>",
    )
    figure.update_xaxes(title="looked at (s)", range=[0, duration], showgrid=False, constrain="domain")
    figure.update_yaxes(title="looking from (s)", range=[duration, 0], showgrid=False, scaleanchor="x")
    return figure


def block_means(rows: np.ndarray, most: int = _MOST_CELLS) -> np.ndarray:
    """Average a square matrix in blocks until it has at most ``most`` rows; smaller ones stay as they are."""
    n = len(rows)
    if n <= most:
        return np.asarray(rows, dtype=np.float64)
    starts = (np.arange(most) * n) // most
    sizes = np.diff(np.append(starts, n))
    sums = np.add.reduceat(np.add.reduceat(rows.astype(np.float64), starts, axis=0), starts, axis=1)
    return sums / np.outer(sizes, sizes)


def plot_deletion(found: Deletion, measure: str, n_labels: int = 0, mode: Mode = "light") -> go.Figure:
    """Draw what is left of ``probability`` or ``uar`` against the share of frames deleted, one line for each order.

    ``n_labels`` draws chance beside ``uar``; 0 for no such line.
    """
    surface = SURFACES[mode]
    what = "probability of the first answer" if measure == "probability" else "UAR"
    figure = new_figure(mode, _deletion_alt(found, what), height=340)
    ends = []
    for curve in found.curves:
        band: Band = getattr(curve, measure)
        colour, dash = _ORDER_STYLES[curve.order]
        colour = colour or surface.text
        if curve.order in ("most attended", "moved elsewhere"):
            figure.add_scatter(
                x=[*found.shares, *found.shares[::-1]],
                y=[*band.high, *band.low[::-1]],
                fill="toself",
                mode="lines",
                fillcolor=_faint(colour),
                line={"width": 0},
                hoverinfo="skip",
            )
        line = {"color": colour, "dash": dash, "width": 2.5}
        figure.add_scatter(
            x=found.shares, y=band.value, mode="lines+markers", name=curve.order, line=line, marker={"size": 6},
            hovertemplate="%{y:.1%}",
        )  # fmt: skip
        ends.append((band.value[-1], curve.order))
    _direct_labels(figure, ends, found.shares[-1])
    if measure == "uar" and n_labels > 1:
        add_reference(figure, mode, 1 / n_labels, "chance", "y", annotation_position="top left")
    # one sign for all, and never at an angle: a phone has little room
    ticks = [f"{100 * share:.0f}" for share in found.shares[:-1]] + [percent(found.shares[-1])]
    figure.update_xaxes(
        title="frames deleted", tickvals=list(found.shares), ticktext=ticks, tickangle=0, showgrid=False,
        range=[0, found.shares[-1]], ticklabelstandoff=_CLEAR,
    )  # fmt: skip
    fifths = [place / 5 for place in range(6)]
    figure.update_yaxes(title=what, range=[0, 1.02], tickvals=fifths, ticktext=[percent(one) for one in fifths])
    figure.update_layout(margin={"l": 8, "r": 124, "t": 12, "b": 8}, hovermode="x unified")
    return figure


def _direct_labels(figure: go.Figure, ends: Sequence[tuple[float, str]], at: float) -> None:
    """Write each line's name beside its end, pushed apart where ends meet."""
    place = -1.0
    for value, words in sorted(ends):
        place = max(value, place + 0.075)
        figure.add_annotation(x=at, y=place, text=words, showarrow=False, xanchor="left", xshift=8, font={"size": 13})


def deletion_rows(found: Deletion) -> list[dict[str, str | float]]:
    """One row an order, share and measure for the data file."""
    return [
        {"order": curve.order, "share": share, "measure": measure, "value": value, "low": low, "high": high}
        for curve in found.curves
        for measure in ("probability", "uar")
        for share, value, low, high in zip(
            found.shares,
            getattr(curve, measure).value,
            getattr(curve, measure).low,
            getattr(curve, measure).high,
            strict=True,
        )
    ]


def _middles(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.16)"


def _alt(groups: Mapping[str, np.ndarray]) -> str:
    parts = []
    for words, curves in groups.items():
        peak = float(_middles(curves.shape[1])[int(curves.mean(axis=0).argmax())])
        parts.append(f"{words} (n = {len(curves)}) peaks at {percent(peak)} of the clip")
    return "Mean attention over relative time: " + ("; ".join(parts) or "no clips") + "."


def _deletion_alt(found: Deletion, what: str) -> str:
    measure = "uar" if what == "UAR" else "probability"
    parts = [
        f"{curve.order} {percent(getattr(curve, measure).value[0])} to {percent(getattr(curve, measure).value[-1])}"
        for curve in found.curves
    ]
    return f"{what} while up to {percent(found.shares[-1])} of the frames are deleted: " + "; ".join(parts) + "."
