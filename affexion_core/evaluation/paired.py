"""Compare two sets of predictions of the same clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.evaluation.intervals import bootstrap, combine_limits, percentile_limits, sampling_units, wilson
from affexion_core.evaluation.metrics import check_lengths, check_resamples, label_indices, macro_figures
from affexion_core.evaluation.scores import NO_CLIPS, Estimate, undefined

DISCORDANT_COMBINED = "Wilson limits of the clips that only one got right, as all resamples agree"


@dataclass(frozen=True)
class Comparison:
    """Two sets of predictions, A and B, of the same ``n`` clips.

    Differences are A minus B, in [-1, 1]: positive where A is better. ``mcnemar_p`` is the two-sided p of the exact
    McNemar test: how often chance alone would split the clips that only one got right at least this unevenly.
    """

    n: int
    accuracy_difference: Estimate
    uar_difference: Estimate
    mcnemar_p: float
    only_a_right: int
    only_b_right: int


def compare(
    reference: Sequence[str],
    predicted_a: Sequence[str],
    predicted_b: Sequence[str],
    labels: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two sets of predictions clip by clip.

    The differences carry percentile bootstrap intervals that draw both predictions of a clip together, over speakers
    where at least two are known, else over clips (see `metrics.score`). The McNemar test takes clips as independent.

    Parameters
    ----------
    reference, predicted_a, predicted_b
        One label per clip, in the same order of clips.
    labels, speakers, n_resamples, seed
        As for `metrics.score`.

    Raises
    ------
    LabelError
        If lengths differ, or a label isn't in ``labels``.
    """
    from scipy.stats import binomtest  # takes half a second to import; only comparisons need it

    check_resamples(n_resamples)
    truth = label_indices(reference, labels, "reference")
    a, b = label_indices(predicted_a, labels, "predicted"), label_indices(predicted_b, labels, "predicted")
    n, speaker_count = len(truth), None if speakers is None else len(speakers)
    check_lengths(n, predictions_of_A=len(a), predictions_of_B=len(b), speakers=speaker_count)
    only_a, only_b = int(((a == truth) & (b != truth)).sum()), int(((b == truth) & (a != truth)).sum())
    accuracy, uar = _differences(truth, a, b, len(labels), speakers, n_resamples, seed)
    discordant = only_a + only_b
    p = float(binomtest(only_a, discordant, 0.5).pvalue) if discordant else 1.0
    return Comparison(n, accuracy, uar, p, only_a, only_b)


def _differences(
    truth: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    n_labels: int,
    speakers: Sequence[str | None] | None,
    n_resamples: int,
    seed: int,
) -> list[Estimate]:
    n = len(truth)
    if not n:
        return [undefined(NO_CLIPS)] * 2
    cells = (truth * n_labels + a) * n_labels + b
    patterns, counts, method = sampling_units(cells, n_labels**3, speakers)
    values = _difference_figures((counts @ patterns)[None], n_labels)[0].tolist()
    samples = bootstrap(patterns, counts, lambda tables: _difference_figures(tables, n_labels), n_resamples, seed)
    strata = ([np.full(n, True)], [truth == label for label in np.unique(truth)])
    estimates = []
    for value, resampled, parts in zip(values, samples.T, strata, strict=True):
        limits = percentile_limits(resampled, value)
        if limits is None:
            estimates.append(_from_discordant(value, truth, a, b, parts))
        else:
            estimates.append(Estimate(value, *limits, n, method))
    return estimates


def _difference_figures(tables: np.ndarray, n_labels: int) -> np.ndarray:
    """Accuracy and UAR of A minus those of B, ``(n, 2)``, from counts of (reference, A, B) ``(n, n_labels**3)``."""
    joint = tables.reshape(len(tables), n_labels, n_labels, n_labels)
    figures = []
    for confusion in (joint.sum(axis=3), joint.sum(axis=2)):
        accuracy = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
        uar = macro_figures(confusion.reshape(len(tables), -1), n_labels)[:, 0]
        figures.append(np.stack([accuracy, uar], axis=1))
    return figures[0] - figures[1]


def _from_discordant(
    value: float, truth: np.ndarray, a: np.ndarray, b: np.ndarray, parts: Sequence[np.ndarray]
) -> Estimate:
    """Limits of a mean difference over ``parts`` of the clips from the rates at which only one was right."""
    rates, limits, coefficients = [], [], []
    for part in parts:
        n = int(part.sum())
        for mine, other, sign in ((a, b, 1.0), (b, a, -1.0)):
            only = int((part & (mine == truth) & (other != truth)).sum())
            rates.append(only / n)
            limits.append(wilson(only, n))
            coefficients.append(sign / len(parts))
    low, high = combine_limits(rates, limits, coefficients)
    return Estimate(value, max(-1.0, min(low, value)), min(1.0, max(high, value)), len(truth), DISCORDANT_COMBINED)
