"""Which labels raters mix up, and which clips they differ on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from affexion_core.errors import LabelError, allowed
from affexion_core.labeling.ratings import Ratings, check_labels, vote_counts, votes_per_clip


@dataclass(frozen=True)
class MixUp:
    """Two labels that raters gave to the same clips.

    Attributes
    ----------
    labels
        The two, in the scheme's order.
    n_clips
        Clips that got both.
    n_pairs
        Pairs of votes on one clip of which one says the first label, the other the second.
    share
        Pick a vote for one of the two labels, then another vote on its clip: how often it is for the other label of the
        two. In [0, 1]; 0: never mixed up.
    times_chance
        Against how often it would happen if the same votes were dealt to clips at random; 1: no distinction is made.
    """

    labels: tuple[str, str]
    n_clips: int
    n_pairs: int
    share: float
    times_chance: float


def mix_ups(ratings: Ratings) -> tuple[MixUp, ...]:
    """Find the pairs of labels that were mixed up at least once; most pairs of votes first, then greater share.

    ``share`` and ``times_chance`` weigh each clip by its votes, as Krippendorff's α does; anonymous votes are fine.

    Raises
    ------
    LabelError
        If the judgements are numbers.
    """
    check_labels(ratings, "Mix-ups")
    if not len(ratings.values):
        return ()
    counts = vote_counts(ratings)
    counts = counts[counts.sum(axis=1) >= 2]
    together = counts.T @ counts
    # Krippendorff's coincidences: a clip of m votes has m (m - 1) ordered pairs that count 1 / (m - 1) each
    coincidences = counts.T @ (counts / (counts.sum(axis=1, keepdims=True) - 1))
    votes, n_clips = counts.sum(axis=0), (counts > 0).astype(np.int64)
    shared = n_clips.T @ n_clips
    found = [
        MixUp(
            labels=(ratings.labels[a], ratings.labels[b]),
            n_clips=int(shared[a, b]),
            n_pairs=int(together[a, b]),
            share=float(2 * coincidences[a, b] / (votes[a] + votes[b])),
            times_chance=float(coincidences[a, b] * (votes.sum() - 1) / (votes[a] * votes[b])),
        )
        for a, b in combinations(range(len(ratings.labels)), 2)
        if together[a, b]
    ]
    return tuple(sorted(found, key=lambda mix_up: (-mix_up.n_pairs, -mix_up.share)))


def mixed_clips(ratings: Ratings, first: str, second: str) -> tuple[str, ...]:
    """Ids of the clips that got both labels, those with the most such pairs of votes first.

    Raises
    ------
    LabelError
        If the judgements are numbers, or a label isn't in the scheme.
    """
    check_labels(ratings, "Mix-ups")
    if not len(ratings.values):
        return ()
    for label in (first, second):
        if label not in ratings.labels:
            raise LabelError(f"There is no label {label!r} in the scheme; it allows {allowed(ratings.labels)}.")
    counts = vote_counts(ratings)
    n_pairs = counts[:, ratings.labels.index(first)] * counts[:, ratings.labels.index(second)]
    return tuple(ratings.clip_ids[clip] for clip in np.argsort(-n_pairs, kind="stable") if n_pairs[clip])


def disagreement(ratings: Ratings) -> dict[str, float]:
    """How much raters differ on each clip that has two judgements or more, for sorting clips.

    Labels: the share of pairs of votes that differ, in [0, 1]. Numbers: the mean absolute difference of pairs of
    numbers, in the scheme's units.
    """
    n_votes = votes_per_clip(ratings)
    clips = np.flatnonzero(n_votes >= 2)
    differing = _differences(ratings) if ratings.numeric else _unequal_pairs(ratings)
    n_pairs = n_votes[clips] * (n_votes[clips] - 1) / 2
    shares = (differing[clips] / n_pairs).tolist()
    return {ratings.clip_ids[clip]: share for clip, share in zip(clips, shares, strict=True)}


def _unequal_pairs(ratings: Ratings) -> np.ndarray:
    """Pairs of votes that differ, of each clip ``(n_clips,)``."""
    counts = vote_counts(ratings)
    return (counts.sum(axis=1) ** 2 - (counts**2).sum(axis=1)) / 2


def _differences(ratings: Ratings) -> np.ndarray:
    """Sum of the absolute differences of all pairs of numbers, of each clip ``(n_clips,)``."""
    order = np.lexsort((ratings.values, ratings.clip_index))
    n_votes = votes_per_clip(ratings)
    first = np.concatenate([[0], np.cumsum(n_votes)[:-1]])
    clip = ratings.clip_index[order]
    place = np.arange(len(order)) - first[clip]
    # the i-th smallest of m numbers is the greater one in i pairs and the smaller one in m - 1 - i
    sums = np.bincount(clip, ratings.values[order] * (2 * place - n_votes[clip] + 1), minlength=len(n_votes))
    return np.maximum(sums, 0.0)
