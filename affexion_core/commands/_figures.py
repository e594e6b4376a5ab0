"""Figures of a run as JSON and as text; the same values in both."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from affexion_core.evaluation.folds import fold_summary_to_json
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Estimate, Scores, scores_to_json
from affexion_core.run_folder import Evaluation, read_predictions
from affexion_core.types import Run

HEADLINE = {"accuracy": "accuracy", "uar": "UAR", "macro_precision": "macro precision", "macro_f1": "macro F1"}


def figures_json(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """Give everything measured, JSON-ready, with n and interval on every score."""
    scores = scores_to_json(evaluation.scores)
    values = {
        "run": run.id,
        "kind": run.kind,
        "preset": run.preset,
        "train": run.train_dataset,
        "on": evaluation.name,
        "dataset": evaluation.dataset,
        "part": evaluation.part,
        "label_map": evaluation.label_map,
        "split": evaluation.stamp,
        "n": evaluation.scores.n,
        **{name: scores[name] for name in HEADLINE},
        "per_class": scores["per_class"],
        "confusion": {
            "labels": list(evaluation.scores.labels),
            "matrix": [list(r) for r in evaluation.scores.confusion],
        },
        "left_out": dict(evaluation.left_out),
    }
    if evaluation.dimensions:
        values["dimensions"] = [asdict(each) for each in evaluation.dimensions]
    if evaluation.inputs:
        values["inputs"] = [asdict(each) for each in evaluation.inputs]
    if evaluation.folds:
        values["fold_spread"] = fold_summary_to_json(evaluation.folds)
    if evaluation.part == "cv":
        values["folds"] = _folds(Path(run.folder), evaluation)
    return values


def _folds(folder: Path, evaluation: Evaluation) -> list[dict[str, Any]]:
    """Give the figures of each fold on labels; none where the run learned none."""
    if not evaluation.scores.labels:
        return []
    rows = read_predictions(folder, evaluation.name)
    folds = []
    for fold in sorted({row.fold for row in rows if row.fold is not None}):
        chosen = [row for row in rows if row.fold == fold]
        scores = scores_to_json(
            score([r.reference for r in chosen], [r.predicted for r in chosen], evaluation.scores.labels)
        )
        folds.append({"fold": fold, "n": scores["n"], **{name: scores[name] for name in HEADLINE}})
    return folds


def percent(estimate: Estimate) -> str:
    """Write a score with its interval and n: ``45 % (33–59, n = 52)``."""
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    low, high = (100 * (estimate.low or 0.0), 100 * (estimate.high or 0.0))
    digits = 1 if high - low < 5 else 0
    return f"{100 * estimate.value:.{digits}f} % ({low:.{digits}f}–{high:.{digits}f}, n = {estimate.n})"


def number(estimate: Estimate) -> str:
    """Write a figure of a dimension with its interval and n: ``0.62 (0.51–0.70, n = 52)``."""
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f}, n = {estimate.n})"


def figures_text(run: Run, evaluation: Evaluation) -> str:
    """Write everything measured for people."""
    where = {"train": "its own training clips", "cv": f"held-out folds of {evaluation.dataset}"}
    scores, on = evaluation.scores, where.get(evaluation.part, evaluation.name)
    lines = [f"Run {run.id} ({run.preset}, trained on {run.train_dataset})"]
    if not scores.labels:
        most = max(each.n for each in evaluation.dimensions)
        lines += [f"measured on {on}: {most} clips with values", f"split: {evaluation.stamp}"]
        return "\n".join([*lines, "", *_dimensions(evaluation)])
    lines += [
        f"measured on {on}: {scores.n} clips, {scores.n_speakers} speakers",
        f"split: {evaluation.stamp}",
        "",
        *(f"  {words:<16} {percent(getattr(scores, name))}" for name, words in HEADLINE.items()),
    ]
    if evaluation.folds:
        spread = evaluation.folds["accuracy"]
        lines.append(f"  over {len(spread.values)} folds, accuracy {_range(spread)}")
    if evaluation.left_out:
        lines.append(f"  left out: {', '.join(f'{label} {n}' for label, n in evaluation.left_out.items())}")
    beside = ["", *_dimensions(evaluation)] if evaluation.dimensions else []
    weighed = ["", *_inputs(evaluation)] if evaluation.inputs else []
    return "\n".join([*lines, *beside, "", *_per_class(scores), *weighed, "", *_confusion(scores)])


def _dimensions(evaluation: Evaluation) -> list[str]:
    return [
        f"  {each.name:<10} ({each.low:g} to {each.high:g})  CCC {number(each.ccc)}  r {number(each.pearson)}  "
        f"mean error {number(each.mae)}"
        for each in evaluation.dimensions
    ]


def _inputs(evaluation: Evaluation) -> list[str]:
    lines = ["  share of each input in what was decided, on the clips that have all"]
    for label in dict.fromkeys(each.label for each in evaluation.inputs):
        shares = [f"{each.front_end} {percent(each.share)}" for each in evaluation.inputs if each.label == label]
        lines.append(f"  {label or 'all labels'}: {', '.join(shares)}")
    return lines


def _range(spread: Any) -> str:
    return f"mean {100 * spread.mean:.1f} %, from {100 * spread.low:.1f} to {100 * spread.high:.1f} %"


def _per_class(scores: Scores) -> list[str]:
    width = max(len(label) for label in scores.labels)
    return [
        f"  {row.label:<{width}}  recall {percent(row.recall)}  precision {percent(row.precision)}"
        for row in scores.per_class
    ]


def _confusion(scores: Scores) -> list[str]:
    width = max(5, *(len(label) for label in scores.labels)) + 1
    header = " " * (width + 2) + "".join(f"{label:>{width}}" for label in scores.labels)
    rows = [
        f"  {label:<{width}}" + "".join(f"{count:>{width}}" for count in counts)
        for label, counts in zip(scores.labels, scores.confusion, strict=True)
    ]
    return ["  reference in rows, prediction in columns", header, *rows]
