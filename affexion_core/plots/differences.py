"""What differs between synthetic and real clips: densities, a map, and how far each shortcut reaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from affexion_core.plots.theme import (
    ORIGIN_STYLES,
    SURFACES,
    Mode,
    add_reference,
    label_colour,
    label_symbol,
    new_figure,
    percent,
)
from affexion_core.types import Origin

if TYPE_CHECKING:
    from affexion_core.differences.clip_map import ClipMap
    from affexion_core.differences.distributions import FigureDifference
    from affexion_core.differences.shortcuts import ShortcutReport

_N_POINTS = 120


def difference_rows(figures: Sequence[FigureDifference]) -> list[dict[str, str | int | float | None]]:
    """One row a figure for the data file: n, medians, distances with intervals."""
    return [
        {
            "figure": one.name,
            "unit": one.unit,
            "n_synthetic": one.n_a,
            "n_real": one.n_b,
            "median_synthetic": one.median_a,
            "median_real": one.median_b,
            "wasserstein_sd": one.wasserstein.value,
            "wasserstein_low": one.wasserstein.low,
            "wasserstein_high": one.wasserstein.high,
            "ks": one.ks.value,
            "ks_low": one.ks.low,
            "ks_high": one.ks.high,
        }
        for one in figures
    ]


def plot_differences(figures: Sequence[FigureDifference], mode: Mode = "light") -> go.Figure:
    """Draw one row a figure: its Wasserstein distance in standard deviations with the 95 % interval."""
    known = [one for one in figures if one.wasserstein.value is not None]
    parts = [f"{one.name} {one.wasserstein.value:.2f}" for one in known]
    alt = "Distance between synthetic and real clips in standard deviations: " + "; ".join(parts) + "."
    figure = new_figure(mode, alt, height=70 + 26 * max(3, len(known)))
    surface = SURFACES[mode]
    for place, one in enumerate(known):
        found = one.wasserstein
        figure.add_scatter(
            x=[found.low, found.high], y=[place] * 2, mode="lines", opacity=0.5, hoverinfo="skip",
            line={"color": surface.mark, "width": 5},
        )  # fmt: skip
        words = f"{one.name}: {found.value:.2f} sd ({found.low:.2f}–{found.high:.2f}), n = {one.n_a} and {one.n_b}"
        figure.add_scatter(
            x=[found.value], y=[place], mode="markers", hovertext=[words], hovertemplate="%{hovertext}<extra></extra>",
            marker={"size": 10, "color": surface.mark},
        )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(known))), ticktext=[one.name for one in known], range=[len(known) - 0.4, -0.6],
        showgrid=False, ticklabelstandoff=6,
    )  # fmt: skip
    figure.update_xaxes(title="distance in standard deviations", rangemode="tozero")
    return figure


def plot_density(name: str, unit: str, values: Mapping[Origin, np.ndarray], mode: Mode = "light") -> go.Figure:
    """Draw how a figure is spread on each side: real filled and solid, synthetic dashed; each of area one."""
    known = {origin: one[np.isfinite(one)] for origin, one in values.items()}
    medians = "; ".join(f"{origin} median {np.median(one):.3g}" for origin, one in known.items() if len(one))
    figure = new_figure(mode, f"Distribution of {name} in {unit}: {medians}.", height=210)
    every = np.concatenate(list(known.values()))
    if not len(every):
        return figure
    low, high = np.quantile(every, [0.005, 0.995])
    at = np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low) + 1e-9, _N_POINTS)
    curves = {origin: _density(one, at) for origin, one in known.items() if len(one)}
    for origin, curve in curves.items():
        style, one = ORIGIN_STYLES[origin], known[origin]
        # where it stands out most from the other side, so that words don't lie on the other's line
        others = sum((row for name, row in curves.items() if name != origin), np.zeros_like(at))
        place = int((curve - others).argmax())
        figure.add_scatter(
            x=at, y=curve, mode="lines", line={"color": style.colour, "width": 2.5, "dash": style.dash},
            fill="tozeroy" if origin == "real" else None, fillcolor="rgba(0,158,115,0.18)",
            hovertemplate=f"{origin}: %{{x:.3g}}<extra></extra>",
        )  # fmt: skip
        figure.add_annotation(
            x=at[place], y=curve[place], text=f"{origin} (n = {len(one)})", showarrow=False, yshift=10,
            **_beside_place(place / (_N_POINTS - 1), origin), font={"size": 12, "color": SURFACES[mode].text},
        )  # fmt: skip
    figure.update_yaxes(visible=False, rangemode="tozero")
    figure.update_xaxes(title=f"{name}, {unit}")
    figure.update_layout(margin={"l": 8, "r": 16, "t": 28, "b": 8})
    return figure


def _beside_place(share: float, origin: Origin) -> dict[str, str | int]:
    """Say where the words of a curve stand, ``share`` of the way along the axis: apart, and never beyond its ends."""
    if share > 0.7:
        return {"xanchor": "right", "xshift": 20}
    if share < 0.3:
        return {"xanchor": "left", "xshift": -20}
    return {"xanchor": "center", "xshift": -34 if origin == "real" else 34}


def _density(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Gaussian kernel density by Silverman's rule (1986), ``(n_points,)``."""
    spread = min(values.std(), np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.34) or values.std()
    width = max(0.9 * spread * len(values) ** -0.2, (at[-1] - at[0]) / 200, 1e-9)
    apart = (at[:, None] - values[None]) / width
    density: np.ndarray = np.exp(-0.5 * np.square(apart)).mean(axis=1) / width / np.sqrt(2 * np.pi)
    return density


def map_rows(made: ClipMap, ids: Sequence[str], n_first: int) -> list[dict[str, str | float]]:
    """One row a clip for the data file: place, side, and the nearest clip of the other side."""
    return [
        {
            "clip": id,
            "side": "synthetic" if place < n_first else "real",
            "x": float(made.places[place, 0]),
            "y": float(made.places[place, 1]),
            "nearest": ids[int(made.neighbour[place])],
        }
        for place, id in enumerate(ids)
    ]


def plot_map(
    made: ClipMap,
    ids: Sequence[str],
    words: Sequence[str],
    n_first: int,
    chosen: int | None,
    mode: Mode = "light",
    labels: Sequence[str] | None = None,
) -> go.Figure:
    """Draw the map: real filled, synthetic hollow; the chosen clip ringed and tied to its neighbour.

    Colours tell the sides apart, or the ``labels`` of clips where they are given.
    """
    n_real = len(ids) - n_first
    coloured = f", coloured by label ({', '.join(sorted(set(labels)))})" if labels else ""
    alt = f"Map of {n_first} synthetic and {n_real} real clips{coloured}: those that are alike lie close."
    figure = new_figure(mode, alt, height=420)
    for name, colour, symbol, rows in _groups_of_map(len(ids), n_first, labels):
        hollow = symbol.endswith("-open")
        opacity = 1.0 if hollow else 0.7
        figure.add_scatter(
            x=made.places[rows, 0], y=made.places[rows, 1], mode="markers", name=f"{name} (n = {len(rows)})",
            showlegend=True, customdata=[ids[row] for row in rows], text=[words[row] for row in rows],
            hovertemplate="%{text}<extra></extra>",
            # hollow marks are thin lines, which need their full colour to be seen
            marker={"symbol": symbol, "size": 9 if hollow else 8, "color": colour, "opacity": opacity,
                    "line": {"width": 2 if hollow else 0, "color": colour}},
            selected={"marker": {"opacity": opacity}}, unselected={"marker": {"opacity": opacity}},
        )  # fmt: skip
    if chosen is not None:
        pair = [chosen, int(made.neighbour[chosen])]
        figure.add_scatter(
            x=made.places[pair, 0], y=made.places[pair, 1], mode="lines+markers", hoverinfo="skip", showlegend=False,
            line={"color": SURFACES[mode].text, "width": 1.5, "dash": "dot"},
            marker={"symbol": "circle-open", "size": 16, "color": SURFACES[mode].text, "line": {"width": 2}},
        )  # fmt: skip
    shown = made.shown
    for axis, place in ((figure.update_xaxes, 0), (figure.update_yaxes, 1)):
        title = f"direction {place + 1}" + (f" ({percent(shown[place])} of variance)" if shown else "")
        axis(title=title, showticklabels=False)
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    figure.update_layout(showlegend=True, legend=legend, margin={"l": 8, "r": 16, "t": 36, "b": 8})
    return figure


def _groups_of_map(n: int, n_first: int, labels: Sequence[str] | None) -> list[tuple[str, str, str, list[int]]]:
    """Give name, colour, symbol and rows of the points that are drawn alike."""
    sides: tuple[tuple[Origin, range, str], ...] = (
        ("synthetic", range(n_first), "diamond-open"),
        ("real", range(n_first, n), "circle"),
    )
    if labels is None:
        return [(origin, ORIGIN_STYLES[origin].colour, symbol, list(rows)) for origin, rows, symbol in sides]
    found = []
    for label in sorted(set(labels)):
        for origin, rows, _ in sides:
            own = [row for row in rows if labels[row] == label]
            if own:
                shape = label_symbol(label) + ("-open" if origin == "synthetic" else "")
                found.append((f"{label}, {origin}", label_colour(label), shape, own))
    return found


def shortcut_rows(report: ShortcutReport) -> list[dict[str, str | int | float | bool | None]]:
    """One row a shortcut for the data file, figures as fractions."""
    rows: list[dict[str, str | int | float | bool | None]] = []
    for one in report.shortcuts:
        found = one.probe
        rows.append(
            {
                "from": one.name,
                "n": found.n if found else None,
                "uar": found.uar.value if found else None,
                "uar_low": found.uar.low if found else None,
                "uar_high": found.uar.high if found else None,
                "accuracy": found.accuracy.value if found else None,
                "p_holm": one.p_holm,
                "gives_labels_away": one.tells,
                "reason": one.reason,
            }
        )
    return rows


def plot_shortcuts(report: ShortcutReport, mode: Mode = "light") -> go.Figure:
    """Draw one row a shortcut: UAR with its 95 % interval against chance; those that give labels away filled."""
    known = [(one, one.probe) for one in report.shortcuts if one.probe is not None]
    parts = [f"{one.name} {percent(found.uar.value)}" for one, found in known]
    alt = f"UAR of labels predicted from one thing alone, chance {percent(1 / len(report.labels))}: "
    figure = new_figure(mode, alt + "; ".join(parts) + ".", height=80 + 34 * max(3, len(known)))
    surface = SURFACES[mode]
    for place, (one, found) in enumerate(known):
        colour = surface.mark if one.tells else surface.muted
        low, high, value = found.uar.low or 0.0, found.uar.high or 0.0, found.uar.value or 0.0
        figure.add_scatter(
            x=[low, high], y=[place] * 2, mode="lines", line={"color": colour, "width": 5 if one.tells else 2},
            opacity=0.5, hoverinfo="skip",
        )  # fmt: skip
        words = f"{one.name}: UAR {percent(value)} ({low * 100:.0f}–{high * 100:.0f}, n = {found.n})"
        figure.add_scatter(
            x=[value], y=[place], mode="markers", hovertext=[words], hovertemplate="%{hovertext}<extra></extra>",
            marker={"size": 11, "color": colour, "symbol": "circle" if one.tells else "circle-open"},
        )  # fmt: skip
        # on its own ground, so that the line of chance doesn't strike the number out
        figure.add_annotation(
            x=high, y=place, text=percent(value), showarrow=False, xanchor="left", xshift=4,
            bgcolor=surface.background, font={"color": surface.text},
        )  # fmt: skip
    add_reference(figure, mode, 1 / len(report.labels), "chance", "x")
    ticks = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0 %", "25", "50", "75", "100 %"]}
    figure.update_xaxes(range=[-0.02, 1.04], title="UAR on held-out clips", **ticks)
    figure.update_yaxes(
        tickvals=list(range(len(known))), ticktext=[one.name for one, _ in known], range=[len(known) - 0.4, -0.6],
        showgrid=False,
    )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 48, "t": 28, "b": 8})
    return figure
