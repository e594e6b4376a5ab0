"""The report of one run: model card, every measurement with its figures, how it learnt, its settings and datasheets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from affexion_core.errors import ModelError, NotFoundError
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling.datasheet import datasheet_of
from affexion_core.report.document import Block, Picture, Report, Section, Table, Text
from affexion_core.report.model_card import figure, measured_on, model_card, principal
from affexion_core.run_folder import (
    Evaluation,
    evaluation_names,
    fold_folders,
    read_config,
    read_evaluation,
    read_history,
    read_json,
    read_predictions,
)
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.session import Store
from affexion_core.types import Dataset, Run

_FIGURES = {"accuracy": "accuracy", "uar": "UAR", "macro_precision": "macro precision", "macro_f1": "macro F1"}


def report_of_run(store: Store, run: Run) -> Report:
    """Put together the report of a run.

    Parameters
    ----------
    store
        The store that holds its datasets; what is no longer there is named as gone.
    run
        A finished run.

    Raises
    ------
    ModelError
        If the run has not finished, or files of its folder are missing or damaged.
    """
    folder = Path(run.folder)
    if run.finished is None:
        raise ModelError(f"Run {run.name or run.id} has not finished; a report needs its figures. Wait, or resume it.")
    origins = {summary.name: summary.origin for summary in list_datasets(store)}
    evaluations = [read_evaluation(folder, name) for name in evaluation_names(folder)]
    first = principal(evaluations, origins)
    evaluations.sort(key=lambda one: (one is not first, one.name))
    sections = [
        _summary(evaluations),
        model_card(run, evaluations, _dataset(store, run.train_dataset), origins),
        *(_measurement(run, one) for one in evaluations),
        *_learning(run),
        settings_section(run),
        *datasheet_sections(store, [run.train_dataset, *(one.dataset for one in evaluations)]),
    ]
    subtitle = f"{run.preset}, trained on {run.train_dataset}, finished {run.finished[:10]}. Run {run.id}."
    return Report(run.name or run.id, subtitle, tuple(sections))


def _dataset(store: Store, name: str) -> Dataset | None:
    try:
        return load_dataset(store, name)
    except NotFoundError:
        return None


def _summary(evaluations: list[Evaluation]) -> Section:
    if not evaluations:
        return Section("Figures", (Text("It was not measured on anything."),))
    rows = tuple(
        (measured_on(one), one.stamp, *(figure(getattr(one.scores, key)) for key in _FIGURES)) for one in evaluations
    )
    columns = ("measured on", "split", *_FIGURES.values())
    return Section("Figures", (Table(columns, rows, "Value, 95 % interval and number of clips."),))


def _measurement(run: Run, evaluation: Evaluation) -> Section:
    from affexion_core.plots.classes import plot_class_scores
    from affexion_core.plots.confusion import plot_confusion

    scores = evaluation.scores
    if not scores.labels:
        beside = Text(f"Split: *{evaluation.stamp}*. Dataset `{evaluation.dataset}`, {_pinned(evaluation)}.")
        return Section(f"Measured on {measured_on(evaluation)}", (beside, *_dimensions(run, evaluation)))
    speakers = f"{scores.n_speakers} speakers" if scores.n_speakers else "speakers unknown"
    n = f"n = {scores.n} clips, {speakers}"
    blocks: list[Block] = [
        Text(f"Split: *{evaluation.stamp}*. Dataset `{evaluation.dataset}`, {_pinned(evaluation)}."),
        Picture(plot_confusion(scores.labels, scores.confusion), f"Reference in rows, prediction in columns; {n}."),
        Picture(plot_class_scores(scores.per_class), f"By label, with 95 % intervals; {n}."),
        *_certainty(run, evaluation),
        *_dimensions(run, evaluation),
        *_inputs(evaluation),
        *_folds(run, evaluation),
        *_attention(run, evaluation),
    ]
    if evaluation.left_out:
        left = ", ".join(f"{label} {count}" for label, count in evaluation.left_out.items())
        blocks.append(Text(f"Left out by the label map `{evaluation.label_map}`: {left}."))
    return Section(f"Measured on {measured_on(evaluation)}", tuple(blocks))


def _dimensions(run: Run, evaluation: Evaluation) -> Iterator[Block]:
    from affexion_core.plots.dimensions import dimension_points, plot_dimension

    if not evaluation.dimensions:
        return
    rows = tuple(
        (each.name, f"{each.low:g} to {each.high:g}", *map(_number, (each.ccc, each.pearson, each.mae)))
        for each in evaluation.dimensions
    )
    columns = ("dimension", "scale", "CCC", "correlation", "mean error")
    yield Table(columns, rows, "Value, 95 % interval and number of clips.")
    try:
        scored = read_predictions(Path(run.folder), evaluation.name)
    except (ModelError, NotFoundError):
        return
    for place, each in enumerate(evaluation.dimensions):
        caption = f"Predicted over the dataset's {each.name}; n = {each.n} clips."
        yield Picture(plot_dimension(each, dimension_points(scored, place)), caption)


def _inputs(evaluation: Evaluation) -> Iterator[Block]:
    from affexion_core.evaluation.inputs import input_words
    from affexion_core.plots.inputs import plot_input_shares

    if evaluation.inputs:
        words = input_words([*dict.fromkeys(each.front_end for each in evaluation.inputs)])
        n = f"{evaluation.inputs[0].share.n} of {evaluation.scores.n} clips"
        caption = f"How much each input counted by label, with 95 % intervals; {n} have all."
        yield Picture(plot_input_shares(evaluation.inputs, words), caption)


def _number(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}, n = {estimate.n})"


def _pinned(evaluation: Evaluation) -> str:
    return f"labels pinned by `{evaluation.snapshot[:16]}`" if evaluation.snapshot else "labels not pinned"


def _certainty(run: Run, evaluation: Evaluation) -> Iterator[Block]:
    from affexion_core.evaluation.calibration import arrays_of
    from affexion_core.evaluation.reliability import reliability
    from affexion_core.plots.reliability import plot_reliability

    try:
        rows = read_predictions(Path(run.folder), evaluation.name)
    except (ModelError, NotFoundError):
        return
    probs, truth = arrays_of(rows, run.labels)
    found = reliability(probs.max(axis=1), probs.argmax(axis=1) == truth)
    caption = f"How sure it is against how often it is right, as trained; ECE {figure(found.ece)}."
    yield Picture(plot_reliability(found), caption)


def _folds(run: Run, evaluation: Evaluation) -> Iterator[Block]:
    from affexion_core.plots.folds import plot_folds

    if evaluation.folds:
        values = {_FIGURES.get(name, name): spread.values for name, spread in evaluation.folds.items()}
        n = max(len(folds) for folds in values.values())
        yield Picture(plot_folds(values, len(run.labels)), f"{n} folds: one dot a fold model, the bar their mean.")


def _attention(run: Run, evaluation: Evaluation) -> Iterator[Block]:
    """Show the deletion check where it was done."""
    from affexion_core.explain.attention import has_attention
    from affexion_core.explain.deletion import MOVED, RANDOM, verdict
    from affexion_core.explain.evaluated import kept_deletion
    from affexion_core.plots.attention import plot_deletion

    found = kept_deletion(run, evaluation.name) if has_attention(run) else None
    if found is None:
        return
    yield Text(f"**Does attention point at what it uses?** {verdict(found)}")
    rows = tuple((f"against {order}", _points(found.areas[order])) for order in (MOVED, RANDOM))
    yield Table(("most attended frames deleted", "the answer's probability falls by"), rows, found.areas[MOVED].method)
    caption = f"Probability of the answer as frames are deleted, with 95 % bands; n = {found.n_clips} clips."
    yield Picture(plot_deletion(found, "probability", len(run.labels)), caption)


def _points(difference: Estimate) -> str:
    value, low, high = (100 * (part or 0.0) for part in (difference.value, difference.low, difference.high))
    return f"{value:.1f} points more ({low:.1f} to {high:.1f}, n = {difference.n})"


def _learning(run: Run) -> Iterator[Section]:
    from affexion_core.plots.learning import plot_learning

    folder = Path(run.folder)
    folds = fold_folders(folder)
    history = read_history(folds[0] if folds else folder)
    if len(history) > 1 and "train_loss" in history[0]:
        which = " The first fold's." if folds else ""
        caption = f"{len(history)} epochs.{which} Solid: training clips; dashed, where there are any: dev clips."
        yield Section("How it learnt", (Picture(plot_learning(history, len(run.labels)), caption),))


def settings_section(run: Run) -> Section:
    """List the settings of a run, with its versions, seed and device, and the hash that pins its labels."""
    folder = Path(run.folder)
    made = read_json(folder / "run.json")
    known = [(name, made[name]) for name in ("created", "finished", "device", "threads", "seed") if name in made]
    known += [(f"version of {name}", value) for name, value in made.get("versions", {}).items()]
    rows = tuple((name, _plain(value)) for name, value in (*known, *_flat(read_config(folder))))
    pinned = Text(f"Its training labels are pinned by the hash `{run.train_snapshot}`.")
    return Section("Settings", (Table(("setting", "value"), rows), pinned))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def datasheet_sections(store: Store, names: list[str]) -> Iterator[Section]:
    """Give the datasheet of each dataset, once; of one that is gone, that it is."""
    for name in dict.fromkeys(names):
        try:
            # without its title, which stands above; its other headings stand below the report's own
            text = re.sub(r"^# .*\n", "", datasheet_of(store, name), count=1)
            text = re.sub(r"^(#+)", r"#\1", text, flags=re.MULTILINE)
        except NotFoundError:
            text = "This dataset is no longer in the workspace."
        yield Section(f"Datasheet of {name}", (Text(text),))
