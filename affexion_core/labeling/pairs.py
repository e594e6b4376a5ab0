"""Cohen's κ of each pair of raters on the clips that both judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from affexion_core.evaluation.metrics import check_resamples
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling._resampling import because, corrected_limits, resample, with_interval
from affexion_core.labeling.ratings import Ratings, check_labels, people

MAX_RATERS = 200  # whose pairs are told apart: 19,900 pairs
NOBODY_KNOWN = "the raters are anonymous votes, and nobody's votes can be followed from clip to clip"
ONE_KNOWN = "only one rater is known by name; the other votes are anonymous"
MEAN = (-1, -1)  # in place of two positions of raters
MEAN_OF_LIMITS = "mean of the pairs' limits, as all resamples agree"


@dataclass(frozen=True)
class PairKappa:
    """Cohen's κ of two raters; ``kappa.n`` counts the clips that both judged."""

    raters: tuple[str, str]
    kappa: Estimate


@dataclass(frozen=True)
class PairwiseKappa:
    """Cohen's κ of every pair of raters known by name, in the order of their names.

    ``mean`` is the plain mean over the pairs that have a κ, whatever the number of their clips; its ``n`` counts the
    clips that at least two of the raters judged.
    """

    mean: Estimate
    pairs: tuple[PairKappa, ...] = ()


def pairwise_kappa(ratings: Ratings, n_resamples: int = 1000, seed: int = 0) -> PairwiseKappa:
    """Cohen's κ of every pair of raters on their shared clips, and the mean, with 95 % bootstrap intervals over clips.

    Clips are drawn with all their votes, so that the interval of the mean knows that pairs share raters. A pair
    without a κ in a resample takes no part in that resample's mean. κ equals scikit-learn's ``cohen_kappa_score``.

    Source: J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20
    (1960).

    Returns
    -------
    A pair is undefined with a reason where it shares fewer than two clips or used one and the same label only; all are
    where raters are anonymous, or more than 200.

    Raises
    ------
    LabelError
        If the judgements are numbers.
    """
    check_resamples(n_resamples)
    check_labels(ratings, "Cohen's κ")
    known = people(ratings)
    why = _why_no_pairs(ratings, known)
    if why:
        return PairwiseKappa(because(why))
    kinds, n_of_kind = _kinds(known)
    n = int(n_of_kind[(kinds >= 0).sum(axis=1) >= 2].sum())
    shared, resampled = _tables_and_resamples(kinds, n_of_kind, len(known.labels), n_resamples, seed)
    pairs = tuple(
        PairKappa(
            (known.raters[place[0]], known.raters[place[1]]), _pair_estimate(shared.get(place), resampled.get(place))
        )
        for place in combinations(range(len(known.raters)), 2)
    )
    defined = [pair.kappa for pair in pairs if pair.kappa.value is not None]
    return PairwiseKappa(_mean(defined, resampled[MEAN], n) if defined else because(_why_no_mean(pairs), n), pairs)


def _why_no_pairs(ratings: Ratings, known: Ratings) -> str | None:
    if not len(ratings.values):
        return "there are no judgements"
    if len(known.raters) >= 2:
        if len(known.raters) <= MAX_RATERS:
            return None
        return f"pairs are compared among {MAX_RATERS} raters at most, and there are {len(known.raters)}"
    if not ratings.anonymous:
        return "only one rater judged the clips"
    return ONE_KNOWN if known.raters else NOBODY_KNOWN


def _kinds(ratings: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Which labels each kind of clip got, ``(n_kinds, n_raters)``, -1 where not judged; how many clips of each kind."""
    votes = np.full((len(ratings.clip_ids), len(ratings.raters)), -1, dtype=np.int16)
    votes[ratings.clip_index, ratings.rater_index] = ratings.values
    kinds, n_of_kind = np.unique(votes, axis=0, return_counts=True)
    return kinds, n_of_kind


def _pair_cells(kinds: np.ndarray, n_labels: int) -> tuple[list[tuple[int, int]], Any]:
    """Which pairs of raters share clips, and in which cell of its table a pair has each kind of clip.

    Returns
    -------
    places, cells
        Pairs of rater positions, ascending; a scipy CSC matrix ``(n_kinds, n_pairs * n_labels**2)`` of 0 and 1.
    """
    from scipy.sparse import csc_matrix

    row, rater = np.nonzero(kinds >= 0)
    label = kinds[row, rater].astype(np.intp)
    parts: list[np.ndarray] = []
    # votes are sorted by kind, so that those of a kind stand side by side: pair each with the next, the one after, …
    for step in range(1, kinds.shape[1]):
        left = np.flatnonzero(row[:-step] == row[step:])
        if not len(left):
            break
        right = left + step
        parts.append(np.stack([row[left], rater[left], rater[right], label[left] * n_labels + label[right]]))
    found = np.concatenate(parts, axis=1) if parts else np.empty((4, 0), dtype=np.intp)
    keys, pair = np.unique(found[1] * kinds.shape[1] + found[2], return_inverse=True)
    places = [(int(key) // kinds.shape[1], int(key) % kinds.shape[1]) for key in keys]
    columns = pair * n_labels**2 + found[3]
    shape = (len(kinds), len(places) * n_labels**2)
    return places, csc_matrix((np.ones(len(columns)), (found[0], columns)), shape=shape)


def _figures(cells: Any, n_labels: int) -> Callable[[np.ndarray], np.ndarray]:
    def figures(drawn: np.ndarray) -> np.ndarray:
        tables = (drawn @ cells).reshape(len(drawn), -1, n_labels, n_labels)
        agreed, chance = _shares(tables)
        kappas = 1 - (1 - agreed) / np.where(1 - chance > 1e-12, 1 - chance, np.nan)
        known = ~np.isnan(kappas)
        n_known = known.sum(axis=1)
        means = np.where(known, kappas, 0.0).sum(axis=1) / np.where(n_known, n_known, np.nan)
        return np.concatenate([means[:, None], kappas], axis=1)

    return figures


def _shares(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of clips that both gave one label, and that expected by chance, of tables ``(…, n_labels, n_labels)``."""
    total = tables.sum(axis=(-2, -1))
    total = np.where(total, total, np.nan)
    agreed = np.trace(tables, axis1=-2, axis2=-1) / total
    return agreed, (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1) / total**2


def _why_undefined(table: np.ndarray | None) -> str | None:
    n = 0 if table is None else int(table.sum())
    if table is None or n < 2:
        return "the two raters share only one clip" if n else "the two raters share no clip"
    return "both gave one and the same label to all clips they share" if (np.diag(table) == n).any() else None


def _tables_and_resamples(
    kinds: np.ndarray, n_of_kind: np.ndarray, n_labels: int, n_resamples: int, seed: int
) -> tuple[dict[tuple[int, int], np.ndarray], dict[tuple[int, int], np.ndarray]]:
    """Table of labels ``(n_labels, n_labels)`` of each pair that shares clips; resampled κ of each that has one.

    The resampled mean over pairs stands under `MEAN`.
    """
    places, cells = _pair_cells(kinds, n_labels)
    tables = (n_of_kind @ cells).reshape(-1, n_labels, n_labels)
    kept = np.array([_why_undefined(table) is None for table in tables], dtype=bool)
    if not kept.any():
        return dict(zip(places, tables, strict=True)), {}
    figures = _figures(cells[:, np.repeat(kept, n_labels**2)], n_labels)
    width = 3 * int(kept.sum()) * n_labels**2
    samples = resample(figures, n_of_kind, n_resamples, seed, width).T
    defined = [place for place, keep in zip(places, kept, strict=True) if keep]
    return dict(zip(places, tables, strict=True)), dict(zip([MEAN, *defined], samples, strict=True))


def _why_no_mean(pairs: tuple[PairKappa, ...]) -> str:
    if all(pair.kappa.n == 0 for pair in pairs):
        return "no two raters share a clip"
    return "no pair of raters shares two clips and used more than one label on them"


def _pair_estimate(table: np.ndarray | None, resampled: np.ndarray | None) -> Estimate:
    n = 0 if table is None else int(table.sum())
    if table is None or resampled is None:
        return because(_why_undefined(table) or "", n)
    agreed, chance = (float(share) for share in _shares(table))
    value = 1 - (1 - agreed) / (1 - chance)
    return with_interval(value, resampled, n, corrected_limits(agreed, n, 1 - chance))


def _mean(kappas: list[Estimate], resampled: np.ndarray, n: int) -> Estimate:
    value, low, high = (float(np.mean([getattr(kappa, name) for kappa in kappas])) for name in ("value", "low", "high"))
    return with_interval(value, resampled, n, (low, high), MEAN_OF_LIMITS)
