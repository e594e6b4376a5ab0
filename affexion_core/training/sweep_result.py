"""What a sweep has come to: a row a trial, the best of them, and which differences are more than noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from affexion_core.errors import ModelError, TrainingError
from affexion_core.evaluation.folds import FoldSpread, spread
from affexion_core.evaluation.measuring import headline
from affexion_core.evaluation.paired import Comparison, compare
from affexion_core.evaluation.scores import Scores, estimate_from_json
from affexion_core.evaluation.selection import SELECTED_ON_TEST
from affexion_core.run_folder import (
    finished,
    read_evaluation,
    read_json,
    read_predictions,
    read_run,
    write_json,
)
from affexion_core.store.clips import get_clips
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.space import Reported, Space, combinations, plain_value, reported_for
from affexion_core.training.sweep import (
    SweepPlan,
    TrialState,
    read_note,
    read_plan,
    stamped,
)
from affexion_core.types import Run

_DIFFERENCES = "differences.json"


@dataclass(frozen=True)
class SweepRow:
    """One trial: its values and what it came to. What it has not come to is None.

    ``reason`` says why it was pruned or failed. ``accuracy`` and ``uar`` spread over its folds (so far, where it was
    pruned); ``cv`` holds the held-out clips of all folds together, ``test`` the test clips by the mean of the fold
    models; each with its ``stamp``. ``reported`` is what the space's source says of these values.
    """

    number: int
    run_id: str
    folder: Path
    values: Mapping[str, Any]
    state: TrialState
    reason: str | None
    accuracy: FoldSpread | None
    uar: FoldSpread | None
    cv: Scores | None = None
    cv_stamp: str | None = None
    test: Scores | None = None
    test_stamp: str | None = None
    reported: Reported | None = None


@dataclass(frozen=True)
class Difference:
    """Trial ``a`` against trial ``b`` on the same clips, clip by clip: ``test`` clips, or held-out ``cv`` clips.

    ``adjusted_p`` is the McNemar test's p, raised for the number of pairs compared (Holm): below 0.05 the difference
    is more than noise.
    """

    a: int
    b: int
    part: str
    comparison: Comparison
    adjusted_p: float


@dataclass(frozen=True)
class Sweep:
    """A sweep as it stands. ``rows`` are in the order of the space's values, for TPE with several in that of trials.

    ``best`` is the number of the best trial, by mean UAR over the folds, or by UAR on the test set where that was
    asked for; None while none has come to its end. ``differences`` are there once the sweep is finished.
    """

    run: Run
    plan: SweepPlan
    rows: tuple[SweepRow, ...]
    best: int | None
    differences: tuple[Difference, ...]

    @property
    def space(self) -> Space:
        """What was tried."""
        return self.plan.space

    @property
    def stamp(self) -> str | None:
        """What every figure of it carries, if anything: that it was selected on the test set."""
        return SELECTED_ON_TEST if self.plan.select_on_test else None

    @property
    def selected_on(self) -> str:
        """``cv`` or ``test``: by what the best trial was chosen."""
        return "test" if self.plan.select_on_test else "cv"

    def row(self, number: int) -> SweepRow:
        """Give the row of a trial."""
        return next(row for row in self.rows if row.number == number)

    def against_best(self, number: int) -> Difference | None:
        """Give the paired test of the best trial against another."""
        return next((found for found in self.differences if (found.a, found.b) == (self.best, number)), None)


def read_sweep(folder: Path) -> Sweep:
    """Read a sweep's folder, finished or not.

    Raises
    ------
    ModelError
        If it is no sweep, or damaged.
    """
    run, planned = read_run(folder), read_plan(folder)
    notes = [path for path in (folder / "trials").glob("*/trial.json") if path.parent.name.isdigit()]
    rows = [_row(path.parent, planned, run) for path in sorted(notes, key=lambda path: int(path.parent.name))]
    return Sweep(run, planned, _in_order(rows, planned), choose_best(rows, planned), _read_differences(folder))


def _row(folder: Path, planned: SweepPlan, sweep: Run) -> SweepRow:
    note = read_note(folder)
    done = note.state == "done"
    cv = read_evaluation(folder, "cv") if done else None
    test = read_evaluation(folder, planned.test_name) if done and planned.test_name else None
    return SweepRow(
        number=note.number,
        run_id=read_run(folder).id,
        folder=folder,
        values=note.values,
        state=note.state,
        reason=note.reason,
        accuracy=spread(tuple(fold["accuracy"] for fold in note.folds)) if note.folds else None,
        uar=spread(tuple(fold["uar"] for fold in note.folds)) if note.folds else None,
        cv=cv.scores if cv else None,
        cv_stamp=stamped(cv.stamp, planned) if cv else None,
        test=test.scores if test else None,
        test_stamp=stamped(test.stamp, planned) if test else None,
        reported=reported_for(planned.space, note.values, sweep.labels),
    )


def _in_order(rows: Sequence[SweepRow], planned: SweepPlan) -> tuple[SweepRow, ...]:
    if planned.sampler == "grid":
        order = {_key(values): place for place, values in enumerate(combinations(planned.space))}
        return tuple(sorted(rows, key=lambda row: order.get(_key(row.values), len(order))))
    if len(planned.space.parameters) == 1:
        (name,) = planned.space.parameters
        choices = [plain_value(choice) for choice in planned.space.parameters[name].choices]
        return tuple(sorted(rows, key=lambda row: choices.index(row.values[name]) if choices else row.values[name]))
    return tuple(rows)


def _key(values: Mapping[str, Any]) -> str:
    return json.dumps(dict(values), sort_keys=True)


def selection_figure(row: SweepRow, planned: SweepPlan) -> float | None:
    """Give the figure by which trials are chosen; None where a trial has none."""
    if row.state != "done":
        return None
    if planned.select_on_test:
        return row.test.uar.value if row.test else None
    return row.uar.mean if row.uar else None


def choose_best(rows: Sequence[SweepRow], planned: SweepPlan) -> int | None:
    """Choose the trial with the greatest figure, the first of equals; None while there is none."""
    figures = {row.number: selection_figure(row, planned) for row in rows}
    known = {number: figure for number, figure in figures.items() if figure is not None}
    return min(known, key=lambda number: (-known[number], number), default=None)


def finish_sweep(store: Store, folder: Path) -> Sweep:
    """Compare the trials, write the headline figures of the best into the sweep's description, and close it.

    Raises
    ------
    TrainingError
        If no trial has come through.
    """
    sweep = read_sweep(folder)
    if sweep.best is None:
        reasons = "; ".join(sorted({row.reason for row in sweep.rows if row.reason})) or "there is none"
        raise TrainingError(f"No trial of sweep {sweep.run.id} has come to a figure: {reasons}")
    differences = compare_trials(store, sweep)
    write_json(folder / _DIFFERENCES, [asdict(found) for found in differences])
    best = sweep.row(sweep.best)
    measured = read_evaluation(best.folder, sweep.plan.test_name or "cv")
    chosen = {"trial": best.number, "values": dict(best.values), "selected_on": sweep.selected_on}
    done = finished(sweep.run, {**headline(measured), "best": chosen})
    path = folder / "run.json"
    write_json(path, {**read_json(path), "finished": done.finished, "summary": dict(done.summary)})
    save_run(store, done)
    return read_sweep(folder)


def compare_trials(store: Store, sweep: Sweep) -> tuple[Difference, ...]:
    """Test the best trial against each other one, and neighbours on a single parameter against each other.

    On the test clips where there are any, else on the held-out clips of the folds.
    """
    best = sweep.best
    if best is None:
        return ()
    done = {row.number: row for row in sweep.rows if row.state == "done"}
    pairs = [(best, number) for number in done if number != best]
    if len(sweep.space.parameters) == 1:
        pairs += [pair for pair in pairwise(done) if best not in pair]
    part, name = ("test", sweep.plan.test_name) if sweep.plan.test_name else ("cv", "cv")
    compared = [_compare(store, done[a], done[b], name) for a, b in pairs]
    adjusted = holm([found.mcnemar_p for found in compared])
    rows = zip(pairs, compared, adjusted, strict=True)
    return tuple(Difference(a, b, part, found, p) for (a, b), found, p in rows)


def _compare(store: Store, one: SweepRow, other: SweepRow, name: str) -> Comparison:
    labels = read_evaluation(one.folder, name).scores.labels
    mine = read_predictions(one.folder, name)
    theirs = {row.clip_id: row.predicted for row in read_predictions(other.folder, name)}
    speakers = [clip.speaker for clip in get_clips(store, [row.clip_id for row in mine])]
    return compare(
        [row.reference for row in mine],
        [row.predicted for row in mine],
        [theirs[row.clip_id] for row in mine],
        labels,
        speakers,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Raise p values for their number, so that one chance finding in all is as rare as each was alone (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def _read_differences(folder: Path) -> tuple[Difference, ...]:
    path = folder / _DIFFERENCES
    if not path.is_file():
        return ()
    try:
        return tuple(_difference(values) for values in read_json(path))
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged ({error}); resume or repeat the sweep.") from None


def _difference(values: Mapping[str, Any]) -> Difference:
    figures = dict(values["comparison"])
    for name in ("accuracy_difference", "uar_difference"):
        figures[name] = estimate_from_json(figures[name])
    return Difference(values["a"], values["b"], values["part"], Comparison(**figures), values["adjusted_p"])
