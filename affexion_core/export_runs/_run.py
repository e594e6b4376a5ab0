"""A run as exporters see it: everything in its folder, as plain values, with its folds or trials below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from affexion_core.errors import ConfigError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Estimate, Scores
from affexion_core.run_folder import (
    Evaluation,
    evaluation_names,
    file_stem,
    fold_folders,
    read_config,
    read_evaluation,
    read_history,
    read_json,
    read_predictions,
    read_run,
)
from affexion_core.training.device import device_words
from affexion_core.types import Run

_MACRO = ("accuracy", "uar", "macro_precision", "macro_f1")
_PER_CLASS = ("precision", "recall", "f1")
# Files of a run folder that say how it came about; weights stay where they are.
_FILES = ("config.json", "run.json", "split.json", "datasets.json", "sweep.json", "history.jsonl")


@dataclass(frozen=True)
class Measured:
    """A run's figures on one set of clips.

    ``figures`` by name (``accuracy``, ``recall of panic``), the undefined ones left out; ``confusion[i][j]`` counts
    clips of reference ``labels[i]`` predicted as ``labels[j]``; ``at`` is the time of measuring in unix seconds.
    """

    name: str
    stamp: str
    n: int
    figures: Mapping[str, Estimate]
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    at: float


@dataclass(frozen=True)
class ExportedRun:
    """One run, or a part of one.

    ``params`` the recipe by dotted name; ``tags`` what else is known; ``epochs`` a row an epoch with ``at`` (unix
    seconds) added; ``stem`` a name for files; ``parts`` its folds or trials. Times are unix seconds, ``finished`` None
    where it is not.
    """

    id: str
    title: str
    stem: str
    params: Mapping[str, str | int | float | bool]
    tags: Mapping[str, str]
    epochs: tuple[Mapping[str, float], ...]
    measured: tuple[Measured, ...]
    started: float
    finished: float | None
    files: tuple[Path, ...]
    parts: tuple[ExportedRun, ...] = ()

    def __iter__(self) -> Iterator[ExportedRun]:
        """Give the run and all below it, each before its parts."""
        yield self
        for part in self.parts:
            yield from part


@dataclass(frozen=True)
class Exported:
    """What an export came to: ``place`` in words that its tracker takes, ``n`` runs with all parts."""

    place: str
    n: int
    look: str


def exported_run(run: Run) -> ExportedRun:
    """Read a run's folder for export.

    Raises
    ------
    ModelError
        If the folder is incomplete or damaged.
    """
    folder = Path(run.folder)
    description = read_json(folder / "run.json")
    evaluations = tuple(read_evaluation(folder, name) for name in sorted(evaluation_names(folder)))
    measured = tuple(_measured(evaluation.name, evaluation, evaluation.scores) for evaluation in evaluations)
    started = _seconds(run.created)
    made = ExportedRun(
        id=run.id,
        title=run.name or run.id,
        stem=file_stem(run.id),
        params={**_flat(read_config(folder)), **_data_params(run, description)},
        tags=_tags(run, description, measured),
        epochs=tuple(_timed(read_history(folder), started)),
        measured=measured,
        started=started,
        finished=_seconds(run.finished) if run.finished else None,
        files=tuple(folder / name for name in _FILES if (folder / name).is_file()),
    )
    return replace(made, parts=_trials(folder) if run.kind == "sweep" else _folds(folder, evaluations))


def _folds(folder: Path, evaluations: tuple[Evaluation, ...]) -> tuple[ExportedRun, ...]:
    parts = []
    for fold in fold_folders(folder):
        part = exported_run(read_run(fold))
        # a fold's description doesn't say when it was done; its model file says that it is
        ended = part.epochs[-1]["at"] if part.epochs and (fold / "model.json").is_file() else None
        measured = _of_fold(folder, int(fold.name), evaluations)
        parts.append(replace(part, title=f"fold {fold.name}", measured=measured, finished=ended))
    return tuple(parts)


def _trials(folder: Path) -> tuple[ExportedRun, ...]:
    found = sorted((path for path in (folder / "trials").glob("*") if path.name.isdigit()), key=lambda p: int(p.name))
    return tuple(replace(exported_run(read_run(path)), title=f"trial {path.name}") for path in found)


def _of_fold(folder: Path, k: int, evaluations: tuple[Evaluation, ...]) -> tuple[Measured, ...]:
    """Score the clips that fold ``k`` held out; sets that all folds predict together have no figures by fold."""
    found = []
    for evaluation in evaluations:
        rows = [row for row in read_predictions(folder, evaluation.name) if row.fold == k]
        if rows and evaluation.scores.labels:
            scores = score([row.reference for row in rows], [row.predicted for row in rows], evaluation.scores.labels)
            found.append(_measured(evaluation.name, replace(evaluation, dimensions=()), scores))
    return tuple(found)


def _measured(name: str, evaluation: Evaluation, scores: Scores) -> Measured:
    figures = {metric: getattr(scores, metric) for metric in _MACRO}
    for row in scores.per_class:
        figures |= {f"{metric} of {row.label}": getattr(row, metric) for metric in _PER_CLASS}
    for each in evaluation.dimensions:
        figures |= {f"CCC of {each.name}": each.ccc, f"correlation of {each.name}": each.pearson}
    defined = {key: estimate for key, estimate in figures.items() if estimate.value is not None}
    at = _seconds(evaluation.created)
    return Measured(name, evaluation.stamp, scores.n, defined, scores.labels, scores.confusion, at)


def _flat(config: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Name every setting of a recipe: ``training.epochs``, ``affexion.hidden``, ``mfcc.n_mfcc``, ``seed``."""
    model = config["model"]
    sections = {"inputs": config["inputs"], "training": config["training"], "model": model["config"]}
    sections |= {"preprocessing": config.get("preprocessing", {})}
    sections |= {part["name"]: part["config"] for part in config["front_ends"]}
    values: dict[str, Any] = {
        "preset": config["preset"],
        "model": model["name"],
        "front_ends": ", ".join(part["name"] for part in config["front_ends"]),
        "seed": config["seed"],
    }
    for section, settings in sections.items():
        values |= {f"{section}.{key}": value for key, value in settings.items()}
    return {key: value if isinstance(value, str | int | float | bool) else str(value) for key, value in values.items()}


def _data_params(run: Run, description: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    known = {"train": run.train_dataset, "test": run.test_dataset}
    known |= {name: description.get(name) for name in ("folds", "group", "fold")}
    return {f"data.{name}": value for name, value in known.items() if value is not None}


def _tags(run: Run, description: Mapping[str, Any], measured: tuple[Measured, ...]) -> dict[str, str]:
    headline = next((found for found in measured if found.name == run.summary.get("on")), None)
    tags = {
        "kind": run.kind,
        "preset": run.preset,
        "device": device_words(Path(run.folder)),
        "train_snapshot": run.train_snapshot,
        "labels": ", ".join(run.labels),
        "stamp": headline.stamp if headline else "not measured yet",
        **{f"stamp.{found.name}": found.stamp for found in measured},
        **{f"version.{name}": str(value) for name, value in description.get("versions", {}).items()},
    }
    return {**tags, "parent": run.parent} if run.parent else tags


def _timed(rows: tuple[dict[str, float], ...], started: float) -> Iterator[dict[str, float]]:
    """Add the time at which each epoch ended, as far as the seconds of the epochs tell it."""
    at = started
    for row in rows:
        at += row.get("seconds", 0.0)
        yield {**row, "at": at}


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def missing_extra(label: str, package: str, requirements: str) -> ConfigError:
    """Say what to install for an exporter whose library is not there."""
    return ConfigError(
        f"Exports to {label} need the package {package}, which is not installed; run `pip install -r {requirements}`."
    )
