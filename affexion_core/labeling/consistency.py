"""How raters compare with themselves, on clips they got twice, and with known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affexion_core.errors import LabelError, allowed
from affexion_core.evaluation.metrics import proportion
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling._resampling import because
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
