"""Figures of a sweep: what each value came to, on held-out folds and on the test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, add_reference, new_figure, percent
from affexion_core.training.space import said

if TYPE_CHECKING:
    from affexion_core.evaluation.folds import FoldSpread
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.training.sweep_result import Difference, Sweep, SweepRow

Verdict = Literal["worse", "better", "open"]
# Values side by side: folds left of the middle, test right of it, so that their bars don't cover each other.
_LEFT, _RIGHT = -0.14, 0.14
# Room that a line of text takes on the axis.
_LINE, _TOP = 0.06, 1.04
# More trials than this are named by their number only, as their values don't fit.
_MOST_NAMED = 12
# Below this a paired test's p, raised for the number of pairs, is more than noise.
_NOISE = 0.05
# A caption lists no more trials than this.
_MOST_SAID = 6


@dataclass(frozen=True)
class _End:
    """Where a series ends, 0 to 1, and its name with its mark."""

    y: float
    words: str
    colour: str


def plot_sweep(sweep: Sweep, mode: Mode = "light") -> go.Figure:
    """Draw the accuracy of each value: over the folds with their range, and on the test set with its 95 % interval.

    What the space's source reports of real clips stands beside as hollow markers. The best trial is marked; pruned and
    failed ones keep their place and say so. A sweep that was selected on the test set says so in the figure.
    """
    rows = sweep.rows
    # the names of the last marks stand in the margin
    figure = new_figure(mode, _alt(sweep), height=400, margin={"l": 8, "r": 100, "t": 12, "b": 8})
    ends = [_add_folds(figure, rows, mode), _add_test(figure, rows, mode), _add_reported(figure, rows, mode)]
    _name_series(figure, [end for end in ends if end is not None], max(len(rows), 1) - 1 + _RIGHT)
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


def sweep_caption(sweep: Sweep) -> str:
    """Say what the marks of the figure are, with n, and which differences from the best are more than chance."""
    done = [row for row in sweep.rows if row.state == "done"]
    tested = next((row.test for row in done if row.test), None)
    n_folds = len(sweep.plan.folds)
    parts = [f"{len(done)} of {sweep.plan.n_trials} trials. Left marks: mean of {n_folds} folds, lowest to highest"]
    if tested:
        parts.append(f"right: {tested.n} test clips, 95 % interval")
    if any(_reported(row) is not None for row in sweep.rows):
        parts.append("hollow: as reported by the source, on other clips")
    return f"{'; '.join(parts)}. {differences_words(sweep)}"


def differences_words(sweep: Sweep) -> str:
    """Say in words which trials differ from the best by more than chance, as the paired tests have it."""
    if sweep.best is None or not sweep.run.finished:
        return "Which differences are more than chance is tested when all trials are done."
    found = [(row, against) for row in sweep.rows if (against := sweep.against_best(row.number)) is not None]
    if not found:
        return "There is no second trial to compare the best with."
    on = f"{found[0][1].comparison.n} {'test' if found[0][1].part == 'test' else 'held-out'} clips"
    values = sweep.row(sweep.best).values
    best = said(values) if len(values) == 1 else _short(sweep, sweep.best)
    verdicts = {"worse": "worse than {best} by more than chance", "better": "better than {best} by more than chance",
                "open": "not told apart from {best}"}  # fmt: skip
    parts = []
    for verdict, words in verdicts.items():
        names = [_short(sweep, row.number) for row, against in found if verdict_of(against) == verdict]
        parts += [f"{words.format(best=best)}: {_some(names)}"] if names else []
    return f"Clip by clip on the same {on}, {'; '.join(parts)}."


def verdict_of(against: Difference) -> Verdict:
    """Say how a trial stands to the best one: by a paired test ``worse`` or ``better``, or ``open`` where by chance.

    The best was chosen by other figures than the test compares, so that a trial can do better in it.
    """
    lead = against.comparison.accuracy_difference.value
    if against.adjusted_p >= _NOISE or not lead:
        return "open"
    return "worse" if lead > 0 else "better"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SAID} more" if len(names) > _MOST_SAID else ""
    return ", ".join(names[:_MOST_SAID]) + more


def _short(sweep: Sweep, number: int) -> str:
    """Name a trial in a caption: by its value where one setting is tried, else by its number."""
    values = sweep.row(number).values
    return "".join(_value(name, value) for name, value in values.items()) if len(values) == 1 else f"trial {number}"


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


def _add_folds(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> _End | None:
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
    return _End(known[-1][1].mean or 0.0, "● folds", colour) if known else None


def _add_test(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> _End | None:
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
    if not known:
        return None
    scores = known[-1][1]
    return _End(scores.accuracy.value or 0.0, f"◆ test, n = {scores.n}", colour)


def _add_reported(figure: go.Figure, rows: Sequence[SweepRow], mode: Mode) -> _End | None:
    colour = SURFACES[mode].muted
    known = [(place, figure_of) for place, row in enumerate(rows) if (figure_of := _reported(row)) is not None]
    hover = [f"{said(rows[place].values)}: {percent(value, 1)} on real clips, as reported" for place, value in known]
    marks = [(place + _RIGHT, value) for place, value in known]
    style = {"color": colour, "size": 12, "symbol": "diamond-open", "line": {"width": 2}}
    _add_marks(figure, marks, hover, style)
    return _End(known[-1][1], "◇ reported", colour) if known else None


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


def _name_series(figure: go.Figure, ends: Sequence[_End], x: float) -> None:
    """Name the series right of their last marks, each as near to its own as its neighbours leave room."""
    ordered = sorted(ends, key=lambda end: end.y)
    places: list[float] = []
    for end in ordered:
        places.append(max(end.y, places[-1] + _LINE if places else 0.0))
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - _LINE if i + 1 < len(places) else _TOP)
    for end, y in zip(ordered, places, strict=True):
        figure.add_annotation(
            x=x, y=y, text=end.words, showarrow=False, font={"color": end.colour, "size": 12}, xanchor="left", xshift=10
        )


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
