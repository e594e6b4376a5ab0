"""What a gap study has come to so far: the cells, the curve over a few real clips, and the arms; kept as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ModelError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Scores, scores_from_json, scores_to_json
from affexion_core.gap.cells import BASE, CELLS
from affexion_core.gap.effects import (
    Draw,
    Effect,
    Figures,
    effect_from_json,
    effect_of,
    figures_from_json,
    figures_over,
)
from affexion_core.gap.part import Answers, model_folders, part_folder, read_answers, read_note
from affexion_core.gap.study import ArmPlan, GapPlan, read_plan, reference_part
from affexion_core.plots.theme import SIGNALS
from affexion_core.run_folder import finished, read_json, read_run, write_json
from affexion_core.store.clips import get_clips
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.types import Clip, Run

_RESULT = "result.json"
# Which of a recipe's reported figures stands beside which cell.
_REPORTED = {"cv-synthetic": "cv", BASE: "real"}
# Pairs of cells whose difference is told, measured on the same real clips: what it is called, and the two.
_GAPS = {"gap": ("cv-real", BASE), "gain": ("mixed", BASE), "beyond": ("mixed", "cv-real")}


@dataclass(frozen=True)
class Cell:
    """One cell of the table. ``scores`` are those of the first draw, None until it is measured; ``draws`` of all.

    ``n_train`` counts training clips (of folds the fewest). ``reported`` holds percentages of the recipe's source.
    """

    name: str
    trained: str
    measured: str
    state: str
    n_train: int
    stamp: str | None = None
    scores: Scores | None = None
    draws: Figures | None = None
    reported: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Point:
    """One point of the curve: ``size`` real clips of each label, ``added`` in all; ``effect`` against none."""

    size: int
    added: int
    state: str
    stamp: str | None = None
    figures: Figures | None = None
    effect: Effect | None = None


@dataclass(frozen=True)
class ArmRow:
    """One arm: its figures with it and without it on the same clips, and the effect in pairs."""

    arm: ArmPlan
    state: str
    reason: str | None = None
    stamp: str | None = None
    without: Figures | None = None
    figures: Figures | None = None
    effect: Effect | None = None


@dataclass(frozen=True)
class Gap:
    """A study as it stands. ``gaps`` holds paired differences between cells: ``gap``, ``gain`` and ``beyond``."""

    run: Run
    plan: GapPlan
    cells: tuple[Cell, ...]
    gaps: Mapping[str, Effect]
    curve: tuple[Point, ...]
    arms: tuple[ArmRow, ...]


def read_gap(store: Store, folder: Path) -> Gap:
    """Read a study's folder, finished or not; of a finished one what was written at its end.

    Raises
    ------
    ModelError
        If it is no study, or damaged.
    """
    path = folder / _RESULT
    if path.is_file():
        return gap_from_json(read_run(folder), read_plan(folder), read_json(path))
    return compute_gap(store, folder)


@dataclass(frozen=True)
class _Reading:
    """What is needed to make figures of the parts' answers."""

    folder: Path
    plan: GapPlan
    clips: Mapping[str, Clip]

    def answers(self, part: str) -> list[Answers]:
        """Give the answers of a part's models; none until all have answered."""
        folders = model_folders(part_folder(self.folder, part))
        found = [answers for place in folders if (answers := read_answers(place)) is not None]
        return found if len(found) == len(folders) else []

    def state(self, part: str) -> tuple[str, str | None]:
        """Give the state of a part and the reason for it."""
        note = read_note(part_folder(self.folder, part))
        return note.state, note.reason

    def figures(self, draws: Sequence[Draw], reference: Draw) -> Figures:
        return figures_over(draws, reference, self.clips, self.plan.labels)

    def effect(self, with_it: Sequence[Draw], without: Sequence[Draw], reference: Draw) -> Effect:
        return effect_of(with_it, without, reference, self.clips, self.plan.labels)


def compute_gap(store: Store, folder: Path) -> Gap:
    """Make the figures of what a study's parts have answered so far."""
    run, plan = read_run(folder), read_plan(folder)
    items = read_json(folder / "datasets.json")
    ids = [row[0] for row in (*items["train"]["items"], *items["test"]["dataset"]["items"])]
    reading = _Reading(folder, plan, {clip.id: clip for clip in get_clips(store, ids)})
    cells = tuple(_cell(reading, run, name) for name in CELLS)
    return Gap(run, plan, cells, _gaps(reading), _curve(reading), tuple(_arm(reading, arm) for arm in plan.arms))


def _cell(reading: _Reading, run: Run, name: str) -> Cell:
    state, _ = reading.state(name)
    found = reading.answers(name)
    trained, measured = CELLS[name]
    reported = reported_figures(run, _REPORTED.get(name))
    if not found:
        return Cell(name, trained, measured, state, 0, reported=reported)
    whole = _first_draw(name, found)
    ids = sorted(whole[1])
    scores = score(
        [whole[1][id] for id in ids],
        [whole[0][id] for id in ids],
        reading.plan.labels,
        [reading.clips[id].speaker for id in ids],
    )
    draws = [answers.predicted for answers in found] if name == BASE else [whole[0]]
    return Cell(
        name=name,
        trained=trained,
        measured=measured,
        state=state,
        n_train=min(answers.n_train for answers in found),
        stamp=worst([answers.stamp for answers in found]),
        scores=scores,
        draws=reading.figures(draws, whole[1]),
        reported=reported,
    )


def _first_draw(name: str, found: Sequence[Answers]) -> tuple[dict[str, str], dict[str, str]]:
    """Give predictions and references of a cell by clip id: the first seed's, or of all folds together."""
    parts = found[:1] if name == BASE else found
    predicted = {id: label for answers in parts for id, label in answers.predicted.items()}
    return predicted, {id: label for answers in parts for id, label in answers.reference.items()}


def _gaps(reading: _Reading) -> dict[str, Effect]:
    """Compare cells in pairs on the same real clips, where both are measured."""
    found = {name: reading.answers(name) for name in ("cv-real", BASE, "mixed")}
    effects = {}
    for name, (one, other) in _GAPS.items():
        if found[one] and found[other]:
            mine, reference = _first_draw(one, found[one])
            # one model of each fold stands against every seed of the other side
            theirs = [answers.predicted for answers in found[other]] if other == BASE else [
                _first_draw(other, found[other])[0]]  # fmt: skip
            effects[name] = reading.effect([mine] * len(theirs), theirs, reference)
    return effects


def _curve(reading: _Reading) -> tuple[Point, ...]:
    base = reading.answers(BASE)
    points = []
    for size, added in zip(reading.plan.sizes, reading.plan.added, strict=True):
        part = f"few-{size}" if size else BASE
        state, found = reading.state(part)[0], reading.answers(part)
        if not found:
            points.append(Point(size, added, state))
            continue
        reference = {id: found[0].reference[id] for id in reading.plan.rest}
        draws = [answers.predicted for answers in found]
        before = [answers.predicted for answers in base]
        points.append(Point(
            size, added, state, worst([answers.stamp for answers in found]), reading.figures(draws, reference),
            reading.effect(draws, before, reference) if size and before else None,
        ))  # fmt: skip
    return tuple(points)


def _arm(reading: _Reading, arm: ArmPlan) -> ArmRow:
    if arm.reason is not None:
        return ArmRow(arm, "not tried", arm.reason)
    part = f"arm-{arm.name}"
    state, reason = reading.state(part)
    found, without = reading.answers(part), reading.answers(reference_part(arm.name))
    if not found or not without:
        return ArmRow(arm, state if not found else "waiting", reason)
    reference = dict(found[0].reference)
    mine, theirs = ([answers.predicted for answers in each] for each in (found, without))
    return ArmRow(
        arm,
        state,
        reason,
        worst([answers.stamp for answers in found]),
        reading.figures(theirs, reference),
        reading.figures(mine, reference),
        reading.effect(mine, theirs, reference),
    )


def worst(stamps: Sequence[str]) -> str:
    """Give the stamp that says most against the figures."""
    return max(stamps, key=lambda stamp: (stamp.startswith("leaky"), stamp.startswith("not")))


def reported_figures(run: Run, part: str | None) -> Mapping[str, float] | None:
    """Give the percentages that a recipe's source reports of folds (``cv``) or of real clips; None without any.

    They are of the project's own labels; beside others they would mislead.
    """
    if part is None or run.preset not in plugin_names("presets") or set(run.labels) != set(SIGNALS):
        return None
    found = load_plugin("presets", run.preset).PRESET.reported.get(part)
    return dict(found) if found else None


def finish_gap(store: Store, folder: Path) -> Gap:
    """Write what a study has come to, and list it as finished."""
    found = compute_gap(store, folder)
    write_json(folder / _RESULT, gap_to_json(found))
    base = next(cell for cell in found.cells if cell.name == BASE)
    if base.scores is None:
        raise ModelError(f"Study {found.run.id} has no figures of synthetic against real clips; resume it.")
    figures = {name: asdict(getattr(base.scores, name)) for name in ("accuracy", "uar", "macro_precision", "macro_f1")}
    summary = {"on": found.run.test_dataset, "part": "test", "stamp": base.stamp, "n": base.scores.n, **figures}
    done = finished(found.run, summary)
    path = folder / "run.json"
    write_json(path, {**read_json(path), "finished": done.finished, "summary": dict(done.summary)})
    save_run(store, done)
    return read_gap(store, folder)


def gap_to_json(found: Gap) -> dict[str, Any]:
    """Give a study's figures JSON-ready."""
    return {
        "cells": [{**_plain(cell), "scores": scores_to_json(cell.scores) if cell.scores else None}
                  for cell in found.cells],
        "gaps": {name: asdict(effect) for name, effect in found.gaps.items()},
        "curve": [_plain(point) for point in found.curve],
        "arms": [_plain(row) for row in found.arms],
    }  # fmt: skip


def _plain(part: Cell | Point | ArmRow) -> dict[str, Any]:
    return asdict(part)


def gap_from_json(run: Run, plan: GapPlan, values: Mapping[str, Any]) -> Gap:
    """Read a study's figures back.

    Raises
    ------
    ModelError
        If a field is missing or has another shape.
    """
    try:
        return Gap(
            run,
            plan,
            tuple(_cell_from_json(cell) for cell in values["cells"]),
            {name: effect for name, each in values["gaps"].items() if (effect := effect_from_json(each))},
            tuple(Point(**_with_figures(point)) for point in values["curve"]),
            tuple(ArmRow(**{**_with_figures(row), "arm": ArmPlan(**row["arm"])}) for row in values["arms"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"The study's figures can't be read ({error}); delete {_RESULT} and resume it.") from None


def _cell_from_json(values: Mapping[str, Any]) -> Cell:
    scores = scores_from_json(values["scores"]) if values["scores"] else None
    return Cell(**{**values, "scores": scores, "draws": figures_from_json(values["draws"])})


def _with_figures(values: Mapping[str, Any]) -> dict[str, Any]:
    read = {name: figures_from_json(values[name]) for name in ("figures", "without") if name in values}
    return {**values, **read, "effect": effect_from_json(values["effect"])}
