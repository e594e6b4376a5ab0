"""Carry out a prepared run: train what its folder says, measure it, and close it. Each step can be taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from affexion_core.differences.leaks import stamp_folds
from affexion_core.errors import ModelError
from affexion_core.evaluation.folds import summarise_folds
from affexion_core.evaluation.measuring import (
    evaluate,
    headline,
    keep,
    score_clips,
    score_shares,
    score_values,
    scored_outcome,
)
from affexion_core.evaluation.transductive import pinned_target, stamp_adapted
from affexion_core.extraction import feature_files
from affexion_core.jobs.foreground import trained_here
from affexion_core.predictor import Predictor
from affexion_core.run_folder import (
    Evaluation,
    ScoredClip,
    append_history,
    finished,
    fold_folders,
    now,
    read_config,
    read_dimensions,
    read_json,
    read_run,
    write_history,
    write_json,
)
from affexion_core.store.clips import get_clips
from affexion_core.store.runs import get_run, save_run
from affexion_core.store.session import Store
from affexion_core.training.batches import RawFeatures
from affexion_core.training.checkpoint import EpochRow
from affexion_core.training.copies import Copy, features_of_copy
from affexion_core.training.device import CPU, choose_device, device_of, device_words, note_device
from affexion_core.training.dimensions import unit_values
from affexion_core.training.direct import fits_directly, n_epochs
from affexion_core.training.fit import Examples, fit
from affexion_core.training.model_file import DESCRIPTION, TrainedModel, save_model
from affexion_core.training.pinning import pinned
from affexion_core.training.prepare import RunRequest, pinned_dataset, pinned_held_out, prepare
from affexion_core.training.run_config import RunConfig, config_from_json
from affexion_core.training.targets import vote_shares
from affexion_core.types import Clip, Dataset, LabelledClip, Progress, Run, Scheme, no_progress

CHECKPOINTS = "checkpoints"


def run_here(store: Store, request: RunRequest, progress: Progress = no_progress) -> Run:
    """Prepare a run, train it and measure it, all in this process; give it back finished.

    Raises
    ------
    ConfigError, SplitError, LabelError
        Before anything is written, where the device isn't here or the data doesn't allow the run.
    AudioError, TrainingError
        If a clip or the training fails; the run stays listed as unfinished.
    """
    choose_device(request.device)
    run = prepare(store, request)
    folder = Path(run.folder)
    with trained_here(folder):
        if request.kind == "train":
            fit_folder(store, folder, progress)
            return finish_training(store, run, progress)
        folders = fold_folders(folder)
        for k, fold in enumerate(folders):
            fit_folder(store, fold, share(progress, k, len(folders)))
        return finish_crossval(store, run, progress)


def share(progress: Progress, k: int, n_folds: int) -> Progress:
    """Give the progress of fold ``k`` (from 0) as a part of that of all folds."""

    def report(done: int, total: int, what: str) -> None:
        progress(k * total + done, n_folds * total, f"fold {k + 1} of {n_folds}, {what}")

    return report


def fit_folder(store: Store, folder: Path, progress: Progress = no_progress) -> None:
    """Train the model of a prepared run or fold folder; go on from its newest checkpoint; nothing if it is trained.

    Raises
    ------
    NotFoundError
        If a clip has been deleted since.
    ConfigError
        If the device it is to be trained on isn't here.
    AudioError, TrainingError
        If a clip or the training fails.
    """
    if (folder / DESCRIPTION).is_file():
        return
    config = pinned(config_from_json(read_config(folder)))
    labels, dimensions = read_run(folder).labels, read_dimensions(folder)
    device = CPU if fits_directly(config.model) else device_of(folder)
    epochs = n_epochs(config)
    parts = _examples(store, folder, config, labels, dimensions, progress)

    def note(row: EpochRow) -> None:
        # Progress first: it ends a process whose job was started again elsewhere before it writes anything.
        words = f"epoch {row['epoch']:.0f} of {epochs}: loss {row['train_loss']:.3f}"
        progress(int(row["epoch"]), epochs, words)
        append_history(folder, row)

    note_device(folder, device, resumed=any((folder / CHECKPOINTS).glob("*.safetensors")))
    write_history(folder, ())
    fitted = fit(
        parts["train"],
        len(labels) + len(dimensions),
        config,
        parts.get("dev"),
        on_epoch=note,
        checkpoints=folder / CHECKPOINTS,
        on_resume=lambda rows: write_history(folder, rows),
        device=device,
        target=_target_features(store, folder, config, progress),
    )
    save_model(folder, TrainedModel(fitted.model.cpu(), fitted.normalisation, config, labels, dimensions))
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)


def _examples(
    store: Store,
    folder: Path,
    config: RunConfig,
    labels: Sequence[str],
    dimensions: Sequence[Scheme],
    progress: Progress,
) -> dict[str, Examples]:
    rows = [row for row in read_json(folder / "split.json")["clips"] if row["part"] != "test"]
    clips = {clip.id: clip for clip in get_clips(store, [row["clip_id"] for row in rows])}
    features = features_by_id(store, config, tuple(clips.values()), progress)
    examples = {}
    for part in ("train", "dev"):
        chosen = [row for row in rows if row["part"] == part]
        if chosen:
            # without labels to learn, each clip counts alike
            targets = [labels.index(row["label"]) if labels else 0 for row in chosen]
            votes = [row.get("votes") for row in chosen]
            shares = vote_shares(votes, targets, labels) if config.training.targets == "soft" else None
            values = unit_values([row.get("values") for row in chosen], dimensions) if dimensions else None
            examples[part] = Examples([features[row["clip_id"]] for row in chosen], targets, shares, values)
    if config.augmentation.copies:
        chosen_clips = [clips[row["clip_id"]] for row in rows if row["part"] == "train"]
        examples["train"] = _with_copies(store, config, examples["train"], chosen_clips, progress)
    return examples


def _target_features(store: Store, folder: Path, config: RunConfig, progress: Progress) -> list[RawFeatures]:
    """Get the features of the clips to adapt to; none where there are none."""
    found = pinned_target(folder)
    if found is None:
        return []
    clips = get_clips(store, [trace.clip_id for trace in found[1]])
    return list(features_by_id(store, config, clips, progress).values())


def _with_copies(
    store: Store, config: RunConfig, examples: Examples, clips: Sequence[Clip], progress: Progress
) -> Examples:
    """Add changed copies of the training clips, which are ``clips`` in their order, with their labels and votes."""
    features, n = list(examples.features), 1 + config.augmentation.copies
    for number in range(1, n):
        copy = Copy(number, config.augmenters, config.augmentation.combine)
        columns = [features_of_copy(store.workspace, clips, front, copy, progress) for front in config.front_ends]
        features += zip(*columns, strict=True)
    shares = None if examples.shares is None else np.tile(examples.shares, (n, 1))
    values = None if examples.values is None else np.tile(examples.values, (n, 1))
    return Examples(features, list(examples.targets) * n, shares, values)


def features_by_id(
    store: Store, config: RunConfig, clips: Sequence[Clip], progress: Progress = no_progress
) -> Mapping[str, RawFeatures]:
    """Get the features of clips by clip id, through the cache."""
    columns = [feature_files(store.workspace, clips, front_end, progress) for front_end in config.front_ends]
    return {clip.id: features for clip, features in zip(clips, zip(*columns, strict=True), strict=True)}


def finish_training(store: Store, run: Run, progress: Progress = no_progress) -> Run:
    """Measure a trained run on its own clips and its test set, and close it."""
    folder = Path(run.folder)
    dataset = pinned_dataset(store, folder)
    predictor = Predictor.load(folder)
    outcome = predictor.of_clips(store.workspace, [item.clip for item in dataset.items], progress)
    scored = scored_outcome(dataset.items, predictor, outcome)
    evaluation = Evaluation(
        name="train",
        dataset=dataset.name,
        part="train",
        stamp=stamp_adapted(folder, dataset.items, "leaky: measured on the training clips themselves"),
        scores=score_clips(dataset.items, scored, predictor.labels),
        created=now(),
        snapshot=run.train_snapshot,
        dimensions=score_values(dataset.items, scored, predictor.dimensions),
        inputs=score_shares(dataset.items, scored, predictor.labels),
    )
    keep(store, run, evaluation, scored)
    return close(store, run, _on_test(store, run, progress) or evaluation)


def finish_crossval(store: Store, run: Run, progress: Progress = no_progress) -> Run:
    """Pool the folds' held-out predictions, measure the fold models on the test set, and close the run."""
    evaluation = _pool_folds(store, run, pinned_dataset(store, Path(run.folder)))
    _on_test(store, run, progress)
    return close(store, run, evaluation)


def _pool_folds(store: Store, run: Run, dataset: Dataset) -> Evaluation:
    by_id = {item.clip.id: item for item in dataset.items}
    items: list[LabelledClip] = []
    pooled: list[ScoredClip] = []
    by_fold, stamps = [], []
    for folder in fold_folders(Path(run.folder)):
        tested, scored = predict_fold(store, run, folder, by_id)
        by_fold.append(score_clips(tested, scored, run.labels))
        stamps.append(read_json(folder / "split.json")["stamp"])
        items += tested
        pooled += scored
    worst = max(stamps, key=lambda stamp: (stamp.startswith("leaky"), stamp.startswith("not")))
    evaluation = Evaluation(
        name="cv",
        dataset=dataset.name,
        part="cv",
        stamp=stamp_adapted(Path(run.folder), items, stamp_folds(store, run, items, worst)),
        scores=score_clips(items, pooled, run.labels),
        created=now(),
        snapshot=run.train_snapshot,
        folds=summarise_folds(by_fold) if run.labels else None,
        dimensions=score_values(items, pooled, read_dimensions(Path(run.folder))),
        inputs=score_shares(items, pooled, run.labels),
    )
    keep(store, run, evaluation, pooled)
    return evaluation


def predict_fold(
    store: Store, run: Run, folder: Path, items: Mapping[str, LabelledClip]
) -> tuple[list[LabelledClip], tuple[ScoredClip, ...]]:
    """Predict the held-out clips of one fold (a fold folder of ``run``) by its model; ``items`` by clip id.

    Raises
    ------
    ModelError
        If the fold is not trained yet.
    """
    if not (folder / DESCRIPTION).is_file():
        raise ModelError(f"Fold {folder.name} of run {run.id} is not trained; resume the run.")
    rows = read_json(folder / "split.json")["clips"]
    tested = [items[row["clip_id"]] for row in rows if row["part"] == "test"]
    predictor = Predictor.load(folder)
    outcome = predictor.of_clips(store.workspace, [item.clip for item in tested])
    return tested, scored_outcome(tested, predictor, outcome, fold=int(folder.name))


def _on_test(store: Store, run: Run, progress: Progress) -> Evaluation | None:
    test = pinned_held_out(store, Path(run.folder))
    if test is None:
        return None
    return evaluate(store, run, test.dataset, test.label_map, test.allow_leaks, progress)


def close(store: Store, run: Run, evaluation: Evaluation) -> Run:
    """Write the headline figures and the time into the run's description, and list it as finished."""
    # The name may have been changed while the run was going on.
    done = finished(replace(run, name=get_run(store, run.id).name), headline(evaluation))
    path = Path(run.folder) / "run.json"
    values: dict[str, Any] = {**read_json(path), **asdict(done), "device": device_words(path.parent)}
    del values["folder"]
    write_json(path, values)
    save_run(store, done)
    return done
