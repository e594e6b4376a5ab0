"""Accuracy, recall, precision and F1 with 95 % intervals.

The macro figures equal scikit-learn's ``recall_score``, ``precision_score`` and ``f1_score`` with ``average="macro"``,
``zero_division=0`` and ``labels`` restricted to those that occur in the reference: a label without a reference clip
has no recall, so it takes no part in the mean, while clips predicted as that label still count as errors of the label
they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affexion_core.errors import ConfigError, LabelError, allowed
from affexion_core.evaluation.intervals import (
    bootstrap,
    combine_limits,
    percentile_limits,
    sampling_units,
    wilson,
    wilson_f1,
)
from affexion_core.evaluation.scores import NO_CLIPS, NO_REFERENCE, ClassScores, Estimate, Scores, undefined

WILSON = "Wilson"
WILSON_COMBINED = "Wilson limits of the classes combined, as all resamples agree"


def score(
    reference: Sequence[str],
    predicted: Sequence[str],
    labels: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Scores:
    """Score predictions against the reference.

    Accuracy and the figures per class carry Wilson intervals. Macro figures carry a percentile bootstrap interval over
    speakers where at least two are known (a clip without a speaker counts as its own), else over clips; a class that
    a resample lacks takes no part in that resample's mean. Where all resamples agree (all clips right, say), the
    Wilson limits of the classes are combined instead, since a bootstrap would then claim certainty.

    Parameters
    ----------
    reference, predicted
        One label per clip, both of the same length.
    labels
        All labels there can be, in the order of the confusion matrix.
    speakers
        One per clip, None where unknown.
    n_resamples
        Bootstrap resamples, at least 1.
    seed
        Seed of the resamples; the same seed gives the same interval.

    Raises
    ------
    LabelError
        If lengths differ, or a label isn't in ``labels``.
    """
    check_resamples(n_resamples)
    labels = tuple(labels)
    n_labels = len(labels)
    rows, columns = label_indices(reference, labels, "reference"), label_indices(predicted, labels, "predicted")
    check_lengths(len(rows), predictions=len(columns), speakers=None if speakers is None else len(speakers))
    cells = rows * n_labels + columns
    confusion = np.bincount(cells, minlength=n_labels * n_labels).reshape(n_labels, n_labels)
    per_class = tuple(_class_scores(label, index, confusion) for index, label in enumerate(labels))
    macros = _macro_estimates(cells, confusion, per_class, speakers, n_resamples, seed)
    n, n_right = len(cells), int(np.trace(confusion))
    return Scores(
        n=n,
        n_speakers=len({speaker for speaker in speakers or () if speaker is not None}),
        labels=labels,
        accuracy=proportion(n_right, n) if n else undefined(NO_CLIPS),
        uar=macros[0],
        macro_precision=macros[1],
        macro_f1=macros[2],
        per_class=per_class,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def macro_figures(tables: np.ndarray, n_labels: int) -> np.ndarray:
    """UAR, macro precision and macro F1 of many confusion matrices at once.

    Parameters
    ----------
    tables
        Confusion matrices row by row, ``(n, n_labels * n_labels)``, each with at least one clip.

    Returns
    -------
    float64 ``(n, 3)``, means over the labels that have reference clips in that matrix.
    """
    confusion = tables.reshape(len(tables), n_labels, n_labels)
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    n_reference, n_predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    present = n_reference > 0
    figures = (
        hits / np.maximum(n_reference, 1),
        hits / np.maximum(n_predicted, 1),  # never predicted: 0, as zero_division=0
        2 * hits / np.maximum(n_reference + n_predicted, 1),
    )
    return np.stack([(figure * present).sum(axis=1) / present.sum(axis=1) for figure in figures], axis=1)


def proportion(successes: int, n: int) -> Estimate:
    """Estimate a proportion of ``n`` > 0 clips, with its Wilson interval."""
    low, high = wilson(successes, n)
    return Estimate(successes / n, low, high, n, WILSON)


def label_indices(values: Sequence[str], labels: Sequence[str], what: str) -> np.ndarray:
    """Turn labels into their positions in ``labels``, int ``(n,)``; `LabelError` names one that isn't there."""
    positions = {label: position for position, label in enumerate(labels)}
    if len(positions) != len(labels):
        raise LabelError(f"The labels list one twice: {', '.join(labels)}. Name each once.")
    try:
        return np.array([positions[value] for value in values], dtype=np.intp)
    except KeyError as error:
        raise LabelError(f"A {what} label is {error}, which isn't among the labels: {allowed(labels)}.") from None


def check_lengths(n: int, **lengths: int | None) -> None:
    """Raise `LabelError` where one of the named lengths is not ``n``, the number of reference labels."""
    for what, length in lengths.items():
        if length is not None and length != n:
            names = what.replace("_", " ")
            raise LabelError(f"There are {n} reference labels but {length} {names}; give one per clip, in one order.")


def check_resamples(n_resamples: int) -> None:
    """Raise `ConfigError` where there would be nothing to take percentiles of."""
    if n_resamples < 1:
        raise ConfigError(f"n_resamples = {n_resamples}: a bootstrap needs at least 1; 1000 is usual.")


def _class_scores(label: str, index: int, confusion: np.ndarray) -> ClassScores:
    n_reference, n_predicted = int(confusion[index].sum()), int(confusion[:, index].sum())
    hits = int(confusion[index, index])
    if not n_reference:
        nothing = undefined(NO_REFERENCE)
        return ClassScores(label, 0, nothing, nothing, nothing)
    either = n_reference + n_predicted - hits
    low, high = wilson_f1(hits, either)
    f1 = Estimate(2 * hits / (n_reference + n_predicted), low, high, either, "Wilson of hits among either")
    if n_predicted:
        precision = proportion(hits, n_predicted)
    else:
        precision = Estimate(0.0, 0.0, 1.0, 0, "counted as 0, as it was never predicted")
    return ClassScores(label, n_reference, precision, proportion(hits, n_reference), f1)


def _macro_estimates(
    cells: np.ndarray,
    confusion: np.ndarray,
    per_class: tuple[ClassScores, ...],
    speakers: Sequence[str | None] | None,
    n_resamples: int,
    seed: int,
) -> list[Estimate]:
    n, n_labels = len(cells), len(confusion)
    if not n:
        return [undefined(NO_CLIPS)] * 3
    patterns, counts, method = sampling_units(cells, n_labels * n_labels, speakers)
    values = macro_figures(confusion.reshape(1, -1), n_labels)[0]
    samples = bootstrap(patterns, counts, lambda tables: macro_figures(tables, n_labels), n_resamples, seed)
    estimates = []
    for value, resampled, name in zip(values.tolist(), samples.T, ("recall", "precision", "f1"), strict=True):
        limits = percentile_limits(resampled, value)
        if limits is None:
            present = [getattr(item, name) for item in per_class if item.n]
            estimates.append(_combined(value, present, n))
        else:
            estimates.append(Estimate(value, *limits, n, method))
    return estimates


def _combined(value: float, present: list[Estimate], n: int) -> Estimate:
    values = [estimate.value or 0.0 for estimate in present]
    limits = [(estimate.low or 0.0, estimate.high or 0.0) for estimate in present]
    low, high = combine_limits(values, limits, [1 / len(present)] * len(present))
    return Estimate(value, max(0.0, min(low, value)), min(1.0, max(high, value)), n, WILSON_COMBINED)
