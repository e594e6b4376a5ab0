"""How well the probability of each label tells it from the rest: ROC and precision–recall, one label against all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.evaluation.intervals import percentile_limits
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import NO_REFERENCE, Estimate, undefined

NO_OTHER = "no clip of another label"
NO_SPREAD = "all resamples agree"
MOST_POINTS = 400


@dataclass(frozen=True)
class Curve:
    """One label's curves.

    ``roc``: float ``(n, 2)``, false-positive rate and true-positive rate. ``pr``: float ``(m, 2)``, recall and
    precision. Both are empty where the figure is undefined. ``auc`` is the area under the ROC curve,
    ``average_precision`` the mean of the precisions weighted by the steps in recall; ``share`` of the clips with this
    label is what a blind guess reaches there (0.5 for ``auc``).
    """

    label: str
    n: int
    share: float
    roc: np.ndarray
    pr: np.ndarray
    auc: Estimate
    average_precision: Estimate


def label_curves(
    probs: np.ndarray,
    truth: np.ndarray,
    labels: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    n_resamples: int = 300,
    seed: int = 0,
) -> tuple[Curve, ...]:
    """Make the curves of each label against the rest.

    Parameters
    ----------
    probs
        Float ``(n_clips, n_labels)``.
    truth
        Index of each clip's reference label, int ``(n_clips,)``.
    labels
        In the order of the columns.
    speakers, n_resamples, seed
        For the percentile bootstrap intervals, see `resampling.clip_weights`.

    Notes
    -----
    The curves are scikit-learn's `roc_curve` and `precision_recall_curve`, thinned to `MOST_POINTS` for drawing; the
    areas are of the whole curves.
    """
    weights, method = clip_weights(len(truth), speakers, n_resamples, seed)
    return tuple(_curve(probs[:, i], truth == i, label, weights, method) for i, label in enumerate(labels))


def _curve(scores: np.ndarray, positive: np.ndarray, label: str, weights: np.ndarray, method: str) -> Curve:
    from sklearn.metrics import precision_recall_curve, roc_curve

    n, n_clips = int(positive.sum()), len(positive)
    share, nothing = n / max(1, n_clips), np.zeros((0, 2))
    if n in (0, n_clips):
        reason = undefined(NO_REFERENCE if n == 0 else NO_OTHER, n_clips)
        return Curve(label, n, share, nothing, nothing, reason, reason)
    false_rate, true_rate, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores)
    values = areas(scores, positive, np.ones((1, n_clips)))[0]
    samples = areas(scores, positive, weights)
    samples = samples[np.isfinite(samples).all(axis=1)]
    auc, average = (_estimate(float(v), s, n_clips, method) for v, s in zip(values, samples.T, strict=True))
    roc, pr = np.stack([false_rate, true_rate], axis=1), np.stack([recall, precision], axis=1)[::-1]
    return Curve(label, n, share, _thinned(roc), _thinned(pr), auc, average)


def areas(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve and average precision under many weightings of the clips at once.

    Parameters
    ----------
    scores, positive
        Score and whether the clip is of the label, ``(n_clips,)``.
    weights
        ``(n, n_clips)``, at least 0.

    Returns
    -------
    float64 ``(n, 2)``
        NaN where a weighting leaves no clip of the label, or none of the others.
    """
    order = np.argsort(-scores, kind="stable")
    sorted_scores = scores[order]
    ends = np.flatnonzero(np.append(sorted_scores[1:] != sorted_scores[:-1], True))
    drawn = weights[:, order]
    hits = np.cumsum(drawn * positive[order], axis=1)[:, ends]
    misses = np.cumsum(drawn * ~positive[order], axis=1)[:, ends]
    before_hits, before_misses = (np.pad(counts, ((0, 0), (1, 0)))[:, :-1] for counts in (hits, misses))
    with np.errstate(invalid="ignore", divide="ignore"):
        step = hits - before_hits
        area = ((misses - before_misses) * (hits + before_hits) / 2).sum(axis=1) / (hits[:, -1] * misses[:, -1])
        precision = np.where(hits + misses > 0, hits / (hits + misses), 0.0)
        average = np.where(misses[:, -1] > 0, (step * precision).sum(axis=1) / hits[:, -1], np.nan)
    return np.stack([area, average], axis=1)


def _estimate(value: float, samples: np.ndarray, n: int, method: str) -> Estimate:
    limits = percentile_limits(samples, value) if len(samples) else None
    # resamples that all agree show no spread, which is not certainty: the widest interval then
    return Estimate(value, *limits, n, method) if limits else Estimate(value, 0.0, 1.0, n, NO_SPREAD)


def _thinned(points: np.ndarray) -> np.ndarray:
    if len(points) <= MOST_POINTS:
        return points
    return points[np.unique(np.linspace(0, len(points) - 1, MOST_POINTS).round().astype(int))]
