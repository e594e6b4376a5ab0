"""How far the figures of two sets of clips lie apart: Wasserstein distance and Kolmogorov-Smirnov, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.differences.measures import FIGURES, Measures
from affexion_core.evaluation.resampling import clip_weights

_LEAST = 5  # clips a side


@dataclass(frozen=True)
class Distance:
    """A distance of two distributions with its 95 % bootstrap interval; all None where a side has too few clips."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FigureDifference:
    """How one figure differs between A and B.

    ``wasserstein`` is in standard deviations of both sides together (0: alike); ``ks`` in [0, 1]; ``shift`` the median
    of B minus that of A, in the figure's unit. ``n_a`` and ``n_b`` count the clips that have the figure.
    """

    name: str
    unit: str
    n_a: int
    n_b: int
    median_a: float | None
    median_b: float | None
    wasserstein: Distance
    ks: Distance
    method: str

    @property
    def shift(self) -> float | None:
        """Median of B minus median of A."""
        return None if self.median_a is None or self.median_b is None else self.median_b - self.median_a


def compare_figures(
    a: Measures,
    b: Measures,
    speakers_a: Sequence[str | None],
    speakers_b: Sequence[str | None],
    n_resamples: int = 300,
    seed: int = 0,
) -> tuple[FigureDifference, ...]:
    """Compare two sets figure by figure, the largest Wasserstein distance first.

    Intervals come from drawing speakers with replacement on each side where two are known, else clips, and are
    shifted by what the draw itself adds: a resample of one set lies some way from that set as well.
    """
    found = [
        _difference(place, a.values[:, place], b.values[:, place], speakers_a, speakers_b, n_resamples, seed)
        for place in range(len(FIGURES))
    ]
    return tuple(sorted(found, key=lambda one: -(one.wasserstein.value if one.wasserstein.value is not None else -1)))


def distances(
    a: np.ndarray, b: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wasserstein-1 and Kolmogorov-Smirnov distances of two weighted samples, many weightings at once.

    Parameters
    ----------
    a, b
        Values, ``(n_a,)`` and ``(n_b,)``.
    weights_a, weights_b
        Weights ``(n, n_a)`` and ``(n, n_b)``, each row with a positive sum.

    Returns
    -------
    wasserstein, ks
        Float64 ``(n,)`` each; equal to `scipy.stats.wasserstein_distance` and the statistic of `scipy.stats.ks_2samp`.
    """
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")
    values = both[order]
    shares = np.concatenate(
        [weights_a / weights_a.sum(axis=1, keepdims=True), -weights_b / weights_b.sum(axis=1, keepdims=True)], axis=1
    )
    apart = np.abs(np.cumsum(shares[:, order], axis=1))
    steps = np.diff(values)
    # only where the value changes is the gap between the two distribution functions real
    ends = np.append(steps > 0, True)
    return apart[:, :-1] @ steps, (apart * ends).max(axis=1)


def _difference(
    place: int,
    a: np.ndarray,
    b: np.ndarray,
    speakers_a: Sequence[str | None],
    speakers_b: Sequence[str | None],
    n_resamples: int,
    seed: int,
) -> FigureDifference:
    figure, known_a, known_b = FIGURES[place], np.isfinite(a), np.isfinite(b)
    a, b = a[known_a], b[known_b]
    nothing = Distance(None, None, None)
    if min(len(a), len(b)) < _LEAST:
        said = f"fewer than {_LEAST} clips on a side"
        return FigureDifference(figure.name, figure.unit, len(a), len(b), None, None, nothing, nothing, said)
    spread = float(np.concatenate([a, b]).std()) or 1.0
    drawn_a, method = clip_weights(len(a), _kept(speakers_a, known_a), n_resamples, seed)
    drawn_b, other = clip_weights(len(b), _kept(speakers_b, known_b), n_resamples, seed + 1)
    every = (np.ones((1, len(a))), np.ones((1, len(b))))
    values = [float(one[0]) for one in distances(a, b, *every)]
    samples = distances(a, b, drawn_a, drawn_b)
    # what drawing adds by itself: how far resamples lie from what they are drawn of
    added = [
        x + y
        for x, y in zip(
            distances(a, a, drawn_a, np.ones_like(drawn_a)), distances(b, b, drawn_b, np.ones_like(drawn_b)),
            strict=True,
        )
    ]  # fmt: skip
    estimates = []
    for value, sample, own, scale in zip(values, samples, added, (spread, 1.0), strict=True):
        low = max(0.0, 2 * value - float(np.quantile(sample, 0.975)), value - float(np.quantile(own, 0.95)))
        high = max(value, float(np.quantile(sample, 0.975)))
        estimates.append(Distance(value / scale, min(low, value) / scale, high / scale))
    words = method if method == other else f"A: {method}; B: {other}"
    return FigureDifference(
        name=figure.name,
        unit=figure.unit,
        n_a=len(a),
        n_b=len(b),
        median_a=float(np.median(a)),
        median_b=float(np.median(b)),
        wasserstein=estimates[0],
        ks=estimates[1],
        method=words,
    )


def _kept(speakers: Sequence[str | None], known: np.ndarray) -> list[str | None]:
    return [speaker for speaker, kept in zip(speakers, known, strict=True) if kept]
