"""Fleiss' κ, and α and κ of each label against the rest: agreement on labels where nobody need be known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affexion_core.evaluation.metrics import check_resamples
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling._resampling import because, corrected_limits, no_overlap, one_value, resample, with_interval
from affexion_core.labeling.ratings import Ratings, check_labels, vote_counts


@dataclass(frozen=True)
class LabelAgreement:
    """How far raters agree on one label against all others.

    ``votes`` counts its votes on clips with two votes or more. ``alpha`` is Krippendorff's α of the label against the
    rest, ``kappa`` Fleiss' κ of the category; they differ by a term that vanishes with many clips and, where clips
    have different numbers of votes, by their weights.
    """

    label: str
    votes: int
    alpha: Estimate
    kappa: Estimate


def fleiss_kappa(ratings: Ratings, n_resamples: int = 1000, seed: int = 0) -> Estimate:
    """Fleiss' κ with a 95 % percentile bootstrap interval over clips.

    Clips may have different numbers of votes. Each clip with two votes or more counts alike: the observed agreement is
    the mean over clips of the share of agreeing vote pairs, and chance comes from the mean over clips of the labels'
    shares. With equal numbers this is Fleiss (1971). Anonymous votes are fine.

    Source: J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971);
    for different numbers of votes K. L. Gwet, "Handbook of Inter-Rater Reliability" (2014), with the clips of one vote
    left out.

    Returns
    -------
    Estimate of at most 1; ``n`` counts the clips with two votes or more. Undefined with a reason where nothing can be
    compared: one rater, fewer than two such clips, one label only.

    Raises
    ------
    LabelError
        If the judgements are numbers.
    """
    check_resamples(n_resamples)
    check_labels(ratings, "Fleiss' κ and figures of each label")
    nothing = no_overlap(ratings)
    if nothing:
        return nothing
    counts, n_of_kind = _kinds(ratings)
    used = np.flatnonzero(n_of_kind @ counts)
    if len(used) == 1:
        return one_value(ratings, used[0], int(n_of_kind.sum()))
    return _estimates(counts, n_of_kind, n_resamples, seed)[0]


def per_label(ratings: Ratings, n_resamples: int = 1000, seed: int = 0) -> tuple[LabelAgreement, ...]:
    """Agreement on each label against the rest, in the scheme's order, with 95 % bootstrap intervals over clips.

    Undefined with a reason for a label that nobody, or everybody, used.

    Raises
    ------
    LabelError
        If the judgements are numbers.
    """
    check_resamples(n_resamples)
    check_labels(ratings, "Fleiss' κ and figures of each label")
    nothing = no_overlap(ratings)
    if nothing:
        return tuple(LabelAgreement(label, 0, nothing, nothing) for label in ratings.labels)
    counts, n_of_kind = _kinds(ratings)
    votes = n_of_kind @ counts
    used = np.flatnonzero((votes > 0) & (votes < votes.sum()))
    estimates = _estimates(counts, n_of_kind, n_resamples, seed)[1:] if len(used) else []
    figures = dict(zip(used.tolist(), zip(estimates[::2], estimates[1::2], strict=True), strict=True))
    found = []
    for position, label in enumerate(ratings.labels):
        why = f"{'every' if votes[position] else 'no'} vote on the clips that two raters judged is for this label"
        nothing = because(why, int(n_of_kind.sum()))
        alpha, kappa = figures.get(position, (nothing, nothing))
        found.append(LabelAgreement(label, int(votes[position]), alpha, kappa))
    return tuple(found)


def _kinds(ratings: Ratings) -> tuple[np.ndarray, np.ndarray]:
    """Votes ``(n_kinds, n_labels)`` of each kind of clip that has two or more, and how many clips are of that kind."""
    counts = vote_counts(ratings)
    kinds, n_of_kind = np.unique(counts[counts.sum(axis=1) >= 2], axis=0, return_counts=True)
    return kinds, n_of_kind


def _estimates(counts: np.ndarray, n_of_kind: np.ndarray, n_resamples: int, seed: int) -> list[Estimate]:
    """Fleiss' κ, then α and κ of each label that was used and is not the only one."""
    votes = n_of_kind @ counts
    counts = counts[:, (votes > 0) & (votes < votes.sum())]
    n = int(n_of_kind.sum())
    observed, expected = (shares[0] for shares in _disagreement(counts, n_of_kind[None].astype(np.float64)))

    def figures(drawn: np.ndarray) -> np.ndarray:
        seen, chance = _disagreement(counts, drawn)
        return 1 - seen / np.where(chance > 1e-12, chance, np.nan)

    samples = resample(figures, n_of_kind, n_resamples, seed, width=4 * counts.shape[1])
    return [
        with_interval(float(1 - seen / chance), resampled, n, corrected_limits(float(1 - seen), n, float(chance)))
        for seen, chance, resampled in zip(observed, expected, samples.T, strict=True)
    ]


def _disagreement(counts: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of vote pairs that disagree, and that expected by chance, ``(n, 1 + 2 n_labels)`` each.

    First over all labels with clips counting alike (Fleiss); then, for each label against the rest, with clips
    counting by their votes (α) and alike (Fleiss). ``counts`` holds no column but of labels that were used.
    """
    m = counts.sum(axis=1, keepdims=True)
    mixed = 2 * counts * (m - counts) / (m - 1)
    n, n_votes = drawn.sum(axis=1, keepdims=True), drawn @ m
    votes, shares = drawn @ counts, drawn @ (counts / m) / n
    by_vote, by_vote_chance = drawn @ mixed / n_votes, 2 * votes * (n_votes - votes) / (n_votes * (n_votes - 1))
    alike, alike_chance = drawn @ (mixed / m) / n, 2 * shares * (1 - shares)
    # a pair that disagrees does so on two labels
    observed = [alike.sum(axis=1, keepdims=True) / 2, *_turns(by_vote, alike)]
    expected = [alike_chance.sum(axis=1, keepdims=True) / 2, *_turns(by_vote_chance, alike_chance)]
    return np.concatenate(observed, axis=1), np.concatenate(expected, axis=1)


def _turns(first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Columns of both by turns."""
    return [np.stack([first, second], axis=2).reshape(len(first), -1)]
