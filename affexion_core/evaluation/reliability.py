"""Whether a model is as sure as it is right: reliability by bins of confidence, and the expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.evaluation.intervals import percentile_limits, wilson
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import NO_CLIPS, Estimate, undefined

N_BINS = 10


@dataclass(frozen=True)
class Bin:
    """Clips whose highest probability lies above ``start`` and at most at ``end`` (the first bin holds 0 as well).

    ``confidence`` is the mean of these probabilities, ``accuracy`` the share that is right with its 95 % Wilson
    interval. Figures are None without clips.
    """

    start: float
    end: float
    n: int
    confidence: float | None
    accuracy: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Reliability:
    """Reliability of ``n`` predictions; ``ece`` over ``n_bins`` bins of equal width, as a fraction."""

    bins: tuple[Bin, ...]
    ece: Estimate
    n: int
    n_bins: int
    confidence: float | None
    accuracy: float | None


def reliability(
    confidence: np.ndarray,
    right: np.ndarray,
    speakers: Sequence[str | None] | None = None,
    n_bins: int = N_BINS,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Reliability:
    """Compare confidence with accuracy.

    Parameters
    ----------
    confidence
        Highest probability of each clip, float ``(n_clips,)`` in [0, 1].
    right
        Whether the prediction is right, bool ``(n_clips,)``.
    speakers, n_resamples, seed
        For the percentile bootstrap interval, see `resampling.clip_weights`.
    n_bins
        Bins of equal width between 0 and 1.

    Notes
    -----
    ECE = sum over bins of (clips in bin / clips) · abs(accuracy - confidence). With few clips it is too high by chance
    even for a calibrated model, and its resamples more so, hence an interval that holds the figure but lies high.
    Source: M. P. Naeini, G. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning",
    AAAI 2015.
    """
    n = len(confidence)
    places = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    bins = tuple(_bin(confidence, right, places == i, i, n_bins) for i in range(n_bins))
    if not n:
        return Reliability(bins, undefined(NO_CLIPS), 0, n_bins, None, None)
    gaps = np.zeros((n, n_bins))
    gaps[np.arange(n), places] = right - confidence
    weights, method = clip_weights(n, speakers, n_resamples, seed)
    value = float(np.abs(gaps.sum(axis=0)).sum() / n)
    samples = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
    limits = percentile_limits(samples, value)
    ece = Estimate(value, *(limits or (0.0, 1.0)), n, f"{method}, {n_bins} bins")
    return Reliability(bins, ece, n, n_bins, float(confidence.mean()), float(right.mean()))


def _bin(confidence: np.ndarray, right: np.ndarray, here: np.ndarray, place: int, n_bins: int) -> Bin:
    n, start, end = int(here.sum()), place / n_bins, (place + 1) / n_bins
    if not n:
        return Bin(start, end, 0, None, None, None, None)
    n_right = int(right[here].sum())
    return Bin(start, end, n, float(confidence[here].mean()), n_right / n, *wilson(n_right, n))
