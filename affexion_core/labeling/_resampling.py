"""Resample clips for intervals, without ever copying one: clips with the same votes are one kind with a number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affexion_core.evaluation.intervals import percentile_limits, wilson
from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.labeling.ratings import Ratings, votes_per_clip

_CHUNK = 4_000_000  # floats held at once; 32 MB
FROM_SHARE = "Wilson limits of the share of clips agreed on, as all resamples agree"


def because(why: str, n: int = 0) -> Estimate:
    """Make an undefined estimate whose reason reads ``undefined, because …``."""
    return undefined(f"undefined, because {why}", n)


def resample(
    figures: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, n_resamples: int, seed: int, width: int = 1
) -> np.ndarray:
    """Draw as many clips as there are, with replacement, and compute figures of each resample.

    Parameters
    ----------
    figures
        From how often each kind of clip was drawn, float64 ``(n, n_kinds)``, to figures ``(n, n_figures)``; NaN for
        a resample that has none.
    counts
        How many clips are of each kind, int ``(n_kinds,)``.
    width
        Floats that ``figures`` holds per resample, for keeping memory small.

    Returns
    -------
    float64 ``(n_resamples, n_figures)``, the same for the same seed.
    """
    rng = np.random.default_rng(seed)
    n_clips = int(counts.sum())
    step = max(1, _CHUNK // max(len(counts), width))
    parts = []
    for start in range(0, n_resamples, step):
        drawn = rng.multinomial(n_clips, counts / n_clips, size=min(step, n_resamples - start))
        parts.append(figures(drawn.astype(np.float64)))
    return np.concatenate(parts)


def with_interval(
    value: float, samples: np.ndarray, n: int, otherwise: tuple[float, float], how_otherwise: str = FROM_SHARE
) -> Estimate:
    """Give a figure of ``n`` clips the percentile interval of its resamples ``(n_resamples,)``.

    Resamples without a figure (NaN: one label only, no overlap) are left out, and the method says how many. Where the
    rest shows no spread, the limits are ``otherwise``, cut to [-1, 1] and widened to hold the value.
    """
    known = samples[~np.isnan(samples)]
    limits = percentile_limits(known, value) if len(known) else None
    if limits is None:
        low, high = otherwise
        return Estimate(value, min(max(low, -1.0), value), max(min(high, 1.0), value), n, how_otherwise)
    method = f"bootstrap over {n} clips"
    if len(known) < len(samples):
        method += f"; {len(samples) - len(known)} of {len(samples)} resamples gave no figure and were left out"
    return Estimate(value, *limits, n, method)


def corrected_limits(agreed: float, n: int, expected: float) -> tuple[float, float]:
    """Limits of 1 - (1 - agreed) / expected from Wilson's limits of the share ``agreed`` of ``n`` clips.

    ``expected`` > 0 is the disagreement expected by chance, held as it is.
    """
    low, high = wilson(round(agreed * n), n)
    return 1 - (1 - low) / expected, 1 - (1 - high) / expected


def no_overlap(ratings: Ratings) -> Estimate | None:
    """Say why raters can't be compared at all: nobody, one rater, no clip or one clip judged twice. None: they can."""
    n = int((votes_per_clip(ratings) >= 2).sum())
    if not len(ratings.values):
        return because("there are no judgements")
    if len(ratings.raters) == 1:
        return because("only one rater judged the clips")
    if n == 0:
        return because("no clip was judged by two raters")
    return because("only one clip was judged by two raters", n) if n == 1 else None


def one_value(ratings: Ratings, value: float, n: int) -> Estimate:
    """Say that only one value was used, so that agreement and chance can't be told apart."""
    name = f"number, {value:g}," if ratings.numeric else f"label, {ratings.labels[int(value)]!r},"
    return because(f"only one {name} was given to the clips that two raters judged", n)
