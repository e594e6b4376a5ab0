"""Let a model say "unsure": how many clips it still answers, and how often it is then right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affexion_core.errors import ConfigError
from affexion_core.evaluation.intervals import wilson

# Fewer answered clips than this settle no accuracy: their Wilson interval is about 40 points wide at best.
MIN_ANSWERED = 20


@dataclass(frozen=True)
class CoveragePoint:
    """What happens when clips below ``threshold`` are left unanswered.

    ``coverage`` is the share of clips answered, ``n_answered`` their number, ``accuracy`` the share of these that is
    right, with its 95 % Wilson interval.
    """

    threshold: float
    coverage: float
    n_answered: int
    accuracy: float
    low: float
    high: float


def coverage_curve(confidence: np.ndarray, right: np.ndarray) -> tuple[CoveragePoint, ...]:
    """Accuracy of the surest clips, for each number of clips that a threshold can answer.

    Parameters
    ----------
    confidence
        Probability of the predicted label, float ``(n_clips,)`` in [0, 1].
    right
        Whether the prediction is right, bool ``(n_clips,)``.

    Returns
    -------
    tuple of CoveragePoint
        From the fewest answered to all. Clips with the same confidence are answered together. Empty without clips.

    Notes
    -----
    Source: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010).
    """
    order = np.argsort(-confidence, kind="stable")
    sure, hits = confidence[order], np.cumsum(right[order])
    # the last clip of each run of equals: a threshold takes all of them or none
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.zeros(0, dtype=int)
    points = []
    for end in ends.tolist():
        answered, n_right = end + 1, int(hits[end])
        low, high = wilson(n_right, answered)
        points.append(
            CoveragePoint(float(sure[end]), answered / len(sure), answered, n_right / answered, low, high)
        )  # fmt: skip
    return tuple(points)


def choose_threshold(
    confidence: np.ndarray, right: np.ndarray, accuracy: float | None = None, coverage: float | None = None
) -> CoveragePoint:
    """Choose below which confidence to say "unsure".

    Parameters
    ----------
    confidence, right
        As `coverage_curve` takes them.
    accuracy
        Answer as many clips as can be while at least this share of the answers is right, 0 to 1. At least
        `MIN_ANSWERED` clips must be answered.
    coverage
        Or answer at least this share of the clips, above 0 to 1, and no more than need be.

    Raises
    ------
    ConfigError
        If not exactly one of the two is given or it is out of range, if there are too few clips, or if no threshold
        reaches the accuracy; the message then says what can be reached.
    """
    given = accuracy if accuracy is not None else coverage
    if given is None or (accuracy is not None and coverage is not None) or not 0 < given <= 1:
        raise ConfigError("Name either the accuracy or the coverage to reach, above 0 and at most 1 (0.8 for 80 %).")
    points = [point for point in coverage_curve(confidence, right) if point.n_answered >= MIN_ANSWERED]
    if not points:
        raise ConfigError(
            f"There are {len(confidence)} held-out clips; a threshold for “unsure” needs at least {MIN_ANSWERED}."
        )
    if coverage is not None:
        # 1e-9: n * share may be a hair above the whole number it stands for
        return next(point for point in points if point.coverage >= coverage - 1e-9)
    assert accuracy is not None
    reaching = [point for point in points if point.accuracy >= accuracy]
    if not reaching:
        best = max(points, key=lambda point: (point.accuracy, point.coverage))
        raise ConfigError(
            f"No threshold makes {accuracy:.0%} of the answers right: at best {best.accuracy:.0%}, when "
            f"{best.coverage:.0%} of the clips are answered. Ask for less, or name a share of clips to answer.",
            change=("accuracy", "coverage"),
        )
    return reaching[-1]
