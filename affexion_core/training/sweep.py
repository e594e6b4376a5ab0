"""Sweeps: the same cross-validation for value after value of some settings, prepared as a folder and carried out.

``sweep.json`` what is tried and how · ``datasets.json`` and ``config.json`` as in any run · ``study.log`` Optuna's
journal · ``trials/<n>/`` a cross-validation of its own for each trial, with ``trial.json`` saying how far it is ·
``differences.json`` the paired tests. All trials share their folds, so that they differ by their settings alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from affexion_core.errors import ConfigError, ModelError, TrainingError, allowed
from affexion_core.evaluation.measuring import evaluation_name, keep, score_clips
from affexion_core.evaluation.selection import mark_selected
from affexion_core.run_folder import (
    evaluation_names,
    fold_folders,
    new_run_id,
    now,
    read_config,
    read_evaluation,
    read_json,
    read_predictions,
    read_run,
    write_json,
)
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.dimensions import require_labels
from affexion_core.training.prepare import (
    HeldOut,
    RunRequest,
    describe,
    pin_datasets,
    pinned_dataset,
    pinned_held_out,
    plan,
    prepare_fold,
)
from affexion_core.training.run_config import RunConfig, config_from_json, with_settings
from affexion_core.training.space import (
    Space,
    check_fits,
    combinations,
    n_combinations,
    space_from_json,
    space_to_json,
)
from affexion_core.training.splits import set_apart_dev
from affexion_core.types import Dataset, LeakKind, Progress, Run, Split, no_progress

Sampler = Literal["grid", "tpe"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
TrialState = Literal["waiting", "running", "done", "pruned", "failed"]
# Trials that have come to their end.
OVER: tuple[TrialState, ...] = ("done", "pruned", "failed")
# How many trials TPE makes if nobody says.
TRIALS = 20
_FORMAT = 1


@dataclass(frozen=True)
class SweepRequest:
    """What a person asks for. ``n_trials`` is for ``tpe`` alone: a grid tries all combinations."""

    config: RunConfig
    dataset: Dataset
    space: Space
    test: HeldOut | None = None
    sampler: Sampler = "grid"
    n_trials: int | None = None
    n_folds: int = 3
    group: str | None = None
    select_on_test: bool = False
    name: str | None = None


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep's folder says is to be done.

    ``folds`` holds the ids of the clips that each fold tests, ``allow`` what may stand on both sides of a fold, and
    ``test_name`` the name under which trials are measured on the test set.
    """

    space: Space
    sampler: Sampler
    n_trials: int
    folds: tuple[tuple[str, ...], ...]
    group: str
    allow: frozenset[LeakKind]
    select_on_test: bool
    seed: int
    group_reason: str | None = None
    test_name: str | None = None

    @property
    def prunes(self) -> bool:
        """Whether trials that fall behind are given up between folds; a grid's table is to be complete."""
        return self.sampler == "tpe" and not self.select_on_test


@dataclass(frozen=True)
class TrialNote:
    """How far a trial is. ``folds`` holds accuracy and UAR of each fold so far, None where undefined."""

    number: int
    values: Mapping[str, Any]
    state: TrialState
    folds: tuple[Mapping[str, float | None], ...] = ()
    reason: str | None = None


def plan_sweep(request: SweepRequest) -> tuple[SweepPlan, tuple[str, ...]]:
    """Check a request against its data; give what would be done, and the labels told apart.

    Raises
    ------
    ConfigError
        If the recipe lacks a setting of the space, or selection by a test set is asked without one.
    SplitError, LabelError
        Where the data doesn't allow it.
    """
    require_labels(request.config, "A sweep", instead="cross-validate each setting and compare the runs")
    n_trials = count_trials(request)
    planned = plan(RunRequest("cv", request.config, request.dataset, request.test, request.n_folds, request.group))
    made = SweepPlan(
        space=request.space,
        sampler=request.sampler,
        n_trials=n_trials,
        folds=tuple(tuple(item.clip.id for item in split.test) for split in planned.splits),
        group=planned.grouping.group,
        allow=planned.splits[0].allow,
        select_on_test=request.select_on_test,
        seed=request.config.seed,
        group_reason=planned.grouping.reason,
        test_name=evaluation_name(request.test.dataset, request.test.label_map) if request.test else None,
    )
    return made, planned.labels


def count_trials(request: SweepRequest) -> int:
    """Check what is to be tried against the recipe, whatever the data; give the number of trials.

    Raises
    ------
    ConfigError
        As `plan_sweep` does.
    """
    if request.sampler not in SAMPLERS:
        raise ConfigError(f"There is no sampler {request.sampler!r}; choose {allowed(SAMPLERS)}.")
    if request.select_on_test and request.test is None:
        raise ConfigError("To select on the test set there must be one; choose a test set.", change=("test",))
    check_fits(request.space, request.config)
    if request.sampler == "grid":
        n = len(combinations(request.space))
        if request.n_trials not in (None, n):
            raise ConfigError(
                f"A grid makes all its {n} trials, not {request.n_trials}; leave their number away, or let TPE draw.",
                change=("n_trials", "sampler"),
            )
        return n
    asked = TRIALS if request.n_trials is None else request.n_trials
    if asked < 1:
        raise ConfigError(f"{asked} trials are none; ask for 1 or more.")
    return min(asked, n_combinations(request.space) or asked)


def prepare_sweep(store: Store, request: SweepRequest) -> Run:
    """Check a request, write the sweep's folder, and list it as unfinished. For errors see `plan_sweep`."""
    planned, labels = plan_sweep(request)
    run_id = new_run_id(f"{request.config.preset}-sweep")
    run = Run(
        id=run_id,
        kind="sweep",
        preset=request.config.preset,
        folder=str(store.workspace.runs / run_id),
        labels=labels,
        train_dataset=request.dataset.name,
        train_snapshot=request.dataset.snapshot(),
        created=now(),
        test_dataset=request.test.dataset.name if request.test else None,
        name=request.name,
    )
    folder = Path(run.folder)
    folder.mkdir(parents=True)
    pin_datasets(folder, request.dataset, request.test)
    write_json(folder / "sweep.json", _plan_to_json(planned))
    describe(run, request.config, {"folds": len(planned.folds), "group": planned.group})
    save_run(store, run)
    return run


def _plan_to_json(planned: SweepPlan) -> dict[str, Any]:
    own = {"format": _FORMAT, "space": space_to_json(planned.space), "allow": sorted(planned.allow)}
    rest = ("sampler", "n_trials", "select_on_test", "group", "group_reason", "seed", "test_name")
    return {**own, **{name: getattr(planned, name) for name in rest}, "folds": [list(ids) for ids in planned.folds]}


def read_plan(folder: Path) -> SweepPlan:
    """Read what a sweep's folder says is to be done.

    Raises
    ------
    ModelError
        If it is damaged or no sweep.
    """
    values = dict(read_json(folder / "sweep.json"))
    try:
        values.pop("format")
        values["space"] = space_from_json(values["space"])
        values["folds"] = tuple(tuple(ids) for ids in values["folds"])
        values["allow"] = frozenset(values["allow"])
        return SweepPlan(**values)
    except (KeyError, TypeError, ConfigError) as error:
        raise ModelError(f"{folder / 'sweep.json'} is damaged ({error}); start the sweep anew.") from None


def trial_folder(sweep: Path, number: int) -> Path:
    """Give the folder of a trial, counted from 1."""
    return sweep / "trials" / str(number)


def prepare_trial(store: Store, sweep: Path, number: int, values: Mapping[str, Any]) -> Run:
    """Write the folder of one trial, a cross-validation with these values, and list it as a part of the sweep."""
    above, planned = read_run(sweep), read_plan(sweep)
    config = with_settings(config_from_json(read_config(sweep)), values)
    folder = trial_folder(sweep, number)
    # the id begins unlike the sweep's, so that the beginning of that one stays enough to name it
    run = replace(above, id=f"trial{number}-{above.id}", kind="trial", parent=above.id, folder=str(folder), name=None)
    folder.mkdir(parents=True, exist_ok=True)
    dataset = pinned_dataset(store, sweep)
    pin_datasets(folder, dataset, pinned_held_out(store, sweep))
    describe(run, config, {"folds": len(planned.folds), "group": planned.group, "values": dict(values)})
    for k, tested in enumerate(planned.folds):
        prepare_fold(run, k, config, _fold_split(dataset, set(tested), planned, config), planned.group)
    save_run(store, run)
    write_note(folder, TrialNote(number, values, "waiting"))
    return run


def _fold_split(dataset: Dataset, tested: set[str], planned: SweepPlan, config: RunConfig) -> Split:
    split = Split(
        train=tuple(item for item in dataset.items if item.clip.id not in tested),
        test=tuple(item for item in dataset.items if item.clip.id in tested),
        allow=planned.allow,
    )
    return set_apart_dev(split, config.training.dev_fraction, config.seed)


def write_note(folder: Path, note: TrialNote) -> None:
    """Note how far a trial is."""
    write_json(folder / "trial.json", asdict(note))


def read_note(folder: Path) -> TrialNote:
    """Read how far a trial is."""
    values = read_json(folder / "trial.json")
    return TrialNote(**{**values, "folds": tuple(values["folds"])})


def run_trial(
    store: Store,
    folder: Path,
    progress: Progress = no_progress,
    give_up: Callable[[int], bool] = lambda n_folds_done: False,
) -> TrialNote:
    """Carry a trial out, fold by fold, from wherever it was left; measure it on the test set where there is one.

    ``give_up`` is asked between folds; where it says so, the trial is pruned. A training that can't be done with these
    values (a loss that is no number) makes a failed trial, which is a result; anything else is raised.
    """
    from affexion_core.training.execute import finish_crossval, fit_folder, share

    run, note = read_run(folder), read_note(folder)
    if note.state in OVER:
        return note
    note = replace(note, state="running")
    folds = fold_folders(folder)
    try:
        for k, fold in enumerate(folds):
            fit_folder(store, fold, share(progress, k, len(folds)))
            if k == len(note.folds):
                note = replace(note, folds=(*note.folds, _fold_figures(store, run, fold)))
                # Progress first: it ends a process whose job was started again elsewhere before it writes anything.
                progress(k + 1, len(folds), f"{k + 1} of {len(folds)} folds done")
                write_note(folder, note)
            if k + 1 < len(folds) and give_up(k + 1):
                reason = f"given up after {k + 1} of {len(folds)} folds: below the median of the others"
                return _end(folder, replace(note, state="pruned", reason=reason))
    except TrainingError as error:
        return _end(folder, replace(note, state="failed", reason=str(error)))
    finish_crossval(store, run, lambda done, total, what: progress(len(folds), len(folds), f"measuring: {what}"))
    if read_plan(folder.parent.parent).select_on_test:
        _stamp(store, run)
    return _end(folder, replace(note, state="done"))


def _end(folder: Path, note: TrialNote) -> TrialNote:
    write_note(folder, note)
    return note


def _fold_figures(store: Store, run: Run, fold: Path) -> dict[str, float | None]:
    by_id = {item.clip.id: item for item in pinned_dataset(store, Path(run.folder)).items}
    from affexion_core.training.execute import predict_fold

    items, scored = predict_fold(store, run, fold, by_id)
    scores = score_clips(items, scored, run.labels)
    return {"accuracy": scores.accuracy.value, "uar": scores.uar.value}


def stamped(stamp: str, planned: SweepPlan) -> str:
    """Put before a stamp that the best trial is chosen by the test set, where it is."""
    return mark_selected(stamp) if planned.select_on_test else stamp


def _stamp(store: Store, run: Run) -> None:
    """Stamp all that a trial was measured on, so that the stamp goes wherever its figures go."""
    from affexion_core.training.execute import close

    folder = Path(run.folder)
    planned = read_plan(folder.parent.parent)
    for name in evaluation_names(folder):
        found = read_evaluation(folder, name)
        keep(store, run, replace(found, stamp=stamped(found.stamp, planned)), read_predictions(folder, name))
    close(store, run, read_evaluation(folder, "cv"))
