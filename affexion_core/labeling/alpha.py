"""Krippendorff's α: agreement beyond chance for any number of raters, any missing judgements, labels and numbers.

Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (University of Pennsylvania, 2011). With m values
for a clip, each of its pairs of values counts 1 / (m - 1), so that a clip weighs as much as it has values; clips with
one value take no part. α = 1 - (observed disagreement) / (disagreement expected by chance).

How far two values c and k disagree, δ², depends on the level:

- nominal: 1 where they differ;
- ordinal: the squared difference of their mid-ranks, which is Krippendorff's squared sum of the frequencies from c to k
  less half of those of c and k;
- interval: (c - k)²;
- ratio: ((c - k) / (c + k))².
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from affexion_core.errors import ConfigError, LabelError, allowed
from affexion_core.evaluation.metrics import check_resamples
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling._resampling import because, corrected_limits, no_overlap, one_value, resample, with_interval
from affexion_core.labeling.ratings import Ratings, votes_per_clip

Level = Literal["nominal", "ordinal", "interval", "ratio"]
LEVELS: tuple[Level, ...] = get_args(Level)
MAX_RATIO_VALUES = 2000  # distinct values; their V x V table takes 32 MB
_DENSE = 2_000_000  # cells of a clips x values table up to which equal clips are counted together

# From how often each kind of clip was drawn (R, n_kinds) to (R,) each: Σ of δ² over the clips' pairs of values, with
# their weights 1 / (m - 1); Σ of δ² over all pairs of values; the number of values.
_Sums = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class _Table:
    """Clips with two values or more: how often each kind of clip has each value.

    ``values`` ascending ``(n_values,)``; ``counts`` a scipy CSR matrix ``(n_kinds, n_values)``; ``n_of_kind``
    ``(n_kinds,)`` clips.
    """

    values: np.ndarray
    counts: Any
    n_of_kind: np.ndarray


def krippendorff_alpha(ratings: Ratings, level: Level = "nominal", n_resamples: int = 1000, seed: int = 0) -> Estimate:
    """Krippendorff's α with a 95 % percentile bootstrap interval over clips.

    Anonymous votes are fine: α does not follow raters from clip to clip. Where all resamples agree (perfect agreement,
    say), the interval comes from Wilson's limits of the share of clips agreed on, with a disagreement counted as the
    greatest one possible.

    Parameters
    ----------
    ratings
        Labels: nominal, or ordinal in the scheme's order. Numbers: any level.
    level
        ``nominal``, ``ordinal``, ``interval`` or ``ratio`` (values from 0, at most 2000 different ones).
    n_resamples, seed
        Of the bootstrap, at least 1 resample.

    Returns
    -------
    Estimate of at most 1 (1: perfect, 0: as by chance); ``n`` counts the clips with two values or more. Undefined with
    a reason where nothing can be compared: one rater, fewer than two such clips, one value only.

    Raises
    ------
    ConfigError
        If the level is unknown.
    LabelError
        If the level needs numbers and these are labels, or ratio meets a number below 0.
    """
    check_resamples(n_resamples)
    _check_level(ratings, level)
    nothing = no_overlap(ratings)
    if nothing:
        return nothing
    table = _pairable(ratings)
    n = int(table.n_of_kind.sum())
    if len(table.values) == 1:
        return one_value(ratings, float(table.values[0]), n)
    if level == "ratio" and len(table.values) > MAX_RATIO_VALUES:
        return because(f"ratio α takes at most {MAX_RATIO_VALUES} different numbers, not {len(table.values)}", n)
    sums, n_of_kind, width = _SUMS[level](table)
    observed, expected, n_values = (float(figure[0]) for figure in sums(n_of_kind[None].astype(np.float64)))
    value = 1 - (n_values - 1) * observed / expected
    samples = resample(lambda drawn: _alpha(*sums(drawn))[:, None], n_of_kind, n_resamples, seed, width)[:, 0]
    greatest = _greatest(table, level, n_values)
    by_chance = expected / (n_values * (n_values - 1)) / greatest
    agreed = 1 - observed / n_values / greatest
    return with_interval(min(value, 1.0), samples, n, corrected_limits(agreed, n, by_chance))


def _alpha(observed: np.ndarray, expected: np.ndarray, n_values: np.ndarray) -> np.ndarray:
    # a resample with one value only expects no disagreement: no figure
    chance = np.where(expected > 1e-12 * n_values**2, expected, np.nan)
    return 1 - (n_values - 1) * observed / chance


def _check_level(ratings: Ratings, level: str) -> None:
    if level not in LEVELS:
        raise ConfigError(f"There is no level of measurement {level!r}; choose {allowed(LEVELS)}.")
    if ratings.labels and level in ("interval", "ratio"):
        raise LabelError(f"Labels have no distances, so {level} α is for numbers; choose nominal or ordinal.")
    if level == "ratio" and len(ratings.values) and ratings.values.min() < 0:
        raise LabelError(f"Ratio α needs numbers from 0, not {ratings.values.min():g}; choose interval.")


def _pairable(ratings: Ratings) -> _Table:
    from scipy.sparse import csr_matrix

    enough = votes_per_clip(ratings) >= 2
    kept = enough[ratings.clip_index]
    rows = (np.cumsum(enough) - 1)[ratings.clip_index[kept]]
    values, columns = np.unique(ratings.values[kept], return_inverse=True)
    shape = (int(enough.sum()), len(values))
    counts = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape)
    if shape[0] * shape[1] > _DENSE:
        return _Table(values, counts, np.ones(shape[0], dtype=np.int64))
    kinds, n_of_kind = np.unique(counts.toarray().astype(np.int32), axis=0, return_counts=True)
    return _Table(values, csr_matrix(kinds.astype(np.float64)), n_of_kind)


def _nominal(table: _Table) -> tuple[_Sums, np.ndarray, int]:
    counts = table.counts
    m = np.asarray(counts.sum(axis=1)).ravel()
    disagreeing = (m**2 - np.asarray(counts.multiply(counts).sum(axis=1)).ravel()) / (m - 1)

    def sums(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        margins = drawn @ counts
        n_values = margins.sum(axis=1)
        return drawn @ disagreeing, n_values**2 - (margins**2).sum(axis=1), n_values

    return sums, table.n_of_kind, counts.shape[1]


def _ordinal(table: _Table) -> tuple[_Sums, np.ndarray, int]:
    counts = table.counts
    m = np.asarray(counts.sum(axis=1)).ravel()[:, None]

    def sums(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        margins = drawn @ counts
        n_values = margins.sum(axis=1)
        # mid-ranks of this resample; their mean is n / 2, and shifting them changes no difference
        ranks = np.cumsum(margins, axis=1) - margins / 2 - n_values[:, None] / 2
        squares, sums_of_ranks = counts @ (ranks**2).T, counts @ ranks.T
        within = 2 * (m * squares - sums_of_ranks**2) / (m - 1)
        observed = np.einsum("ru,ur->r", drawn, within)
        return np.maximum(observed, 0.0), 2 * n_values * (margins * ranks**2).sum(axis=1), n_values

    return sums, table.n_of_kind, 3 * max(counts.shape)


def _interval(table: _Table) -> tuple[_Sums, np.ndarray, int]:
    scaled = _centred(table.values)
    counts = table.counts
    m, total, squares = (np.asarray(counts @ powers) for powers in (np.ones_like(scaled), scaled, scaled**2))
    # a clip whose values are all equal disagrees by exactly 0, whatever rounding makes of the difference
    alone = np.diff(counts.indptr) == 1
    within = np.where(alone, 0.0, np.maximum(2 * (m * squares - total**2) / (m - 1), 0.0))
    moments = np.stack([within, m, total, squares], axis=1)
    order = np.lexsort(moments.T)  # the same draws whatever the order of the clips
    moments = moments[order]

    def sums(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        observed, n_values, sum_x, sum_x2 = (drawn @ moments).T
        return observed, 2 * (n_values * sum_x2 - sum_x**2), n_values

    return sums, table.n_of_kind[order], 1


def _ratio(table: _Table) -> tuple[_Sums, np.ndarray, int]:
    distances = _ratio_distances(table.values)
    counts = table.counts
    m = np.asarray(counts.sum(axis=1)).ravel()
    within = np.array([_pair_sum(counts, row, distances) for row in range(counts.shape[0])]) / (m - 1)

    def sums(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        margins = drawn @ counts
        return drawn @ within, ((margins @ distances) * margins).sum(axis=1), margins.sum(axis=1)

    return sums, table.n_of_kind, 2 * counts.shape[1]


def _pair_sum(counts: Any, row: int, distances: np.ndarray) -> float:
    """Σ of δ² over the ordered pairs of values of one clip."""
    span = slice(counts.indptr[row], counts.indptr[row + 1])
    values, weights = counts.indices[span], counts.data[span]
    return float(weights @ distances[np.ix_(values, values)] @ weights)


def _ratio_distances(values: np.ndarray) -> np.ndarray:
    """δ² between all values, as a share of the greatest; α stays."""
    scaled = np.ldexp(values, -np.frexp(values.max())[1])  # ratios stay, overflow goes
    total = scaled[:, None] + scaled[None, :]
    # 0 against 0 is no disagreement
    squared = ((scaled[:, None] - scaled[None, :]) / np.where(total == 0, 1.0, total)) ** 2
    return squared / squared.max()


def _centred(values: np.ndarray) -> np.ndarray:
    """Shift and scale to a mean of 0 and a greatest of 1: α stays, rounding and overflow go."""
    # by a power of two, which is exact, so that close values stay apart
    scaled = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
    scaled = scaled - scaled.mean()
    return scaled / np.abs(scaled).max()


def _greatest(table: _Table, level: Level, n_values: float) -> float:
    """Find the greatest δ² between two of the values that were given."""
    if level in ("nominal", "ratio"):
        return 1.0
    if level == "interval":
        return float(np.ptp(_centred(table.values)) ** 2)
    margins = table.n_of_kind @ table.counts
    return float(n_values - (margins[0] + margins[-1]) / 2) ** 2


_SUMS: dict[Level, Callable[[_Table], tuple[_Sums, np.ndarray, int]]] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
    "ratio": _ratio,
}
