"""Systems against corpora: each system trained and measured on speakers it hasn't heard, the same way for all.

A corpus on its own is cut into folds that keep speakers on one side; a pair of corpora trains on the one and measures
on the other, on the labels that both have. Labels with too few clips to be learned are left out and named. Whatever was
measured before, with the same recipe on the same clips, is read instead of measured again.

What is learned may be labels, the shares of listeners' votes, or dimensions, by every system alike. Where listeners
judged the clips, what they reach themselves stands beside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from pathlib import Path
from typing import Literal

import numpy as np

from affexion_core.comparison_figures import FieldFigure, field_figures
from affexion_core.discovery import load_plugin
from affexion_core.errors import AffexionError, ConfigError, LabelError, SplitError
from affexion_core.evaluation.dimensions import DimensionScores
from affexion_core.evaluation.listeners import Listeners, score_listeners, vote_overlap
from affexion_core.evaluation.measuring import evaluation_name
from affexion_core.evaluation.scores import Estimate, Scores
from affexion_core.ingest.label_maps import LabelMap, apply, load_label_map, shipped_label_maps
from affexion_core.labeling.votes import load_votes
from affexion_core.run_folder import read_config, read_evaluation, read_json, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.runs import list_runs
from affexion_core.store.session import Store
from affexion_core.training.device import AUTO
from affexion_core.training.dimensions import require_labels
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import HeldOut, RunRequest
from affexion_core.training.run_config import RunConfig, config_to_json, from_preset, with_settings
from affexion_core.training.targets import vote_shares
from affexion_core.types import Dataset, LabelledClip, Progress, Run, no_progress

Targets = Literal["hard", "soft", "dimensions"]


@dataclass(frozen=True)
class BenchmarkRequest:
    """What to measure: presets by name, datasets by name with the number of folds (None: ``n_folds``).

    ``across`` adds every pair of datasets that a shipped label map joins. ``min_clips`` is how many clips a label
    needs to take part. ``targets`` says what every system learns: labels, the shares of votes, or dimensions.
    ``again`` measures anew what was measured before.
    """

    systems: tuple[str, ...]
    corpora: tuple[tuple[str, int | None], ...]
    n_folds: int = 5
    across: bool = False
    min_clips: int = 10
    seed: int = 0
    device: str = AUTO
    again: bool = False
    targets: Targets = "hard"


@dataclass(frozen=True)
class Case:
    """One thing that systems are measured on: ``n_folds`` folds of ``train``, or all of ``test`` (then None)."""

    name: str
    corpus: str
    train: Dataset
    n_folds: int | None
    test: HeldOut | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One system on one case: ``scores`` with the ``stamp`` of the split and the ``run``, or the ``reason``.

    ``dimensions`` are the figures of numbers, where those were learned; ``overlap`` how much the probabilities have in
    common with the votes on clips whose dataset has votes.
    """

    case: str
    system: str
    scores: Scores | None
    run: str | None = None
    stamp: str | None = None
    reason: str | None = None
    dimensions: tuple[DimensionScores, ...] = ()
    overlap: Estimate | None = None


@dataclass(frozen=True)
class Benchmark:
    """All cases with their rows, the figures of others for the same corpora, and those of listeners by case."""

    cases: tuple[Case, ...]
    rows: tuple[Row, ...]
    field: tuple[FieldFigure, ...]
    listeners: Mapping[str, Listeners]


def run_benchmark(store: Store, request: BenchmarkRequest, progress: Progress = no_progress) -> Benchmark:
    """Measure every system on every case. A system that can't be trained on one gets its reason, and the rest go on.

    Raises
    ------
    ConfigError, NotFoundError
        If a system or dataset isn't there.
    SplitError
        If a corpus can't be cut into speaker-disjoint folds.
    """
    recipes = {name: load_plugin("presets", name).PRESET for name in request.systems}
    if request.targets != "dimensions":
        for preset in recipes.values():
            require_labels(from_preset(preset), "A benchmark of labels", instead="ask for one of dimensions")
    cases = plan_cases(store, request)
    rows: list[Row] = []
    n_steps = len(cases) * len(recipes)
    for case in cases:
        for name, preset in recipes.items():
            config = from_preset(preset, request.seed, crossval=case.test is None)
            if request.targets != "hard":
                config = with_settings(config, {"targets": request.targets})
            rows.append(_measured(store, case, name, config, request, _step(progress, len(rows), n_steps, case, name)))
    if request.targets == "dimensions":  # what others report is of labels
        return Benchmark(cases, tuple(rows), (), {})
    corpora = dict.fromkeys(case.corpus for case in cases if case.test is None)
    figures = tuple(figure for corpus in corpora for figure in field_figures(corpus))
    heard = {case.name: found for case in cases if (found := _listeners(store, case)) is not None}
    return Benchmark(cases, tuple(rows), figures, heard)


def _listeners(store: Store, case: Case) -> Listeners | None:
    """Score the listeners on a corpus's own clips; None for a pair of corpora, and where nobody judged them."""
    if case.test is not None:
        return None
    made = load_votes(store, case.train.name).by_clip
    items = case.train.items
    counts = [Counter(str(one.value) for one in made.get(item.clip.id, ()) if one.value) for item in items]
    speakers = [item.clip.speaker for item in items]
    return score_listeners(counts, [item.label for item in items], speakers, any(item.votes for item in items))


def plan_cases(store: Store, request: BenchmarkRequest) -> tuple[Case, ...]:
    """Say what will be measured, before any time is spent. Raises as `run_benchmark` does."""
    if not request.systems or not request.corpora:
        raise ConfigError("A benchmark needs at least one system and one dataset.", change=("systems", "corpora"))
    datasets = [(load_dataset(store, name), n_folds or request.n_folds) for name, n_folds in request.corpora]
    if request.targets == "dimensions":
        datasets = [(_with_values(dataset), n_folds) for dataset, n_folds in datasets]
    min_clips = 0 if request.targets == "dimensions" else request.min_clips
    cases = [_folds_of(dataset, n_folds, min_clips) for dataset, n_folds in datasets]
    if request.across:
        for (train, _), (test, _) in permutations(datasets, 2):
            found = _across(train, test, min_clips) if min_clips else _across_values(train, test)
            if found is not None:
                cases.append(found)
    return tuple(cases)


def _folds_of(dataset: Dataset, n_folds: int, min_clips: int) -> Case:
    kept, left_out = _enough(dataset, min_clips) if min_clips else (dataset, {})
    speakers = {item.clip.speaker for item in kept.items if item.clip.speaker is not None}
    if len(speakers) < 2:
        raise SplitError(
            f"Dataset {dataset.name!r} has {len(speakers)} known speaker{'' if len(speakers) == 1 else 's'}, so it "
            "can't be cut into parts with different speakers. Add speakers, or leave it out.",
            change=("corpora",),
        )
    n_folds = min(n_folds, len(speakers))
    leave_one_out = n_folds == len(speakers)
    note = "leave one speaker out" if leave_one_out else f"{n_folds} folds of {len(speakers)} speakers"
    return Case(dataset.name, corpus_of(dataset), kept, n_folds, None, left_out, note)


def _with_values(dataset: Dataset) -> Dataset:
    """Keep the clips that have a number for a dimension; `LabelError` if none has."""
    kept = tuple(item for item in dataset.items if item.values)
    if not kept:
        raise LabelError(
            f"No clip of dataset {dataset.name!r} has a value for a dimension such as arousal; leave it out, or "
            "measure labels.",
            change=("corpora",),
        )
    return replace(dataset, items=kept)


def _enough(dataset: Dataset, min_clips: int) -> tuple[Dataset, dict[str, int]]:
    """Leave out labels with fewer than ``min_clips`` clips; `LabelError` if fewer than two are left."""
    counts = Counter(item.label for item in dataset.items)
    few = {label: n for label, n in counts.items() if n < min_clips}
    if len(counts) - len(few) < 2:
        raise LabelError(
            f"Dataset {dataset.name!r} has fewer than two labels with {min_clips} clips or more; ask for fewer clips "
            "a label, or leave it out.",
            change=("min_clips", "corpora"),
        )
    return replace(dataset, items=tuple(item for item in dataset.items if item.label not in few)), few


def _across(train: Dataset, test: Dataset, min_clips: int) -> Case | None:
    """Pair two corpora on the labels both have; None where no map joins them or fewer than two are shared."""
    label_map = _map_between(test, train)
    if label_map is None:
        return None
    target = {item.clip.id: apply(label_map, item.label, item.clip.attributes) for item in test.items}
    there, here = Counter(target.values()), Counter(item.label for item in train.items)
    shared = {label for label in here if min(here[label], there[label]) >= min_clips}
    if len(shared) < 2:
        return None
    return Case(
        name=f"{train.name} → {test.name}",
        corpus=corpus_of(test),
        train=replace(train, items=tuple(item for item in train.items if item.label in shared)),
        n_folds=None,
        test=HeldOut(
            replace(test, items=tuple(item for item in test.items if target[item.clip.id] in shared)), label_map
        ),
        left_out={label: n for label, n in here.items() if label not in shared},
        note=f"{len(shared)} labels that both have",
    )


def _across_values(train: Dataset, test: Dataset) -> Case | None:
    """Pair two corpora on the dimensions that both give on one scale; None where they share none."""
    shared = [scheme.name for scheme in train.dimensions if scheme in test.dimensions]
    if not shared or shared != [scheme.name for scheme in train.dimensions]:
        return None
    note = f"{len(shared)} dimensions that both have"
    return Case(f"{train.name} → {test.name}", corpus_of(test), train, None, HeldOut(test, None), {}, note)


def _map_between(test: Dataset, train: Dataset) -> LabelMap | None:
    shipped = shipped_label_maps()
    names = [f"{a}-to-{b}" for a in dict.fromkeys((test.name, corpus_of(test))) for b in (train.name, corpus_of(train))]
    return next((load_label_map(name) for name in names if name in shipped), None)


def corpus_of(dataset: Dataset) -> str:
    """Name the corpus that most clips of a dataset come from; the dataset's own name where that says nothing."""
    counts = Counter(item.clip.corpus for item in dataset.items)
    most = counts.most_common(1)[0][0] if counts else dataset.name
    return dataset.name if most in ("csv", "folder", "audiofolder") else most


def _measured(
    store: Store, case: Case, system: str, config: RunConfig, request: BenchmarkRequest, progress: Progress
) -> Row:
    done = None if request.again else next(_done_before(store, case, config), None)
    try:
        run = done or run_here(store, _request(case, system, config, request), progress)
    except AffexionError as error:
        return Row(case.name, system, None, reason=str(error))
    folder, on = Path(run.folder), _evaluation_of(case)
    found = read_evaluation(folder, on)
    scores = found.scores if run.labels else None
    overlap = None if case.test is not None or not run.labels else _overlap(folder, on, run, case.train.items)
    return Row(case.name, system, scores, run.id, found.stamp, None, found.dimensions, overlap)


def _overlap(folder: Path, on: str, run: Run, items: Sequence[LabelledClip]) -> Estimate | None:
    """Compare probabilities with the shares of votes; None where the dataset has no votes."""
    by_id = {item.clip.id: item for item in items if item.votes}
    rows = [row for row in read_predictions(folder, on) if row.clip_id in by_id]
    if not rows:
        return None
    judged = [by_id[row.clip_id] for row in rows]
    shares = vote_shares([item.votes for item in judged], [run.labels.index(item.label) for item in judged], run.labels)
    return vote_overlap(np.array([row.probs for row in rows]), shares, [item.clip.speaker for item in judged])


def _request(case: Case, system: str, config: RunConfig, request: BenchmarkRequest) -> RunRequest:
    name = f"Benchmark: {system} on {case.name}"
    if case.n_folds is None:
        return RunRequest("train", config, case.train, case.test, name=name, device=request.device)
    group = "speaker"
    return RunRequest("cv", config, case.train, None, case.n_folds, group, name, request.device)


def _evaluation_of(case: Case) -> str:
    return "cv" if case.test is None else evaluation_name(case.test.dataset, case.test.label_map)


def _done_before(store: Store, case: Case, config: RunConfig) -> Iterator[Run]:
    """Find finished runs with the same recipe on the same clips, newest first."""
    snapshot, wanted = case.train.snapshot(), config_to_json(config)
    for run in list_runs(store, "train" if case.n_folds is None else "cv"):
        folder = Path(run.folder)
        if run.finished is None or run.preset != config.preset or run.train_snapshot != snapshot:
            continue
        if not (folder / "run.json").is_file() or read_config(folder) != wanted:
            continue
        known = read_json(folder / "run.json")
        if case.n_folds is not None and (known.get("folds"), known.get("group")) != (case.n_folds, "speaker"):
            continue
        if _measured_on(folder, case):
            yield run


def _measured_on(folder: Path, case: Case) -> bool:
    """Tell whether a run was measured on just these clips."""
    pinned = read_json(folder / "datasets.json")["test"]
    if case.test is None:
        return True
    wanted = sorted(item.clip.id for item in case.test.dataset.items)
    return pinned is not None and sorted(item[0] for item in pinned["dataset"]["items"]) == wanted


def _step(progress: Progress, k: int, n: int, case: Case, system: str) -> Progress:
    def report(done: int, total: int, what: str) -> None:
        progress(k * total + done, n * total, f"{k + 1} of {n}: {system} on {case.name}, {what}")

    return report


def systems_of(names: Sequence[str]) -> tuple[str, ...]:
    """Take preset names apart where several stand in one, with commas; each once, in their order."""
    return tuple(dict.fromkeys(part.strip() for name in names for part in name.split(",") if part.strip()))


def corpora_of(names: Sequence[str]) -> tuple[tuple[str, int | None], ...]:
    """Read dataset names, each with ``:FOLDS`` behind it if need be, with commas between.

    Raises
    ------
    ConfigError
        If what stands behind the colon is no number of folds.
    """
    found: dict[str, int | None] = {}
    for part in systems_of(names):
        name, colon, folds = part.rpartition(":")
        if not colon:
            found[part] = None
        elif not folds.isdigit() or int(folds) < 2:
            raise ConfigError(
                f"{part!r}: write a whole number of folds from 2 on behind the colon.", change=("corpora",)
            )
        else:
            found[name] = int(folds)
    return tuple(found.items())
