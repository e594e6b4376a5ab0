"""Measure a run on a dataset: check for leaks, predict, score, and keep it in the run folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affexion_core.differences.leaks import stamp_heard
from affexion_core.errors import LabelError, SplitError, allowed
from affexion_core.evaluation.dimensions import DimensionScores, score_dimension
from affexion_core.evaluation.folds import FoldSummary, summarise_folds
from affexion_core.evaluation.inputs import InputScores, input_shares, score_inputs
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Scores, scores_to_json
from affexion_core.evaluation.selection import stamp_of_trial
from affexion_core.evaluation.transductive import stamp_adapted
from affexion_core.ingest.label_maps import LabelMap, apply
from affexion_core.run_folder import (
    Evaluation,
    ScoredClip,
    now,
    seen_in_training,
    write_evaluation,
)
from affexion_core.store.runs import EvaluationRecord, save_evaluation
from affexion_core.store.session import Store
from affexion_core.training.dimensions import check_measurable
from affexion_core.types import (
    Dataset,
    LabelledClip,
    Progress,
    Run,
    Scheme,
    Trace,
    describe_leaks,
    no_progress,
    shared_traces,
    split_stamp,
    traces,
)

if TYPE_CHECKING:
    from affexion_core.predictor import Outcome, Predictor


@dataclass(frozen=True)
class Measured:
    """Clips with labels the run knows, and what was left out to get there."""

    items: tuple[LabelledClip, ...]
    left_out: Mapping[str, int]


def fit_labels(dataset: Dataset, labels: Sequence[str], label_map: LabelMap | None) -> Measured:
    """Bring a dataset's labels to those a run knows, through a map where one is given.

    Raises
    ------
    LabelError
        If the dataset is empty, or has labels the run doesn't know and no map says what to do with them.
    """
    if not dataset.items:
        raise LabelError(f"Dataset {dataset.name!r} has no labelled clips; there is nothing to measure.")
    if not labels:  # the run predicts numbers alone, and what the clips are called doesn't matter
        return Measured(dataset.items, {})
    if label_map is None:
        return Measured(_known(dataset, labels), {})
    kept, left_out = [], Counter[str]()
    for item in dataset.items:
        target = apply(label_map, item.label, item.clip.attributes)
        if target is None:
            left_out[item.label] += 1
        elif target not in labels:
            raise LabelError(
                f"Label map {label_map.name!r} turns {item.label!r} into {target!r}, which the run doesn't know; "
                f"it knows {allowed(labels)}."
            )
        else:
            kept.append(replace(item, label=target))
    if not kept:
        raise LabelError(f"Label map {label_map.name!r} leaves no clip of dataset {dataset.name!r}.")
    return Measured(tuple(kept), dict(left_out))


def _known(dataset: Dataset, labels: Sequence[str]) -> tuple[LabelledClip, ...]:
    unknown = Counter(item.label for item in dataset.items if item.label not in labels)
    if unknown:
        shown = ", ".join(f"{label!r} ({n} clips)" for label, n in unknown.most_common())
        raise LabelError(
            f"Dataset {dataset.name!r} has labels the run doesn't know: {shown}. The run knows {allowed(labels)}. "
            "Choose a label map that says what each becomes, with an empty target to leave it out.",
            change=("label_map",),
        )
    return dataset.items


def stamp_for_test(seen: Sequence[Trace], items: Sequence[LabelledClip], dataset: str, allow_leaks: bool) -> str:
    """Check test clips against what a run trained on, and say whether they are clean of it.

    Raises
    ------
    SplitError
        If they share clips, speakers, voices or texts and ``allow_leaks`` is not set.
    """
    tested = traces(items)
    leaks = shared_traces(seen, tested)
    if leaks and not allow_leaks:
        raise SplitError(
            f"Dataset {dataset!r} shares {describe_leaks(leaks)} with what the run trains on. Choose another test set, "
            "or allow the leak: the figures are then stamped leaky.",
            change=("allow_leaks",),
        )
    return split_stamp(seen, tested)


def scored_outcome(
    items: Sequence[LabelledClip], predictor: Predictor, outcome: Outcome, fold: int | None = None
) -> tuple[ScoredClip, ...]:
    """Put reference, prediction and probabilities together, clip by clip; numbers and inputs where there are any."""
    rows = scored_clips(items, predictor.labels, outcome.probs, fold)
    inputs = input_shares([front_end.name for front_end in predictor.front_ends], predictor.labels, outcome)
    if inputs is not None:
        rows = tuple(replace(row, inputs=weighed) for row, weighed in zip(rows, inputs, strict=True))
    if outcome.values is None:
        return rows
    names = [scheme.name for scheme in predictor.dimensions]
    return tuple(
        replace(
            row,
            values=tuple(map(float, said)),
            reference_values=tuple((item.values or {}).get(name) for name in names),
        )
        for row, item, said in zip(rows, items, outcome.values, strict=True)
    )


def scored_clips(
    items: Sequence[LabelledClip], labels: Sequence[str], probs: np.ndarray, fold: int | None = None
) -> tuple[ScoredClip, ...]:
    """Put reference, prediction and probabilities together, clip by clip."""
    return tuple(
        ScoredClip(
            item.clip.id, item.label, labels[int(row.argmax())] if labels else "", tuple(float(p) for p in row), fold
        )
        for item, row in zip(items, probs, strict=True)
    )


def score_clips(items: Sequence[LabelledClip], scored: Sequence[ScoredClip], labels: Sequence[str]) -> Scores:
    """Score predicted labels, with intervals that know which clips are by the same speaker; none without labels."""
    if not labels:
        return score([], [], ())
    return score(
        [row.reference for row in scored],
        [row.predicted for row in scored],
        tuple(labels),
        speakers=[item.clip.speaker for item in items],
    )


def score_values(
    items: Sequence[LabelledClip], scored: Sequence[ScoredClip], dimensions: Sequence[Scheme]
) -> tuple[DimensionScores, ...]:
    """Score predicted numbers, dimension by dimension, on the clips that have one."""
    speakers = [item.clip.speaker for item in items]
    return tuple(
        score_dimension(
            *(scheme, [row.reference_values[place] for row in scored], [row.values[place] for row in scored]),
            speakers=speakers,
        )
        for place, scheme in enumerate(dimensions)
    )


def score_shares(
    items: Sequence[LabelledClip], scored: Sequence[ScoredClip], labels: Sequence[str]
) -> tuple[InputScores, ...]:
    """Average how much each input counted, by label; empty where the model has one."""
    return score_inputs(
        *([row.inputs for row in scored], [row.reference for row in scored], labels),
        speakers=[item.clip.speaker for item in items],
    )


def fold_spread(items: Sequence[LabelledClip], labels: Sequence[str], outcome: Outcome) -> FoldSummary | None:
    """Spread of the figures over fold models on the same clips; None for a single model."""
    if len(outcome.probs_by_model) < 2 or not labels:
        return None
    return summarise_folds(
        [score_clips(items, scored_clips(items, labels, probs), labels) for probs in outcome.probs_by_model]
    )


def evaluate(
    store: Store,
    run: Run,
    dataset: Dataset,
    label_map: LabelMap | None = None,
    allow_leaks: bool = False,
    progress: Progress = no_progress,
) -> Evaluation:
    """Measure a run on a dataset and keep the result in its folder and the store.

    Raises
    ------
    LabelError
        If labels don't fit. See `fit_labels`.
    SplitError
        If the dataset leaks into what the run trained on. See `stamp_for_test`.
    """
    from affexion_core.predictor import Predictor

    folder = Path(run.folder)
    predictor = Predictor.load(folder)
    measured = fit_labels(dataset, predictor.labels, label_map)
    if predictor.dimensions:
        check_measurable(dataset, measured.items, predictor.dimensions)
    seen = seen_in_training(folder)
    stamp = stamp_for_test(seen, measured.items, dataset.name, allow_leaks)
    stamp = stamp_heard(store, [trace.clip_id for trace in seen], measured.items, stamp, progress)
    stamp = stamp_adapted(folder, measured.items, stamp)
    outcome = predictor.of_clips(store.workspace, [item.clip for item in measured.items], progress)
    scored = scored_outcome(measured.items, predictor, outcome)
    evaluation = Evaluation(
        name=evaluation_name(dataset, label_map),
        dataset=dataset.name,
        part="test",
        stamp=stamp_of_trial(run, (item.clip.id for item in measured.items), stamp),
        scores=score_clips(measured.items, scored, predictor.labels),
        created=now(),
        snapshot=dataset.snapshot(),
        label_map=label_map.name if label_map else None,
        left_out=measured.left_out,
        folds=fold_spread(measured.items, predictor.labels, outcome),
        dimensions=score_values(measured.items, scored, predictor.dimensions),
        inputs=score_shares(measured.items, scored, predictor.labels),
    )
    keep(store, run, evaluation, scored)
    return evaluation


def evaluation_name(dataset: Dataset, label_map: LabelMap | None) -> str:
    """Name a measurement by its test set and label map, apart from the names ``train`` and ``cv``."""
    name = f"test set {dataset.name}" if dataset.name in ("train", "cv") else dataset.name
    return name if label_map is None else f"{name} via {label_map.name}"


def keep(store: Store, run: Run, evaluation: Evaluation, scored: Sequence[ScoredClip]) -> None:
    """Write an evaluation into the run folder and list it in the store."""
    write_evaluation(Path(run.folder), evaluation, scored)
    record = EvaluationRecord(
        run_id=run.id,
        name=evaluation.name,
        dataset=evaluation.dataset,
        part=evaluation.part,
        created=evaluation.created,
        stamp=evaluation.stamp,
        summary=headline(evaluation),
    )
    save_evaluation(store, record)


def headline(evaluation: Evaluation) -> dict[str, Any]:
    """Give the few figures a list of runs shows, JSON-ready."""
    values = scores_to_json(evaluation.scores)
    figures = {name: values[name] for name in ("accuracy", "uar", "macro_precision", "macro_f1")}
    n = values["n"] or max((each.n for each in evaluation.dimensions), default=0)
    beside = {"ccc": {each.name: asdict(each.ccc) for each in evaluation.dimensions}} if evaluation.dimensions else {}
    return {"on": evaluation.name, "part": evaluation.part, "stamp": evaluation.stamp, "n": n, **figures, **beside}
