"""Cross-validation: every clip predicted once, by a model that trained without its group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from affexion_core.errors import ModelError
from affexion_core.evaluation.folds import summarise_folds
from affexion_core.evaluation.measuring import evaluate, keep, score_clips, scored_clips
from affexion_core.predictor import Predictor
from affexion_core.run_folder import Evaluation, ScoredClip, fold_folders, now, write_run
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.run_config import RunConfig
from affexion_core.training.splits import check_labels, choose_grouping, kfold, set_apart_dev
from affexion_core.training.train import (
    FeaturesById,
    HeldOut,
    check_held_out,
    epoch_progress,
    extract_all,
    finish_run,
    fit_into,
    run_labels,
    start_run,
)
from affexion_core.types import Dataset, LabelledClip, Progress, Run, Split, no_progress


def crossval(
    store: Store,
    config: RunConfig,
    dataset: Dataset,
    n_folds: int = 7,
    group: str | None = None,
    test: HeldOut | None = None,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Cross-validate a recipe on a dataset, then measure the fold models on a test set if one is given.

    Parameters
    ----------
    group
        What stays on one side of each fold: ``speaker`` (``voice``), ``text``, ``generator`` or ``none``; None for
        speaker where the dataset has enough of them, else as `splits.choose_grouping` says.

    Raises
    ------
    SplitError, LabelError, AudioError
        Before anything is written, where the data doesn't allow the run.
    TrainingError
        If training itself fails.
    """
    check_labels(dataset.items, dataset.name)
    labels = run_labels(dataset)
    grouping = choose_grouping(dataset.items, n_folds, group)
    splits = kfold(dataset.items, n_folds, grouping.group, config.seed)
    check_held_out(dataset, labels, test)
    features = extract_all(store, config, [item.clip for item in dataset.items], progress)

    run = start_run(store, "cv", config, dataset, labels, name=name, test=test)
    save_run(store, run)
    for k, split in enumerate(splits):
        _fit_fold(run, k, n_folds, config, split, features, grouping.group, progress)
    evaluation = measure_folds(store, run, dataset, splits, features)
    if test:
        evaluate(store, run, test.dataset, test.label_map, test.allow_leaks, progress)
    return finish_run(store, run, config, evaluation)


def _fit_fold(
    run: Run,
    k: int,
    n_folds: int,
    config: RunConfig,
    split: Split,
    features: FeaturesById,
    group: str,
    progress: Progress,
) -> None:
    folder = Path(run.folder) / "folds" / str(k + 1)
    epochs = config.training.epochs

    def in_fold(done: int, total: int, what: str) -> None:
        progress(done, total, f"fold {k + 1} of {n_folds}, {what}")

    prepared = set_apart_dev(split, config.training.dev_fraction, config.seed)
    seeded = replace(config, seed=config.seed + k)
    report = epoch_progress(in_fold, epochs, before=k * epochs, total=n_folds * epochs)
    fit_into(folder, seeded, prepared, run.labels, features, report, group)
    fold = replace(run, id=f"{run.id}-fold{k + 1}", kind="fold", parent=run.id, folder=str(folder), finished=now())
    write_run(fold, {"fold": k + 1})


def measure_folds(
    store: Store, run: Run, dataset: Dataset, splits: Sequence[Split], features: FeaturesById
) -> Evaluation:
    """Predict each fold's test clips by its own model; pool them and keep the spread over folds."""
    folders = fold_folders(Path(run.folder))
    if len(folders) != len(splits):
        raise ModelError(f"Run {run.id} has {len(folders)} of {len(splits)} folds; start it again.")
    items: list[LabelledClip] = []
    pooled: list[ScoredClip] = []
    by_fold = []
    for k, (folder, split) in enumerate(zip(folders, splits, strict=True)):
        outcome = Predictor.load(folder).of_features([features[item.clip.id] for item in split.test])
        scored = scored_clips(split.test, run.labels, outcome.probs, fold=k + 1)
        by_fold.append(score_clips(split.test, scored, run.labels))
        items += split.test
        pooled += scored
    evaluation = Evaluation(
        name="cv",
        dataset=dataset.name,
        part="cv",
        stamp=_worst_stamp(splits),
        scores=score_clips(items, pooled, run.labels),
        created=now(),
        snapshot=run.train_snapshot,
        folds=summarise_folds(by_fold),
    )
    keep(store, run, evaluation, pooled)
    return evaluation


def _worst_stamp(splits: Sequence[Split]) -> str:
    """Give the stamp of the leakiest fold: clean only where every fold is."""
    return max((split.stamp() for split in splits), key=lambda s: (s.startswith("leaky"), s.startswith("not")))
