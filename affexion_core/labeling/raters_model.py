"""Dawid and Skene's model: how good each rater is, and what each clip most likely is, without knowing the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from affexion_core.errors import ConfigError
from affexion_core.labeling.pairs import NOBODY_KNOWN
from affexion_core.labeling.ratings import Ratings, check_labels, people, vote_counts, votes_per_clip

SMOOTHING = 0.1
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class RaterModel:
    """What the model made of the votes of the raters known by name.

    Attributes
    ----------
    labels, raters, clip_ids
        Names, in the order of the axes below; clips that only anonymous voters judged are not among them.
    priors
        How common each label is, ``(n_labels,)``; sums to 1.
    confusion
        ``(n_raters, n_labels, n_labels)``: how often a rater gives each label (column) to a clip that truly has a label
        (row); rows sum to 1.
    probs
        Probability of each label for each clip, ``(n_clips, n_labels)``; rows sum to 1.
    accuracy
        The share of each rater's own votes expected to be right, ``(n_raters,)``.
    n_votes
        Votes of each rater, int ``(n_raters,)``.
    n_iterations, converged
        How many rounds it took, and whether no probability moved by more than 1e-6 in the last.
    """

    labels: tuple[str, ...]
    raters: tuple[str, ...]
    clip_ids: tuple[str, ...]
    priors: np.ndarray
    confusion: np.ndarray
    probs: np.ndarray
    accuracy: np.ndarray
    n_votes: np.ndarray
    n_iterations: int
    converged: bool


@dataclass(frozen=True)
class NoModel:
    """Why there is no model of these raters, as ``undefined, because …``."""

    reason: str


def dawid_skene(ratings: Ratings, smoothing: float = SMOOTHING, max_iterations: int = 500) -> RaterModel | NoModel:
    """Estimate raters and clips together by expectation and maximisation.

    Starts from the shares of the votes, so that labels keep their names and the result is the same every time.
    Needs three raters: where two differ, nothing says who is right.

    Source: A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
    Applied Statistics 28 (1979). Added here: a symmetric Dirichlet prior on the rows of the confusions and on the
    priors, so that a rater of few votes is not taken for infallible.

    Parameters
    ----------
    ratings
        Labels. Votes by anonymous raters are left out, as nobody can be followed through them.
    smoothing
        Votes imagined in each cell of a rater's confusion, and clips imagined of each label; above 0.
    max_iterations
        Rounds at most, at least 1.

    Returns
    -------
    The model; or `NoModel` where fewer than three raters are known by name, no clip has two votes, or one label only
    was given.

    Raises
    ------
    LabelError
        If the judgements are numbers.
    ConfigError
        If a setting is out of range.
    """
    check_labels(ratings, "Figures of each rater by Dawid and Skene")
    if not smoothing > 0 or max_iterations < 1:
        raise ConfigError(
            f"smoothing = {smoothing} must be above 0, and max_iterations = {max_iterations} must be 1 or more."
        )
    known = people(ratings)
    why = _why_not(ratings, known)
    return NoModel(f"undefined, because {why}") if why else _fit(known, smoothing, max_iterations)


def _why_not(ratings: Ratings, known: Ratings) -> str | None:
    if not len(ratings.values):
        return "there are no judgements"
    if not known.raters:
        return NOBODY_KNOWN
    n = len(known.raters)
    if n < 3:
        who = "one rater is" if n == 1 else "two raters are"
        return f"only {who} known by name, and where two differ nothing says who is right; it takes three"
    if not (votes_per_clip(known) >= 2).any():
        return "no clip was judged by two raters"
    only = np.unique(known.values)
    return f"only one label, {known.labels[only[0]]!r}, was given" if len(only) == 1 else None


def _fit(known: Ratings, smoothing: float, max_iterations: int) -> RaterModel:
    n_raters = len(known.raters)
    votes = _one_hot(known)
    counts = vote_counts(known)
    probs = counts / counts.sum(axis=1, keepdims=True)
    converged, n_iterations = False, 0
    while not converged and n_iterations < max_iterations:
        priors, confusion = _maximise(votes, probs, n_raters, smoothing)
        moved = _expect(votes, priors, confusion)
        converged = bool(np.abs(moved - probs).max() <= TOLERANCE)
        probs, n_iterations = moved, n_iterations + 1
    n_votes = np.bincount(known.rater_index, minlength=n_raters)
    right = np.bincount(known.rater_index, probs[known.clip_index, known.values], minlength=n_raters)
    priors, confusion = _maximise(votes, probs, n_raters, smoothing)
    accuracy = right / n_votes
    return RaterModel(
        known.labels, known.raters, known.clip_ids, priors, confusion, probs, accuracy, n_votes, n_iterations, converged
    )


def _one_hot(known: Ratings) -> Any:
    """Who voted for what, scipy CSR ``(n_clips, n_raters * n_labels)`` of 0 and 1."""
    from scipy.sparse import csr_matrix

    columns = known.rater_index * len(known.labels) + known.values
    shape = (len(known.clip_ids), len(known.raters) * len(known.labels))
    return csr_matrix((np.ones(len(columns)), (known.clip_index, columns)), shape=shape)


def _maximise(votes: Any, probs: np.ndarray, n_raters: int, smoothing: float) -> tuple[np.ndarray, np.ndarray]:
    """Priors and confusions that fit the clips' probabilities best."""
    n_labels = probs.shape[1]
    priors = probs.sum(axis=0) + smoothing
    given = (votes.T @ probs).reshape(n_raters, n_labels, n_labels)
    confusion = given.transpose(0, 2, 1) + smoothing
    return priors / priors.sum(), confusion / confusion.sum(axis=2, keepdims=True)


def _expect(votes: Any, priors: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Probabilities of the clips' labels from priors and confusions; in logarithms, as many small numbers multiply."""
    by_vote = np.log(confusion).transpose(0, 2, 1).reshape(-1, len(priors))
    logs = np.log(priors) + votes @ by_vote
    probs = np.exp(logs - logs.max(axis=1, keepdims=True))
    return probs / probs.sum(axis=1, keepdims=True)
