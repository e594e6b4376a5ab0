"""Figures of one dimension: concordance (CCC), Pearson's correlation, mean absolute error, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affexion_core.errors import LabelError, ModelError
from affexion_core.evaluation.metrics import check_resamples
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import Estimate, estimate_from_json, undefined
from affexion_core.types import Scheme

TOO_FEW = "fewer than two clips with a value"
STILL_REFERENCE = "all clips have the same value"
STILL_PREDICTION = "the model says the same of all clips"
# Of a spread, against the scale's width squared: less than this is rounding.
_STILL = 1e-12


@dataclass(frozen=True)
class DimensionScores:
    """How well one dimension is predicted, on the ``n`` clips that have a value, by ``n_speakers`` known speakers.

    ``low`` and ``high`` are the ends of its scale. ``ccc`` and ``pearson`` lie in [-1, 1], ``mae`` is in steps of the
    scale, from 0.
    """

    name: str
    low: float
    high: float
    n: int
    n_speakers: int
    ccc: Estimate
    pearson: Estimate
    mae: Estimate


def concordance(reference: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """CCC, Pearson's correlation and mean absolute error of numbers, for each row of weights.

    Parameters
    ----------
    reference, predicted
        Float ``(n,)``.
    weights
        How often each clip counts, ``(n_rows, n)``; None: each once, in one row.

    Returns
    -------
    float64 ``(n_rows, 3)``; NaN where a figure doesn't exist. The CCC is that of L. I. Lin, Biometrics 45 (1989), with
    moments divided by n; where the reference has no spread there is none.
    """
    rows = np.ones((1, len(reference))) if weights is None else np.asarray(weights, dtype=np.float64)
    # around a common middle, so that sums of squares keep their digits
    x, y = np.asarray(reference, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    middle = x.mean()
    x, y = x - middle, y - middle
    with np.errstate(invalid="ignore", divide="ignore"):
        share = rows / rows.sum(axis=1, keepdims=True)
        mean_x, mean_y = share @ x, share @ y
        var_x, var_y = np.maximum(share @ x**2 - mean_x**2, 0), np.maximum(share @ y**2 - mean_y**2, 0)
        covariance = share @ (x * y) - mean_x * mean_y
        least = _STILL * max(1.0, float(np.abs(x).max(initial=0)), float(np.abs(y).max(initial=0))) ** 2
        moving, answering = var_x > least, var_y > least
        ccc = np.where(moving, 2 * covariance / (var_x + var_y + (mean_x - mean_y) ** 2), np.nan)
        pearson = np.where(moving & answering, covariance / np.sqrt(var_x * var_y), np.nan)
        mae = share @ np.abs(x - y)
    return np.stack([np.clip(ccc, -1, 1), np.clip(pearson, -1, 1), mae], axis=1)


def score_dimension(
    scheme: Scheme,
    reference: Sequence[float | None],
    predicted: Sequence[float],
    speakers: Sequence[str | None] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> DimensionScores:
    """Score predicted numbers on the clips that have a reference.

    Intervals are percentiles of a bootstrap over speakers where at least two are known, else over clips; resamples in
    which a figure doesn't exist take no part.

    Parameters
    ----------
    scheme
        Name and range of the dimension.
    reference, predicted
        One number per clip; the reference None where there is none.
    speakers
        One per clip, None where unknown.

    Raises
    ------
    LabelError
        If lengths differ.
    """
    check_resamples(n_resamples)
    if len(reference) != len(predicted) or (speakers is not None and len(speakers) != len(reference)):
        raise LabelError(
            f"There are {len(reference)} reference values of {scheme.name} but {len(predicted)} predictions; give one "
            "per clip, in one order."
        )
    known = [place for place, value in enumerate(reference) if value is not None]
    said = np.array([reference[place] for place in known], dtype=np.float64)
    heard = np.array([predicted[place] for place in known], dtype=np.float64)
    who = [None if speakers is None else speakers[place] for place in known]
    figures = _estimates(said, heard, who, n_resamples, seed)
    return DimensionScores(
        name=scheme.name,
        low=float(scheme.low or 0.0),
        high=float(scheme.high or 0.0),
        n=len(known),
        n_speakers=len(set(who) - {None}),
        ccc=figures[0],
        pearson=figures[1],
        mae=figures[2],
    )


def _estimates(
    said: np.ndarray, heard: np.ndarray, speakers: Sequence[str | None], n_resamples: int, seed: int
) -> list[Estimate]:
    n = len(said)
    if n < 2:
        return [undefined(TOO_FEW, n)] * 3
    values = concordance(said, heard)[0]
    weights, method = clip_weights(n, speakers, n_resamples, seed)
    samples = concordance(said, heard, weights)
    return [
        _estimate(float(value), resampled, n, method, STILL_REFERENCE if np.isnan(values[0]) else STILL_PREDICTION)
        for value, resampled in zip(values, samples.T, strict=True)
    ]


def _estimate(value: float, samples: np.ndarray, n: int, method: str, reason: str) -> Estimate:
    if np.isnan(value):
        return undefined(reason, n)
    defined = samples[np.isfinite(samples)]
    if not len(defined):
        return undefined("no resample has any spread", n)
    low, high = (float(limit) for limit in np.quantile(defined, [0.025, 0.975]))
    return Estimate(value, min(low, value), max(high, value), n, method)


def dimension_from_json(values: Mapping[str, Any]) -> DimensionScores:
    """Read the figures of a dimension back; `ModelError` where they have another shape."""
    try:
        figures = {name: estimate_from_json(values[name]) for name in ("ccc", "pearson", "mae")}
        return DimensionScores(**{**values, **figures})
    except (KeyError, TypeError, LabelError) as error:
        raise ModelError(f"The stored figures can't be read ({error}); evaluate the run again.") from error
