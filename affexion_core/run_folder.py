"""A run's folder: everything about a run in plain files, complete without the database.

``run.json`` what it is · ``config.json`` the recipe · ``split.json`` who trained and who tested · ``history.jsonl``
a line an epoch · ``model.safetensors`` and ``model.json`` · ``evaluations/<name>.json`` and ``predictions/<name>.csv``
for each set it was measured on · ``folds/<k>/`` a folder of the same kind for each fold.
"""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affexion_core.errors import ModelError, NotFoundError, allowed
from affexion_core.evaluation.dimensions import DimensionScores, dimension_from_json
from affexion_core.evaluation.folds import FoldSummary, fold_summary_from_json, fold_summary_to_json
from affexion_core.evaluation.inputs import InputScores, InputShare, input_scores_from_json
from affexion_core.evaluation.scores import Scores, scores_from_json, scores_to_json
from affexion_core.types import Run, Scheme, Split, Trace, traces

FORMAT = 1


@dataclass(frozen=True)
class Evaluation:
    """A run measured on one set of clips.

    ``part`` says which: ``train`` (the training clips themselves), ``cv`` (each clip by the fold that hadn't seen
    it), or ``test``. ``stamp`` is the split's: clean, leaky or not verifiable. ``left_out`` counts clips by label
    that were not scored. ``folds`` holds the spread over fold models, where there are any. ``dimensions`` holds the
    figures of each dimension that the run predicts; of a run that learned no labels, ``scores`` counts no clips.
    ``inputs`` says how much each input counted, where the model weighs several.
    """

    name: str
    dataset: str
    part: str
    stamp: str
    scores: Scores
    created: str
    snapshot: str = ""
    label_map: str | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    folds: FoldSummary | None = None
    dimensions: tuple[DimensionScores, ...] = ()
    inputs: tuple[InputScores, ...] = ()


@dataclass(frozen=True)
class ScoredClip:
    """One clip's reference, prediction and probabilities (in label order); ``fold`` where a fold model spoke.

    ``values`` are the predicted numbers and ``reference_values`` those of the dataset (None where it has none), in the
    order of the evaluation's dimensions. Of a run that learned no labels, ``predicted`` is empty. ``inputs`` says how
    much each input counted; None where the model has one.
    """

    clip_id: str
    reference: str
    predicted: str
    probs: tuple[float, ...]
    fold: int | None = None
    values: tuple[float, ...] = ()
    reference_values: tuple[float | None, ...] = ()
    inputs: tuple[InputShare, ...] | None = None


def now() -> str:
    """Give the time as ISO 8601 UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def new_run_id(preset: str) -> str:
    """Make a run id that sorts by time and says its preset, e.g. ``20261120-164437-linear-3f2a``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{preset}-{secrets.token_hex(2)}"


def write_json(path: Path, values: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
    os.replace(partial, path)


def read_json(path: Path) -> Any:
    """Read a JSON file of a run folder.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path.parent} is not a complete run: {path.name} is missing.") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} can't be read: {error}.") from error


def write_run(run: Run, extra: Mapping[str, Any]) -> None:
    """Write ``run.json``: the run itself, and what else should be known (versions, seed, device)."""
    values = {"format": FORMAT, **asdict(run), **extra}
    del values["folder"]
    write_json(Path(run.folder) / "run.json", values)


def read_run(folder: Path) -> Run:
    """Read what a run folder says it is."""
    values = read_json(folder / "run.json")
    try:
        fields = {name: values[name] for name in Run.__dataclass_fields__ if name != "folder"}
        return Run(**{**fields, "folder": str(folder), "labels": tuple(fields["labels"])})
    except (KeyError, TypeError) as error:
        raise ModelError(f"{folder / 'run.json'} is not a run description of this version: {error}.") from None


def read_dimensions(folder: Path) -> tuple[Scheme, ...]:
    """Read which dimensions a run learns, with their ranges; empty where it learns labels alone."""
    found = read_json(folder / "run.json").get("dimensions", ())
    return tuple(Scheme(each["name"], (), each["low"], each["high"]) for each in found)


def read_config(folder: Path) -> dict[str, Any]:
    """Read the recipe as plain values."""
    return read_json(folder / "config.json")


def read_history(folder: Path) -> tuple[dict[str, float], ...]:
    """Read the history, a row an epoch; a last line cut short by a crash is left out."""
    path = folder / "history.jsonl"
    if not path.is_file():
        return ()
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return tuple(rows)


def append_history(folder: Path, row: Mapping[str, float]) -> None:
    """Add an epoch to the history."""
    with (folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def write_history(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write the history anew, as at the start of a training or when it goes on from a checkpoint."""
    partial = folder / f".history.{os.getpid()}"
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    os.replace(partial, folder / "history.jsonl")


def fold_folders(folder: Path) -> tuple[Path, ...]:
    """List the fold folders of a cross-validation in order; empty for any other run."""
    found = [path for path in (folder / "folds").glob("*") if path.name.isdigit()]
    return tuple(sorted(found, key=lambda path: int(path.name)))


def write_split(folder: Path, split: Split, group: str) -> None:
    """Write who trained and who tested, on which labels and votes, with what later leak checks need."""
    parts = {"train": split.train, "dev": split.dev, "test": split.test}
    clips = [
        {**asdict(trace), "label": item.label, "part": part}
        | ({"votes": dict(item.votes)} if item.votes else {})
        | ({"values": dict(item.values)} if item.values else {})
        for part, items in parts.items()
        for item, trace in zip(items, traces(items), strict=True)
    ]
    write_json(folder / "split.json", {"group": group, "stamp": split.stamp(), "clips": clips})


def seen_in_training(folder: Path) -> tuple[Trace, ...]:
    """List what a run saw while training (train and dev; for a cross-validation, of all folds together)."""
    seen = {}
    for each in fold_folders(folder) or (folder,):
        for row in read_json(each / "split.json")["clips"]:
            if row["part"] != "test":
                seen[row["clip_id"]] = Trace(row["clip_id"], row["origin"], row["speaker"], row["text"])
    return tuple(seen.values())


def write_evaluation(folder: Path, evaluation: Evaluation, scored: Sequence[ScoredClip]) -> None:
    """Write an evaluation and its predictions by clip, replacing an older one of the same name."""
    stem = file_stem(evaluation.name)
    values = {
        "name": evaluation.name,
        "dataset": evaluation.dataset,
        "part": evaluation.part,
        "stamp": evaluation.stamp,
        "created": evaluation.created,
        "snapshot": evaluation.snapshot,
        "label_map": evaluation.label_map,
        "left_out": dict(evaluation.left_out),
        "scores": scores_to_json(evaluation.scores),
        "folds": fold_summary_to_json(evaluation.folds) if evaluation.folds else None,
        "dimensions": [asdict(each) for each in evaluation.dimensions],
        "inputs": [asdict(each) for each in evaluation.inputs],
    }
    path = folder / "predictions" / f"{stem}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_prediction_cells(evaluation, scored))
    write_json(folder / "evaluations" / f"{stem}.json", values)


def _prediction_cells(evaluation: Evaluation, scored: Sequence[ScoredClip]) -> Iterator[list[str | int]]:
    """Write predictions as a table: a row of names, then one a clip."""
    beside = [f"{what}:{each.name}" for what in ("value", "reference") for each in evaluation.dimensions]
    probs = [f"p:{label}" for label in evaluation.scores.labels]
    weighed = dict.fromkeys(one.front_end for row in scored for one in row.inputs or ())
    inputs = [f"{what}:{name}" for name in weighed for what in ("share", "alone")]
    yield ["clip", "reference", "predicted", "fold", *probs, *beside, *inputs]
    for row in scored:
        fold = "" if row.fold is None else row.fold
        said = ("" if value is None else f"{value:.6f}" for value in (*row.values, *row.reference_values))
        heard = [cell for one in row.inputs or () for cell in (f"{one.share:.6g}", one.label or "")]
        yield [
            *(row.clip_id, row.reference, row.predicted, fold),
            *(f"{p:.6f}" for p in row.probs),
            *(*said, *heard),
        ]


def evaluation_names(folder: Path) -> tuple[str, ...]:
    """List what a run was measured on: ``train``, ``cv``, and test datasets by name, newest first."""
    files = sorted((folder / "evaluations").glob("*.json"), key=lambda path: -path.stat().st_mtime_ns)
    return tuple(read_json(path)["name"] for path in files)


def read_evaluation(folder: Path, name: str) -> Evaluation:
    """Read one evaluation.

    Raises
    ------
    NotFoundError
        If the run was not measured on that.
    """
    path = folder / "evaluations" / f"{file_stem(name)}.json"
    if not path.is_file():
        raise NotFoundError(f"This run was not measured on {name!r}. It was on {allowed(evaluation_names(folder))}.")
    values = read_json(path)
    scores = scores_from_json(values.pop("scores"))
    folds = values.pop("folds")
    # evaluations of earlier versions name no dimensions
    dimensions = tuple(dimension_from_json(each) for each in values.pop("dimensions", ()))
    inputs = tuple(input_scores_from_json(each) for each in values.pop("inputs", ()))
    summary = fold_summary_from_json(folds) if folds else None
    return Evaluation(**values, scores=scores, folds=summary, dimensions=dimensions, inputs=inputs)


def read_predictions(folder: Path, name: str) -> tuple[ScoredClip, ...]:
    """Read an evaluation's predictions by clip."""
    path = folder / "predictions" / f"{file_stem(name)}.csv"
    if not path.is_file():
        known = allowed(evaluation_names(folder))
        raise NotFoundError(f"Run {folder.name} was not measured on {name!r}. It was on {known}.")
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    places: dict[str, list[int]] = {kind: [] for kind in ("p", "value", "reference", "share", "alone")}
    for place, cell in enumerate(header[4:], start=4):
        places[cell.partition(":")[0]].append(place)
    names = [header[place].partition(":")[2] for place in places["share"]]
    return tuple(
        ScoredClip(
            *(row[0], row[1], row[2], tuple(float(row[i]) for i in places["p"]), int(row[3]) if row[3] else None),
            values=tuple(float(row[i]) for i in places["value"]),
            reference_values=tuple(float(row[i]) if row[i] else None for i in places["reference"]),
            inputs=tuple(
                InputShare(name, float(row[share]), row[label] or None)
                for name, share, label in zip(names, places["share"], places["alone"], strict=True)
            )
            or None,
        )
        for row in rows
    )


def file_stem(name: str) -> str:
    """Make a safe file name of a dataset's name; distinct names stay distinct."""
    safe = re.sub(r"[^A-Za-z0-9_-]", lambda match: f"%{ord(match.group()):x}", name)
    return safe[:150]


def finished(run: Run, summary: Mapping[str, Any]) -> Run:
    """Give the run as it stands once done."""
    return replace(run, finished=now(), summary=summary)
