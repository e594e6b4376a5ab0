"""What listeners themselves reach on clips that several of them judged: the ceiling beside a model's figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import Estimate, undefined

_N_RESAMPLES = 1000


@dataclass(frozen=True)
class Listeners:
    """Figures of listeners on ``n`` clips with ``n_votes`` votes in all, over ``n_choices`` labels they could choose.

    ``uar`` is the mean over the reference labels of the share of votes that say the label: how often one listener is
    right; ``majority`` the same for the commonest vote of each clip, ties by halves. Where the labels were made of
    these votes, ``uar`` holds each vote against the others of its clip, and there is no ``majority``. ``agreement`` is
    how often one vote says what most of the clip's other votes say, whatever the reference; ``mean_overlap`` what the
    mean shares of all clips have in common with each clip's own (see `vote_overlap`): no model should have less.
    """

    n: int
    n_votes: int
    n_choices: int
    uar: Estimate
    majority: Estimate
    agreement: Estimate
    mean_overlap: Estimate


def score_listeners(
    votes: Sequence[Mapping[str, int]],
    reference: Sequence[str],
    speakers: Sequence[str | None] | None = None,
    labels_are_votes: bool = False,
    seed: int = 0,
) -> Listeners | None:
    """Score listeners' votes against the labels of clips, and against each other.

    Parameters
    ----------
    votes
        For each clip how many chose each label; clips with fewer than two votes take no part.
    reference, speakers
        Label and speaker of each clip. Intervals are percentiles of a bootstrap over speakers where at least two are
        known, else over clips.
    labels_are_votes
        Whether the reference was made of these very votes.

    Returns
    -------
    None where no clip has two votes.
    """
    judged = [place for place, counts in enumerate(votes) if sum(counts.values()) >= 2]
    if not judged:
        return None
    counts = [votes[place] for place in judged]
    said = np.array([reference[place] for place in judged], dtype=object)
    who = None if speakers is None else [speakers[place] for place in judged]
    weights, method = clip_weights(len(judged), who, _N_RESAMPLES, seed)
    one = np.array([each.get(label, 0) / sum(each.values()) for each, label in zip(counts, said, strict=True)])
    most = np.array([_by_majority(each).get(label, 0.0) for each, label in zip(counts, said, strict=True)])
    each_other = np.array([_with_the_others(each) for each in counts])
    shares = _shares(counts)
    return Listeners(
        n=len(judged),
        n_votes=sum(sum(each.values()) for each in counts),
        n_choices=shares.shape[1],
        uar=_macro_mean(each_other if labels_are_votes else one, said, weights, method),
        majority=undefined("the labels are the majority", len(judged))
        if labels_are_votes
        else _macro_mean(most, said, weights, method),
        agreement=_macro_mean(each_other, np.zeros(len(judged), dtype=int), weights, method),
        mean_overlap=vote_overlap(np.broadcast_to(shares.mean(axis=0), shares.shape), shares, who, seed),
    )


def _shares(counts: Sequence[Mapping[str, int]]) -> np.ndarray:
    labels = sorted({label for each in counts for label in each})
    rows = np.array([[each.get(label, 0) for label in labels] for each in counts], dtype=np.float64)
    return rows / rows.sum(axis=1, keepdims=True)


def _by_majority(counts: Mapping[str, int]) -> dict[str, float]:
    """Share a clip among the labels with most votes."""
    top = max(counts.values())
    first = [label for label, n in counts.items() if n == top]
    return {label: 1 / len(first) for label in first}


def _with_the_others(counts: Mapping[str, int]) -> float:
    """Give the mean share by which a vote is what most of the other votes say."""
    total = 0.0
    for label, n in counts.items():
        others = Counter(counts)
        others[label] -= 1
        total += n * _by_majority(+others).get(label, 0.0)
    return total / sum(counts.values())


def _macro_mean(values: np.ndarray, groups: np.ndarray, weights: np.ndarray, method: str) -> Estimate:
    """Mean over groups of the mean of their clips; resamples that miss a group take no part."""
    names = sorted(set(groups.tolist()))
    inside = np.stack([groups == name for name in names], axis=1).astype(np.float64)
    value = float(np.mean([values[groups == name].mean() for name in names]))
    mass = weights @ inside
    whole = (mass > 0).all(axis=1)
    if not whole.any():
        return undefined("no resample has every label", len(values))
    drawn = ((weights[whole] * values) @ inside / mass[whole]).mean(axis=1)
    low, high = (float(limit) for limit in np.quantile(drawn, [0.025, 0.975]))
    return Estimate(value, min(low, value), max(high, value), len(values), method)


def vote_overlap(
    probs: np.ndarray, shares: np.ndarray, speakers: Sequence[str | None] | None = None, seed: int = 0
) -> Estimate:
    """Mean over clips of what probabilities and shares of votes have in common, 0 (nothing) to 1 (the same).

    That is the sum over labels of the smaller of both, 1 less their total variation distance.

    Parameters
    ----------
    probs, shares
        ``(n_clips, n_labels)``, rows sum to 1.
    speakers
        One per clip, or None; as for `score_listeners`.
    """
    if not len(probs):
        return undefined("no clip has votes")
    weights, method = clip_weights(len(probs), speakers, _N_RESAMPLES, seed)
    return _macro_mean(np.minimum(probs, shares).sum(axis=1), np.zeros(len(probs), dtype=int), weights, method)
