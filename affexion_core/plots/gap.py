"""Figures of a gap study: the cells, the curve over a few real clips, and what each arm changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go

from affexion_core.plots.theme import ORIGIN_STYLES, SURFACES, Mode, add_reference, new_figure, percent

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.gap.result import ArmRow, Cell, Gap, Point

Metric = Literal["accuracy", "uar"]
METRIC_WORDS: dict[Metric, str] = {"accuracy": "accuracy", "uar": "UAR"}
_ROW = 54  # pixels that a row of the cells takes
_ARM_ROW = 34


def cell_title(cell: Cell) -> str:
    """Name a cell: ``synthetic → real``."""
    return f"{cell.trained} → {cell.measured}"


def _style(trained: str, mode: Mode) -> dict[str, Any]:
    """Give colour, line and marker of what a cell is trained on."""
    if trained == "mixed":
        return {"colour": SURFACES[mode].mark, "dash": "solid", "symbol": "diamond"}
    style = ORIGIN_STYLES["real" if trained == "real" else "synthetic"]
    return {
        "colour": style.colour,
        "dash": style.dash,
        "symbol": "circle" if style.marker == "filled" else "circle-open",
    }


def plot_cells(found: Gap, metric: Metric, mode: Mode = "light") -> go.Figure:
    """Draw each cell's figure with its 95 % interval, those of all draws, and what the source reports."""
    rows = found.cells
    figure = new_figure(
        mode, _cells_alt(found, metric), height=90 + _ROW * len(rows), margin={"l": 8, "r": 64, "t": 30, "b": 8}
    )
    for place, cell in enumerate(rows):
        _add_cell(figure, cell, len(rows) - 1 - place, metric, mode)
    figure.update_yaxes(
        tickvals=list(range(len(rows))), ticktext=[cell_title(cell) for cell in reversed(rows)], showgrid=False,
        range=[-0.6, len(rows) - 0.3],
    )  # fmt: skip
    figure.update_xaxes(
        range=[0, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 %", "25 %", "50 %", "75 %", "100 %"],
        title_text=METRIC_WORDS[metric],
    )  # fmt: skip
    add_reference(figure, mode, 1 / max(1, len(found.plan.labels)), f"chance of {len(found.plan.labels)} labels", "x")
    return figure


def _add_cell(figure: go.Figure, cell: Cell, y: float, metric: Metric, mode: Mode) -> None:
    reported = (cell.reported or {}).get(metric)
    if reported is not None:
        marker = {"symbol": "diamond-open", "size": 10, "color": SURFACES[mode].muted, "line": {"width": 2}}
        _mark(figure, [(reported / 100, y - 0.3)], [f"reported: {reported:g} %"], marker)
        figure.add_annotation(x=reported / 100, y=y - 0.3, text=f"reported {reported:g} %", showarrow=False,
                              xanchor="left", xshift=9, font={"size": 12, "color": SURFACES[mode].muted})  # fmt: skip
    if cell.scores is None:
        figure.add_annotation(x=0.5, y=y, text=cell.state, showarrow=False)
        return
    estimate, style = getattr(cell.scores, metric), _style(cell.trained, mode)
    _interval(figure, estimate, y, style)
    if cell.draws is not None:
        values = [
            value for value in (cell.draws.uars if metric == "uar" else cell.draws.accuracies) if value is not None
        ]
        if len(values) > 1:
            _mark(figure, [(value, y + 0.2) for value in values], [f"draw: {percent(value, 1)}" for value in values],
                  {"symbol": "line-ns", "size": 9, "line": {"width": 2, "color": style["colour"]}})  # fmt: skip
    if estimate.value is None:
        return
    words = f"{cell_title(cell)}: {_said(estimate)}"
    marker = {"symbol": style["symbol"], "size": 13, "color": style["colour"], "line": {"width": 2.5}}
    _mark(figure, [(estimate.value, y)], [words], marker)
    figure.add_annotation(x=estimate.high, y=y, text=percent(estimate.value), showarrow=False, xanchor="left", xshift=9,
                          font={"size": 13})  # fmt: skip


def _interval(figure: go.Figure, estimate: Estimate, y: float, style: dict[str, Any]) -> None:
    if estimate.low is None or estimate.high is None:
        return
    line = {"color": style["colour"], "width": 3, "dash": style["dash"]}
    figure.add_scatter(x=[estimate.low, estimate.high], y=[y, y], mode="lines", line=line, hoverinfo="skip")


def _mark(
    figure: go.Figure, places: Sequence[tuple[float, float]], hover: Sequence[str], marker: dict[str, Any]
) -> None:
    figure.add_scatter(
        x=[x for x, _ in places], y=[y for _, y in places], mode="markers", marker=marker, hovertext=list(hover),
        hovertemplate="%{hovertext}<extra></extra>", cliponaxis=False,
    )  # fmt: skip


def _said(estimate: Estimate) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"undefined: {estimate.reason}"
    return f"{percent(estimate.value, 1)} ({100 * estimate.low:.0f}–{100 * estimate.high:.0f}, n = {estimate.n})"


def _cells_alt(found: Gap, metric: Metric) -> str:
    parts = [f"{cell_title(cell)} {_said(getattr(cell.scores, metric)) if cell.scores else cell.state}"
             for cell in found.cells]  # fmt: skip
    return f"{METRIC_WORDS[metric].capitalize()} by cell: {'; '.join(parts)}."


def cell_rows(found: Gap) -> list[dict[str, object]]:
    """One row a cell for the data file: figures as fractions with limits, n, stamp, and what is reported."""
    rows = []
    for cell in found.cells:
        row: dict[str, object] = {"trained_on": cell.trained, "measured_on": cell.measured, "state": cell.state}
        for name in ("accuracy", "uar", "macro_f1"):
            estimate = getattr(cell.scores, name) if cell.scores else None
            row |= _columns(name, estimate)
            row[f"reported_{name}_percent"] = (cell.reported or {}).get(name)
        rows.append({**row, "n": cell.scores.n if cell.scores else None, "stamp": cell.stamp})
    return rows


def _columns(name: str, estimate: Estimate | None) -> dict[str, object]:
    figures = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))


def plot_curve(found: Gap, metric: Metric, mode: Mode = "light") -> go.Figure:
    """Draw the mean over draws with its band against the real clips of each label, and every draw as a dot."""
    points = [(place, point) for place, point in enumerate(found.curve) if point.figures is not None]
    figure = new_figure(mode, _curve_alt(found, metric), height=360, margin={"l": 8, "r": 24, "t": 22, "b": 8})
    style = _style("mixed", mode)
    known = [(place, getattr(point.figures, metric)) for place, point in points]
    known = [(place, estimate) for place, estimate in known if estimate.value is not None]
    xs = [place for place, _ in known]
    figure.add_scatter(
        x=[*xs, *reversed(xs)], y=[*(e.high for _, e in known), *(e.low for _, e in reversed(known))],
        fill="toself", mode="lines", line={"width": 0}, fillcolor=style["colour"], opacity=0.2, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(x=xs, y=[e.value for _, e in known], mode="lines", line={"color": style["colour"], "width": 2.5},
                       hoverinfo="skip")  # fmt: skip
    for place, point in points:
        assert point.figures is not None
        draws = point.figures.uars if metric == "uar" else point.figures.accuracies
        _mark(figure, [(place, value) for value in draws if value is not None],
              [f"draw {k}: {percent(value, 1)}" for k, value in enumerate(draws, start=1) if value is not None],
              {"symbol": "circle", "size": 6, "color": SURFACES[mode].muted})  # fmt: skip
    for place, estimate in known:
        line = {"color": style["colour"], "width": 2}
        figure.add_scatter(x=[place, place], y=[estimate.low, estimate.high], mode="lines", line=line, hoverinfo="skip")
        own = _style("synthetic" if found.curve[place].size == 0 else "mixed", mode)
        marker = {"symbol": own["symbol"], "size": 12, "color": own["colour"], "line": {"width": 2.5}}
        _mark(figure, [(place, estimate.value)], [f"mean: {_said(estimate)}"], marker)
        figure.add_annotation(x=place, y=estimate.high, text=percent(estimate.value), showarrow=False, yshift=14)
    ticks = [f"{point.size}" for point in found.curve]
    figure.update_xaxes(tickvals=list(range(len(ticks))), ticktext=ticks, showgrid=False,
                        title_text="real clips of each label beside the synthetic ones",
                        range=[-0.4, len(ticks) - 0.6])  # fmt: skip
    figure.update_yaxes(range=[0, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], title_text=METRIC_WORDS[metric],
                        ticktext=["0 %", "25 %", "50 %", "75 %", "100 %"])  # fmt: skip
    add_reference(figure, mode, 1 / max(1, len(found.plan.labels)), "chance", "y", annotation_position="bottom right")
    return figure


def _curve_alt(found: Gap, metric: Metric) -> str:
    parts = [f"{point.size}: {_said(getattr(point.figures, metric)) if point.figures else point.state}"
             for point in found.curve]  # fmt: skip
    return f"{METRIC_WORDS[metric].capitalize()} by real clips of each label: {'; '.join(parts)}."


def curve_rows(found: Gap) -> list[dict[str, object]]:
    """One row a point for the data file, with the figures of each draw and the effect against no real clip."""
    return [_point_row(point) for point in found.curve]


def _point_row(point: Point) -> dict[str, object]:
    row: dict[str, object] = {"real_clips_a_label": point.size, "real_clips_in_all": point.added, "state": point.state}
    for name in ("accuracy", "uar"):
        row |= _columns(name, getattr(point.figures, name) if point.figures else None)
        row |= _columns(f"{name}_effect", getattr(point.effect, name) if point.effect else None)
    draws = point.figures.uars if point.figures else ()
    return {
        **row,
        "uar_by_draw": " ".join(f"{value:.4f}" for value in draws if value is not None),
        "stamp": point.stamp,
    }


def plot_arms(found: Gap, metric: Metric, mode: Mode = "light") -> go.Figure:
    """Draw what each arm changes in percentage points, with its 95 % interval, and each seed as a tick."""
    rows = [row for row in found.arms if row.effect is not None and getattr(row.effect, metric).value is not None]
    figure = new_figure(mode, _arms_alt(rows, metric), height=80 + _ARM_ROW * max(1, len(rows)),
                        margin={"l": 8, "r": 24, "t": 24, "b": 8})  # fmt: skip
    widest = 0.1
    for place, row in enumerate(rows):
        y = len(rows) - 1 - place
        estimate = getattr(row.effect, metric)
        _interval(figure, estimate, y, {"colour": SURFACES[mode].mark, "dash": "solid"})
        draws = [
            value for value in getattr(row.effect, "uars" if metric == "uar" else "accuracies") if value is not None
        ]
        _mark(figure, [(value, y + 0.28) for value in draws], [f"seed: {change(value)}" for value in draws],
              {"symbol": "line-ns", "size": 6, "line": {"width": 2, "color": SURFACES[mode].muted}})  # fmt: skip
        symbol = "circle-open" if verdict_of(estimate) == "open" else "circle"
        marker = {"symbol": symbol, "size": 11, "color": SURFACES[mode].mark, "line": {"width": 2.5}}
        _mark(figure, [(estimate.value, y)], [f"{row.arm.title}: {effect_words(estimate)}"], marker)
        widest = max(widest, *(abs(value) for value in (estimate.low, estimate.high, *draws)))
    figure.add_vline(x=0, line={"color": SURFACES[mode].muted, "width": 1.5})
    names = [f"{row.arm.title}{' *' if row.arm.adapts else ''}" for row in reversed(rows)]
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=names, showgrid=False, range=[-0.6, len(rows) - 0.3])
    limit = 1.1 * widest
    figure.update_xaxes(
        range=[-limit, limit], tickformat="+.0%", title_text=f"change of {METRIC_WORDS[metric]}, points"
    )
    figure.update_xaxes(tickvals=(ticks := _ticks(limit)), ticktext=[change(value) for value in ticks])
    for x, words, anchor in ((0, "worse ◀ ", "right"), (0, " ▶ better", "left")):
        figure.add_annotation(x=x, y=1, yref="paper", yanchor="bottom", xanchor=anchor, text=words, showarrow=False,
                              font={"size": 12, "color": SURFACES[mode].muted})  # fmt: skip
    return figure


def _ticks(limit: float) -> list[float]:
    step = next(step for step in (0.05, 0.1, 0.2, 0.5, 1.0) if limit / step <= 5 or step == 1.0)
    n = int(limit / step)
    return [k * step for k in range(-n, n + 1)]


def verdict_of(estimate: Estimate) -> str:
    """Say whether a difference is ``better`` or ``worse`` by more than chance, or ``open``."""
    if estimate.low is None or estimate.high is None or estimate.low <= 0 <= estimate.high:
        return "open"
    return "better" if estimate.low > 0 else "worse"


def change(value: float) -> str:
    """Write a difference in points: ``+5``, ``−3``, ``0``."""
    rounded = round(100 * value)
    return "0" if rounded == 0 else f"{rounded:+d}".replace("-", "−")


def effect_words(estimate: Estimate) -> str:
    """Write a difference with its interval: ``+5 points (−2 to +12, n = 52)``."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"undefined: {estimate.reason}"
    limits = f"{change(estimate.low)} to {change(estimate.high)}"
    return f"{change(estimate.value)} points ({limits}, n = {estimate.n})"


def _arms_alt(rows: Sequence[ArmRow], metric: Metric) -> str:
    parts = [f"{row.arm.title} {effect_words(getattr(row.effect, metric))}" for row in rows]
    return f"Change of {METRIC_WORDS[metric]} by arm: {'; '.join(parts) or 'none yet'}."


def arm_rows(found: Gap) -> list[dict[str, object]]:
    """One row an arm for the data file: figures without and with it, the effect with limits, and stamps."""
    rows = []
    for each in found.arms:
        row: dict[str, object] = {"arm": each.arm.name, "state": each.state, "reason": each.reason}
        for name in ("accuracy", "uar"):
            row |= _columns(f"{name}_without", getattr(each.without, name) if each.without else None)
            row |= _columns(f"{name}_with", getattr(each.figures, name) if each.figures else None)
            row |= _columns(f"{name}_effect", getattr(each.effect, name) if each.effect else None)
        n = each.effect.uar.n if each.effect else None
        rows.append({**row, "n": n, "saw_unlabelled_real_clips": each.arm.adapts, "stamp": each.stamp})
    return rows
