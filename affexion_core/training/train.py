"""Train a model on a dataset, and measure it: one call from labelled clips to a finished run folder."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from affexion_core import __version__
from affexion_core.evaluation.measuring import (
    evaluate,
    fit_labels,
    headline,
    keep,
    score_clips,
    scored_clips,
    stamp_for_test,
)
from affexion_core.extraction import features_of
from affexion_core.ingest.label_maps import LabelMap
from affexion_core.predictor import Predictor
from affexion_core.run_folder import (
    Evaluation,
    append_history,
    finished,
    new_run_id,
    now,
    write_json,
    write_run,
    write_split,
)
from affexion_core.store.runs import save_run
from affexion_core.store.session import Store
from affexion_core.training.batches import ClipFeatures
from affexion_core.training.fit import EpochRow, Examples, fit
from affexion_core.training.model_file import TrainedModel, save_model
from affexion_core.training.run_config import RunConfig, config_to_json
from affexion_core.training.splits import check_labels, set_apart_dev
from affexion_core.types import Clip, Dataset, Progress, Run, RunKind, Split, no_progress, traces

FeaturesById = Mapping[str, ClipFeatures]


@dataclass(frozen=True)
class HeldOut:
    """A dataset to measure a run on once it is trained."""

    dataset: Dataset
    label_map: LabelMap | None = None
    allow_leaks: bool = False


def train(
    store: Store,
    config: RunConfig,
    dataset: Dataset,
    test: HeldOut | None = None,
    name: str | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Train on all of a dataset, measure on its own clips and on a test set, and keep everything.

    Raises
    ------
    SplitError, LabelError, AudioError
        Before anything is written, where the data doesn't allow the run.
    TrainingError
        If training itself fails.
    """
    check_labels(dataset.items, dataset.name)
    labels = run_labels(dataset)
    split = set_apart_dev(Split(dataset.items), config.training.dev_fraction, config.seed)
    check_held_out(dataset, labels, test)
    features = extract_all(store, config, [item.clip for item in dataset.items], progress)

    run = start_run(store, "train", config, dataset, labels, name=name, test=test)
    fit_into(Path(run.folder), config, split, labels, features, epoch_progress(progress, config.training.epochs))
    evaluation = _measure_on_training_clips(store, run, dataset)
    if test:
        evaluation = evaluate(store, run, test.dataset, test.label_map, test.allow_leaks, progress)
    return finish_run(store, run, config, evaluation)


def run_labels(dataset: Dataset) -> tuple[str, ...]:
    """List the labels a model of this dataset tells apart: those with clips, in the scheme's order."""
    present = {item.label for item in dataset.items}
    return tuple(label for label in dataset.scheme.labels if label in present)


def check_held_out(dataset: Dataset, labels: Sequence[str], test: HeldOut | None) -> None:
    """Refuse a test set that doesn't fit or leaks, before any time is spent on training."""
    if test:
        measured = fit_labels(test.dataset, labels, test.label_map)
        stamp_for_test(traces(dataset.items), measured.items, test.dataset.name, test.allow_leaks)


def extract_all(store: Store, config: RunConfig, clips: Sequence[Clip], progress: Progress) -> FeaturesById:
    """Get the features of clips by clip id, through the cache."""
    columns = [features_of(store.workspace, clips, front_end, progress) for front_end in config.front_ends]
    return {clip.id: features for clip, features in zip(clips, zip(*columns, strict=True), strict=True)}


def start_run(
    store: Store,
    kind: RunKind,
    config: RunConfig,
    dataset: Dataset,
    labels: tuple[str, ...],
    name: str | None = None,
    test: HeldOut | None = None,
) -> Run:
    """Make the run's folder with its description and recipe."""
    run_id = new_run_id(config.preset)
    run = Run(
        id=run_id,
        kind=kind,
        preset=config.preset,
        folder=str(store.workspace.runs / run_id),
        labels=labels,
        train_dataset=dataset.name,
        train_snapshot=dataset.snapshot(),
        created=now(),
        test_dataset=test.dataset.name if test else None,
        name=name,
    )
    Path(run.folder).mkdir(parents=True)
    _describe(run, config)
    return run


def _describe(run: Run, config: RunConfig) -> None:
    packages = ("torch", "numpy", "scipy", "soundfile", "soxr", "librosa", "scikit-learn")
    versions = {name: version(name) for name in packages}
    write_run(
        run,
        {
            "seed": config.seed,
            "device": "cpu",
            "versions": {"affexion": __version__, "python": platform.python_version(), **versions},
        },
    )
    write_json(Path(run.folder) / "config.json", config_to_json(config))


def fit_into(
    folder: Path,
    config: RunConfig,
    split: Split,
    labels: Sequence[str],
    features: FeaturesById,
    on_epoch: Callable[[EpochRow], None],
    group: str = "none",
) -> None:
    """Train on a split's train part and leave split, history and model in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_split(folder, split, group)

    def examples(part: str) -> Examples:
        items = getattr(split, part)
        return Examples([features[i.clip.id] for i in items], [labels.index(i.label) for i in items])

    def note(row: EpochRow) -> None:
        append_history(folder, row)
        on_epoch(row)

    fitted = fit(examples("train"), len(labels), config, examples("dev") if split.dev else None, note)
    save_model(folder, TrainedModel(fitted.model, fitted.normalisation, config, tuple(labels)))


def epoch_progress(progress: Progress, epochs: int, before: int = 0, total: int | None = None) -> Callable:
    """Turn epoch rows into progress calls: ``before`` epochs done earlier, ``total`` in all."""

    def report(row: EpochRow) -> None:
        words = f"epoch {row['epoch']:.0f} of {epochs}: loss {row['train_loss']:.3f}"
        progress(before + int(row["epoch"]), total or epochs, words)

    return report


def finish_run(store: Store, run: Run, config: RunConfig, evaluation: Evaluation) -> Run:
    """Close the run's description with its headline figures and list it in the store."""
    done = finished(run, headline(evaluation))
    _describe(done, config)
    save_run(store, done)
    return done


def _measure_on_training_clips(store: Store, run: Run, dataset: Dataset) -> Evaluation:
    save_run(store, run)
    predictor = Predictor.load(Path(run.folder))
    outcome = predictor.of_clips(store.workspace, [item.clip for item in dataset.items])
    scored = scored_clips(dataset.items, predictor.labels, outcome.probs)
    evaluation = Evaluation(
        name="train",
        dataset=dataset.name,
        part="train",
        stamp="leaky: measured on the training clips themselves",
        scores=score_clips(dataset.items, scored, predictor.labels),
        created=now(),
        snapshot=run.train_snapshot,
    )
    keep(store, run, evaluation, scored)
    return evaluation
