"""Figures of a sweep: what each value came to, on held-out folds and on the test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, new_figure, percent
from affexion_core.training.space import said

if TYPE_CHECKING:
    from affexion_core.evaluation.folds import FoldSpread
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.training.sweep_result import Sweep, SweepRow

# Values side by side: folds left of the middle, test right of it, so that their bars don't cover each other.
_LEFT, _RIGHT = -0.14, 0.14
# More trials than this are named by their number only, as their values don't fit.
_MOST_NAMED = 12


def plot_sweep(sweep: Sweep, mode: Mode = "light") -> go.Figure:
    """Draw the accuracy of each value: over the folds with their range, and on the test set with its 95 % interval.

    What the space's source reports of real clips stands beside as hollow markers. The best trial is marked; pruned and
    failed ones keep their place and say so. A sweep that was selected on the test set says so in the figure.
    """
    rows = sweep.rows
    # the names of the last marks stand in the margin
    figure = new_figure(mode, _alt(sweep), height=400, margin={"l": 8, "r": 92, "t": 12, "b": 8})
    _add_folds(figure, rows, mode)
    _add_test(figure, rows, mode)
    _add_reported(figure, rows, mode)
    for place, row in enumerate(rows):
        if row.state != "done":
            figure.add_annotation(x=place, y=0.02, text=_unfinished(row), showarrow=False, yanchor="bottom")
    names = [_name(row, rows) for row in rows]
    ticks = [f"<b>{name}</b><br>best" if row.number == sweep.best else name
             for name, row in zip(names, rows, strict=True)]  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(rows))), ticktext=ticks, title_text=_axis(rows), showgrid=False,
        range=[-0.6, max(len(rows), 1) - 0.6],
    )  # fmt: skip
    figure.update_yaxes(
        range=[0, 1.08], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0 %", "25 %", "50 %", "75 %", "100 %"],
        title_text="accuracy",
    )  # fmt: skip
    if len(sweep.run.labels) > 1:
        add_reference(figure, mode, 1 / len(sweep.run.labels), "chance", "y")
    if sweep.stamp:
        figure.add_annotation(
            text=f"<b>{sweep.stamp}</b>", showarrow=False,
            x=1, y=1, xref="paper", yref="paper", xanchor="right", yanchor="bottom",
        )  # fmt: skip
        figure.update_layout(margin={"t": 34})
    return figure


def sweep_rows(sweep: Sweep) -> list[dict[str, object]]:
    """One row a trial for the data file: values, state, figures as fractions with their limits, and stamps."""
    return [
        {
            "trial": row.number,
            **{name: _value(name, value) for name, value in row.values.items()},
            "state": row.state,
            "best": row.number == sweep.best,
            "selected_on": sweep.selected_on,
            **_spread_columns("cv_uar", row.uar),
            **_spread_columns("cv_accuracy", row.accuracy),
            "cv_stamp": row.cv_stamp,
            **_estimate_columns("test_uar", row.test.uar if row.test else None),
            **_estimate_columns("test_accuracy", row.test.accuracy if row.test else None),
            "test_n": row.test.n if row.test else None,
            "test_stamp": row.test_stamp,
            "reported_real_accuracy": _reported(row),
        }
        for row in sweep.rows
    ]


def _spread_columns(name: str, spread: FoldSpread | None) -> dict[str, float | None]:
    figures = (None, None, None) if spread is None else (spread.mean, spread.low, spread.high)
    return dict(zip((f"{name}_mean", f"{name}_lowest_fold", f"{name}_highest_fold"), figures, strict=True))


def _estimate_columns(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    figures = (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), figures, strict=True))


def _add_folds(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> None:
    colour = SURFACES[mode].mark
    known = [(place, row.accuracy) for place, row in enumerate(rows)
             if row.accuracy is not None and row.accuracy.mean is not None]  # fmt: skip
    for place, spread in known:
        _add_bar(figure, place + _LEFT, spread.low, spread.high, colour)
    hover = [
        f"{said(rows[place].values)}: {percent(spread.mean, 1)} over {len(spread.values)} held-out folds "
        f"({_from_to(spread.low, spread.high)})"
        for place, spread in known
    ]
    marks = [(place + _LEFT, spread.mean) for place, spread in known]
    _add_marks(figure, marks, hover, {"color": colour, "size": 11, "symbol": "circle"})
    _label_last(figure, marks, "held-out folds", colour, "right")


def _add_test(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> None:
    colour = SURFACES[mode].text
    known = [(place, row.test) for place, row in enumerate(rows)
             if row.test is not None and row.test.accuracy.value is not None]  # fmt: skip
    for place, scores in known:
        _add_bar(figure, place + _RIGHT, scores.accuracy.low, scores.accuracy.high, colour)
    hover = [
        f"{said(rows[place].values)}: {percent(scores.accuracy.value, 1)} on the test set "
        f"({_from_to(scores.accuracy.low, scores.accuracy.high)}, n = {scores.n})"
        for place, scores in known
    ]
    marks = [(place + _RIGHT, scores.accuracy.value) for place, scores in known]
    _add_marks(figure, marks, hover, {"color": colour, "size": 11, "symbol": "diamond"})
    n = f", n = {known[-1][1].n}" if known else ""
    _label_last(figure, marks, f"test set{n}", colour, "left")


def _add_reported(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> None:
    colour = SURFACES[mode].muted
    known = [(place, figure_of) for place, row in enumerate(rows) if (figure_of := _reported(row)) is not None]
    hover = [f"{said(rows[place].values)}: {percent(value, 1)} on real clips, as reported" for place, value in known]
    marks = [(place + _RIGHT, value) for place, value in known]
    style = {"color": colour, "size": 12, "symbol": "diamond-open", "line": {"width": 2}}
    _add_marks(figure, marks, hover, style)
    _label_last(figure, marks, "reported", colour, "left")


def _add_bar(figure: go.Figure, x: float, low: float | None, high: float | None, colour: str) -> None:
    line = {"color": colour, "width": 4}
    figure.add_scatter(x=[x, x], y=[low, high], mode="lines", line=line, opacity=0.4, hoverinfo="skip")


def _add_marks(
    figure: go.Figure, marks: Sequence[tuple[float, float | None]], hover: list[str], style: dict[str, object]
) -> None:
    figure.add_scatter(
        x=[x for x, _ in marks],
        y=[y for _, y in marks],
        mode="markers",
        marker=style,
        hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _label_last(
    figure: go.Figure, marks: Sequence[tuple[float, float | None]], words: str, colour: str, anchor: str
) -> None:
    """Name a series at its last mark, on the side away from its neighbour."""
    if marks:
        x, y = marks[-1]
        figure.add_annotation(
            x=x, y=y, text=words, showarrow=False, font={"color": colour, "size": 12}, xanchor=anchor,
            xshift=10 if anchor == "left" else -10,
        )  # fmt: skip


def _reported(row: SweepRow) -> float | None:
    """Give the accuracy on real clips that a source reports for a row's values, 0 to 1."""
    figures = row.reported.figures.get("real", {}) if row.reported else {}
    return figures["accuracy"] / 100 if "accuracy" in figures else None


def _name(row: SweepRow, rows: Sequence[SweepRow]) -> str:
    if len(row.values) == 1:
        return "".join(_value(name, value) for name, value in row.values.items())
    if len(rows) > _MOST_NAMED:
        return f"{row.number}"
    return said(row.values).replace(", ", "<br>")


def _unfinished(row: SweepRow) -> str:
    n = len(row.accuracy.values) if row.accuracy else 0
    return f"{row.state}<br>after {n} fold{'' if n == 1 else 's'}" if n else row.state


def _value(name: str, value: Any) -> str:
    return said({name: value}).removeprefix(f"{name} ")


def _axis(rows: Sequence[SweepRow]) -> str:
    names = list(rows[0].values) if rows else []
    return names[0] if len(names) == 1 else "trial" if len(rows) > _MOST_NAMED else ""


def _from_to(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{100 * low:.0f}–{100 * high:.0f}"


def _alt(sweep: Sweep) -> str:
    parts = []
    for row in sweep.rows:
        words = [f"{percent(row.accuracy.mean)} over folds"] if row.accuracy else []
        if row.test:
            words.append(f"{percent(row.test.accuracy.value)} on {row.test.n} test clips")
        if (value := _reported(row)) is not None:
            words.append(f"{percent(value)} reported")
        if row.state != "done":
            words.append(row.state)
        parts.append(f"{said(row.values)} {', '.join(words)}")
    by = "the test set" if sweep.stamp else "the folds"
    best = f" Best by {by}: {said(sweep.row(sweep.best).values)}." if sweep.best is not None else ""
    stamp = f" {sweep.stamp[0].upper()}{sweep.stamp[1:]}." if sweep.stamp else ""
    return f"Accuracy by value: {'; '.join(parts) or 'no trial yet'}.{best}{stamp}"
