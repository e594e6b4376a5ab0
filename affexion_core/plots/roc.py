"""ROC and precision–recall curves, one label against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, label_colour, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.curves import Curve
    from affexion_core.evaluation.scores import Estimate

Kind = Literal["roc", "pr"]
_AXES = {"roc": ("false positives among the others", "recall"), "pr": ("recall", "precision")}
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_TICKS = {"tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0 %", "25", "50", "75", "100 %"], "range": [-0.02, 1.02]}


def curve_rows(curves: Sequence[Curve], kind: Kind) -> list[dict[str, str | int | float | None]]:
    """One row a point for the data file, each with its label's area and interval, as fractions."""
    x, y = ("false_positive_rate", "true_positive_rate") if kind == "roc" else ("recall", "precision")
    rows: list[dict[str, str | int | float | None]] = []
    for curve in curves:
        area = _area(curve, kind)
        known = {"n": curve.n, "area": area.value, "low": area.low, "high": area.high, "method": area.method}
        rows += [{"label": curve.label, x: float(a), y: float(b), **known} for a, b in getattr(curve, kind)]
    return rows


def plot_curves(curves: Sequence[Curve], kind: Kind, mode: Mode = "light") -> go.Figure:
    """Draw each label's curve, with what a blind guess reaches as a thin line, and areas with intervals beside it."""
    figure = new_figure(mode, _alt(curves, kind), height=360)
    if kind == "roc":
        line = {"color": SURFACES[mode].muted, "width": 1, "dash": "dot"}
        figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for place, curve in enumerate(curves):
        points, area = getattr(curve, kind), _area(curve, kind)
        style = {"color": label_colour(curve.label), "width": 2.5, "dash": _DASHES[place % len(_DASHES)]}
        figure.add_scatter(
            x=points[:, 0],
            y=points[:, 1],
            mode="lines",
            # between the thresholds precision doesn't run straight
            line={**style, "shape": "linear" if kind == "roc" else "hv"},
            name=f"<b>{curve.label}</b>  {_area_words(area)}",
            hovertemplate=f"{curve.label}: {_AXES[kind][0]} %{{x:.0%}}, {_AXES[kind][1]} %{{y:.0%}}<extra></extra>",
            showlegend=True,
        )
    figure.update_xaxes(title=_AXES[kind][0], **_TICKS)
    figure.update_yaxes(title=_AXES[kind][1], **_TICKS)
    legend = {"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "bgcolor": "rgba(0,0,0,0)"}
    figure.update_layout(showlegend=True, legend=legend)
    return figure


def _area(curve: Curve, kind: Kind) -> Estimate:
    return curve.auc if kind == "roc" else curve.average_precision


def _area_words(area: Estimate) -> str:
    if area.value is None or area.low is None or area.high is None:
        return f"undefined: {area.reason}"
    return f"{percent(area.value)} ({area.low * 100:.0f}–{area.high * 100:.0f})"


def _alt(curves: Sequence[Curve], kind: Kind) -> str:
    name, area = ("ROC curves", "area") if kind == "roc" else ("Precision–recall curves", "average precision")
    parts = [f"{curve.label} {area} {_area_words(_area(curve, kind))}" for curve in curves]
    return f"{name}, one label against the rest: " + "; ".join(parts) + "."
