"""How raters compare with themselves, on clips they got twice, and with known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affexion_core.errors import LabelError, allowed
from affexion_core.evaluation.intervals import wilson
from affexion_core.evaluation.metrics import check_resamples, proportion
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling._resampling import because, resample, with_interval
from affexion_core.labeling.pairs import NOBODY_KNOWN
from affexion_core.labeling.ratings import Ratings, check_labels

FROM_EQUAL = "Wilson limits of the share of repeats that differed, as all resamples agree"


def self_consistency(repeats: Sequence[tuple[str, str]]) -> Estimate:
    """Share of hidden repeats that one rater answered alike, with its Wilson interval; ``n`` counts the repeats.

    Parameters
    ----------
    repeats
        First and second label of each clip that the rater got twice.
    """
    if not repeats:
        return because("no clip was repeated")
    return proportion(sum(first == second for first, second in repeats), len(repeats))


def self_difference(
    repeats: Sequence[tuple[float, float]], low: float, high: float, n_resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Mean absolute difference between the first and the second number one rater gave, in the scheme's units.

    95 % percentile bootstrap interval over repeats. Where all differences are equal, the limits come from Wilson's
    limits of the mean difference as a share of the range.

    Parameters
    ----------
    repeats
        First and second number of each clip that the rater got twice.
    low, high
        The scheme's range.

    Raises
    ------
    LabelError
        If a number lies outside the range.
    """
    check_resamples(n_resamples)
    if not repeats:
        return because("no clip was repeated")
    numbers = np.array(repeats, dtype=np.float64)
    outside = numbers[~((numbers >= low) & (numbers <= high))]
    if len(outside):
        raise LabelError(f"{outside[0]:g} lies outside the scheme's range of {low:g} to {high:g}.")
    differences = np.abs(numbers[:, 0] - numbers[:, 1])
    if len(differences) == 1:
        return because("only one clip was repeated", 1)
    kinds, counts = np.unique(differences, return_counts=True)
    samples = resample(lambda drawn: (drawn @ kinds / len(differences))[:, None], counts, n_resamples, seed)[:, 0]
    return _scaled(float(differences.mean()), samples, len(differences), high - low)


def _scaled(value: float, samples: np.ndarray, n: int, span: float) -> Estimate:
    share = value / span
    below, above = wilson(round(share * n), n)
    found = with_interval(share, samples / span, n, (below, above), FROM_EQUAL)
    low, high = (min(share, found.low or 0.0), max(share, found.high or 0.0))
    return Estimate(value, min(low * span, value), max(high * span, value), n, found.method.replace("clips", "repeats"))


def gold_accuracy(ratings: Ratings, gold: Mapping[str, str]) -> dict[str, Estimate]:
    """Share of each rater's judgements of known clips that are right, with Wilson intervals; ``n`` counts them.

    Parameters
    ----------
    ratings
        Labels.
    gold
        Clip id to its known label; clips that nobody judged are ignored.

    Returns
    -------
    One estimate a rater; undefined with a reason for anonymous votes and raters without a known clip.

    Raises
    ------
    LabelError
        If the judgements are numbers, or a known label isn't in the scheme.
    """
    check_labels(ratings, "Figures against known labels")
    at = {label: position for position, label in enumerate(ratings.labels)}
    strange = sorted(set(gold.values()) - set(at)) if len(ratings.values) else []
    if strange:
        raise LabelError(f"The known label {strange[0]!r} isn't in the scheme; it allows {allowed(ratings.labels)}.")
    truth = np.array([at[gold[clip]] if clip in gold else -1 for clip in ratings.clip_ids], dtype=np.intp)
    known = truth[ratings.clip_index]
    asked, right = (
        np.bincount(ratings.rater_index[chosen], minlength=len(ratings.raters)).tolist()
        for chosen in (known >= 0, known == ratings.values)
    )
    return {
        rater: _of_rater(rater in ratings.anonymous, asked[position], right[position])
        for position, rater in enumerate(ratings.raters)
    }


def _of_rater(anonymous: bool, asked: int, right: int) -> Estimate:
    if anonymous:
        return because(NOBODY_KNOWN)
    return proportion(right, asked) if asked else because("the rater judged no clip whose label is known")
