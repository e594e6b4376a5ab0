"""A part of a gap study: models that differ in seed or fold alone, each with the clips that it trains on and answers.

A part is a folder: ``part.json`` says how far it is, ``<k>/`` is a run folder for each model, ``k`` from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from affexion_core.errors import ConfigError, ModelError, TrainingError
from affexion_core.evaluation.measuring import score_clips, scored_clips
from affexion_core.evaluation.transductive import pin_target, stamp_adapted
from affexion_core.run_folder import (
    Evaluation,
    ScoredClip,
    now,
    read_evaluation,
    read_json,
    read_predictions,
    read_run,
    write_evaluation,
    write_json,
    write_split,
)
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.training.prepare import describe
from affexion_core.training.run_config import RunConfig
from affexion_core.training.splits import set_apart_dev
from affexion_core.types import Dataset, LabelledClip, Progress, Run, Split, no_progress

PartState = Literal["waiting", "running", "done", "failed"]
# Parts that have come to their end.
OVER: tuple[PartState, ...] = ("done", "failed")
# The one set of clips that a model of a study answers.
MEASURED = "measured"
_NOTE = "part.json"


@dataclass(frozen=True)
class ModelSpec:
    """One training: its recipe, who trains and which clips it answers (``split.test``), and whom it adapts to."""

    config: RunConfig
    split: Split
    adapt_to: Dataset | None = None


@dataclass(frozen=True)
class PartSpec:
    """Models that belong together; ``name`` is that of the folder, ``title`` is for people.

    ``after`` names the part whose models these are once adapted, model by model; None for those that are trained.
    """

    name: str
    title: str
    models: tuple[ModelSpec, ...]
    after: str | None = None


@dataclass(frozen=True)
class PartNote:
    """How far a part is. ``reason`` says why it failed."""

    name: str
    title: str
    n_models: int
    state: PartState = "waiting"
    reason: str | None = None
    after: str | None = None


def part_folder(study: Path, name: str) -> Path:
    """Give the folder of a part."""
    return study / "parts" / name


def model_folders(part: Path) -> tuple[Path, ...]:
    """List the folders of a part's models, in order."""
    found = [path for path in part.glob("*") if path.name.isdigit()]
    return tuple(sorted(found, key=lambda path: int(path.name)))


def prepare_part(study: Run, spec: PartSpec, labels: Sequence[str]) -> None:
    """Write the folder of a part with all that is to be done; ``labels`` in the scheme's order."""
    folder = part_folder(Path(study.folder), spec.name)
    trained = {item.label for model in spec.models for item in model.split.train}
    own = tuple(label for label in labels if label in trained)
    for k, model in enumerate(spec.models, start=1):
        place = folder / str(k)
        place.mkdir(parents=True, exist_ok=True)
        run = replace(study, id=f"{spec.name}-{k}-{study.id}", kind="part", parent=study.id, folder=str(place),
                      labels=own, name=None)  # fmt: skip
        describe(run, model.config, {"part": spec.name, "model": k})
        config = model.config
        write_split(place, set_apart_dev(model.split, config.training.dev_fraction, config.seed), "speaker")
        if model.adapt_to is not None:
            pin_target(place, model.adapt_to)
    write_note(folder, PartNote(spec.name, spec.title, len(spec.models), after=spec.after))


def write_note(folder: Path, note: PartNote) -> None:
    """Note how far a part is."""
    write_json(folder / _NOTE, asdict(note))


def read_note(folder: Path) -> PartNote:
    """Read how far a part is.

    Raises
    ------
    ModelError
        If the folder is no part of a study, or damaged.
    """
    try:
        return PartNote(**read_json(folder / _NOTE))
    except TypeError as error:
        raise ModelError(f"{folder / _NOTE} is damaged ({error}); start the study anew.") from None


def run_part(store: Store, folder: Path, progress: Progress = no_progress) -> PartNote:
    """Train and measure the models of a part from wherever it was left; what is done is not done again.

    A recipe that can't be trained on these clips (a loss that is no number) makes a failed part, which is a result;
    anything else is raised.
    """
    from affexion_core.gap.after import adapt_folder
    from affexion_core.training.execute import fit_folder

    note = read_note(folder)
    if note.state in OVER:
        return note
    note = _noted(folder, replace(note, state="running"))
    folders = model_folders(folder)
    try:
        for k, place in enumerate(folders):
            if note.after is None:
                fit_folder(store, place, _share(progress, k, len(folders)))
            else:
                adapt_folder(store, place, part_folder(folder.parent.parent, note.after) / place.name)
            measure_model(store, place)
            progress(k + 1, len(folders), f"{k + 1} of {len(folders)} models done")
    except (TrainingError, ConfigError) as error:
        return _noted(folder, replace(note, state="failed", reason=str(error)))
    return _noted(folder, replace(note, state="done"))


def _noted(folder: Path, note: PartNote) -> PartNote:
    write_note(folder, note)
    return note


def _share(progress: Progress, k: int, n: int) -> Progress:
    """Give the progress of model ``k`` (from 0) as a part of that of all; whole models are counted."""
    return lambda done, total, what: progress(k, n, f"model {k + 1} of {n}, {what}")


def measure_model(store: Store, place: Path) -> None:
    """Let a trained model answer its clips, and keep the answers; nothing if they are there."""
    if (place / "evaluations" / f"{MEASURED}.json").is_file():
        return
    from affexion_core.predictor import Predictor

    run, split = read_run(place), read_json(place / "split.json")
    rows = [row for row in split["clips"] if row["part"] == "test"]
    clips = get_clips(store, [row["clip_id"] for row in rows])
    items = [LabelledClip(clip, row["label"]) for clip, row in zip(clips, rows, strict=True)]
    outcome = Predictor.load(place).of_clips(store.workspace, clips)
    scored = scored_clips(items, run.labels, outcome.probs)
    labels = tuple(dict.fromkeys((*run.labels, *(item.label for item in items))))
    stamp = stamp_adapted(place, items, split["stamp"])
    scores = score_clips(items, scored, labels)
    write_evaluation(place, Evaluation(MEASURED, str(run.test_dataset), "test", stamp, scores, now()), _padded(
        scored, len(labels)))  # fmt: skip


def _padded(scored: Sequence[ScoredClip], n: int) -> tuple[ScoredClip, ...]:
    """Give answers a probability of 0 for labels that the model has never seen, which are the last ones."""
    return tuple(replace(row, probs=row.probs + (0.0,) * (n - len(row.probs))) for row in scored)


@dataclass(frozen=True)
class Answers:
    """What a model answered: the predicted label and the reference by clip id, and the stamp of its split."""

    predicted: dict[str, str]
    reference: dict[str, str]
    stamp: str
    n_train: int


def read_answers(place: Path) -> Answers | None:
    """Read what a model answered; None while it has not."""
    if not (place / "evaluations" / f"{MEASURED}.json").is_file():
        return None
    rows = read_predictions(place, MEASURED)
    trained = sum(row["part"] == "train" for row in read_json(place / "split.json")["clips"])
    return Answers(
        {row.clip_id: row.predicted for row in rows},
        {row.clip_id: row.reference for row in rows},
        read_evaluation(place, MEASURED).stamp,
        trained,
    )


def followers(study: Path, name: str) -> tuple[str, ...]:
    """List the parts that adapt the models of another, which are done with it."""
    notes = [read_note(path.parent) for path in sorted((study / "parts").glob(f"*/{_NOTE}"))]
    return tuple(note.name for note in notes if note.after == name)


def n_measured(study: Path) -> int:
    """Count the models of a study that are trained and measured."""
    return sum(1 for _ in study.glob(f"parts/*/*/evaluations/{MEASURED}.json"))
