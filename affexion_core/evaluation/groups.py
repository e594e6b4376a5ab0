"""Where a model fails: figures by group of clips, and a test whether the groups differ more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.errors import ConfigError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Estimate
from affexion_core.run_folder import ScoredClip

UNKNOWN = "not known"
MIN_GROUP = 20
"""With fewer clips the 95 % interval of an accuracy near a half is more than 40 points wide: nothing can be said."""
MOST_GROUPS = 60
_CHUNK = 2_000_000  # permuted values held at once; 16 MB


@dataclass(frozen=True)
class GroupScores:
    """Figures of one group; ``n_labels`` counts the labels it has clips of, over which ``uar`` is the mean."""

    name: str
    n: int
    n_speakers: int
    n_labels: int
    accuracy: Estimate
    uar: Estimate

    @property
    def too_small(self) -> bool:
        """Whether it has fewer than `MIN_GROUP` clips."""
        return self.n < MIN_GROUP


@dataclass(frozen=True)
class GroupTest:
    """Whether groups differ in accuracy more than chance.

    ``statistic`` is the sum over groups of (right - expected right)² / clips, where a clip's expected value is the
    recall of its label over all groups, so that a group with harder labels doesn't count as worse. ``p`` is the share
    of ``n_permutations`` random regroupings (the seen one among them) whose statistic is at least as large. ``method``
    says what was dealt anew. ``p`` is None where there is nothing to test, ``method`` then says why.
    """

    statistic: float | None
    p: float | None
    n_permutations: int
    seed: int
    method: str


@dataclass(frozen=True)
class GroupReport:
    """Groups of one grouping, in the order given, and the test over those whose value is known."""

    by: str
    groups: tuple[GroupScores, ...]
    test: GroupTest
    n: int


def group_report(
    by: str,
    scored: Sequence[ScoredClip],
    groups: Sequence[str | None],
    labels: Sequence[str],
    speakers: Sequence[str | None],
    order: Sequence[str] | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
) -> GroupReport:
    """Score each group and test whether they differ.

    Parameters
    ----------
    by
        Name of the grouping.
    scored
        Predictions by clip.
    groups
        Group of each clip; None where it isn't known.
    labels, speakers
        As for `metrics.score`.
    order
        Groups in the order wanted; without it by name.
    n_permutations, seed
        Of the test; the same seed gives the same p.

    Raises
    ------
    ConfigError
        If there are more than `MOST_GROUPS` groups, or lengths differ.
    """
    if not len(scored) == len(groups) == len(speakers):
        raise ConfigError(f"There are {len(scored)} predictions but {len(groups)} groups and {len(speakers)} speakers.")
    names = [name for name in order or sorted({g for g in groups if g is not None}) if name in set(groups)]
    if len(names) > MOST_GROUPS:
        raise ConfigError(
            f"Grouping by {by} gives {len(names)} groups of few clips each; {MOST_GROUPS} can be told apart at most. "
            "Choose another grouping."
        )
    values = [UNKNOWN if group is None else group for group in groups]
    found = []
    for name in [*names, *([UNKNOWN] if None in groups else [])]:
        own = [i for i, value in enumerate(values) if value == name]
        found.append(_scores(name, [scored[i] for i in own], labels, [speakers[i] for i in own]))
    test = permutation_test(scored, groups, speakers, n_permutations, seed)
    return GroupReport(by, tuple(found), test, len(scored))


def _scores(
    name: str, rows: Sequence[ScoredClip], labels: Sequence[str], speakers: Sequence[str | None]
) -> GroupScores:
    scores = score(
        [row.reference for row in rows], [row.predicted for row in rows], labels, speakers, n_resamples=500
    )  # fmt: skip
    present = sum(item.n > 0 for item in scores.per_class)
    return GroupScores(name, scores.n, scores.n_speakers, present, scores.accuracy, scores.uar)


def permutation_test(
    scored: Sequence[ScoredClip],
    groups: Sequence[str | None],
    speakers: Sequence[str | None],
    n_permutations: int = 1000,
    seed: int = 0,
) -> GroupTest:
    """Test by permutation whether groups differ in accuracy beyond their labels; see `GroupTest`.

    Where every clip's speaker is known, each speaker stands in one group alone and there are at least two speakers a
    group on average, whole speakers are dealt anew, since clips of one speaker are alike; else clips are, within
    their label.
    """
    known = [i for i, group in enumerate(groups) if group is not None]
    names = sorted({groups[i] or "" for i in known})
    if len(names) < 2:
        return GroupTest(None, None, 0, seed, "one group only, nothing to compare")
    rows = [scored[i] for i in known]
    member = np.array([names.index(groups[i] or "") for i in known])
    labels = sorted({row.reference for row in rows})
    label_of = np.array([labels.index(row.reference) for row in rows])
    right = np.array([row.reference == row.predicted for row in rows], dtype=np.float64)
    recalls = np.bincount(label_of, right) / np.bincount(label_of)
    excess = right - recalls[label_of]
    rng = np.random.default_rng(seed)
    units = _speaker_units([speakers[i] for i in known], member)
    if units is None:
        sums = _permuted_clips(excess, label_of, member, len(names), n_permutations, rng)
        method = "clips dealt anew within their label"
    else:
        sums = _permuted_speakers(excess, units, member, len(names), n_permutations, rng)
        method = f"{units.max() + 1} whole speakers dealt anew"
    seen = _statistic(np.bincount(member, excess, len(names)), np.bincount(member, minlength=len(names)))
    # equal up to rounding counts as equal
    reached = int((_statistic(*sums) >= seen - 1e-9).sum())
    return GroupTest(float(seen), (1 + reached) / (1 + n_permutations), n_permutations, seed, method)


def _statistic(excess: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sum over groups (last axis) of squared excess over clips; a group left without clips adds nothing."""
    return np.asarray((excess**2 / np.maximum(n, 1)).sum(axis=-1))


def _speaker_units(speakers: Sequence[str | None], member: np.ndarray) -> np.ndarray | None:
    if None in speakers:
        return None
    places = {name: place for place, name in enumerate(dict.fromkeys(speakers))}
    units = np.array([places[name] for name in speakers])
    nested = len(set(zip(units.tolist(), member.tolist(), strict=True))) == len(places)
    return units if nested and len(places) >= 2 * (member.max() + 1) else None


def _permuted_clips(
    excess: np.ndarray, label_of: np.ndarray, member: np.ndarray, n_groups: int, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    one_hot = np.eye(n_groups)[member]
    sums = np.zeros((n, n_groups))
    for label in np.unique(label_of):
        places = np.flatnonzero(label_of == label)
        step = max(1, _CHUNK // len(places))
        for start in range(0, n, step):
            dealt = rng.permuted(np.tile(excess[places], (min(step, n - start), 1)), axis=1)
            sums[start : start + step] += dealt @ one_hot[places]
    return sums, np.tile(one_hot.sum(axis=0), (n, 1))


def _permuted_speakers(
    excess: np.ndarray, units: np.ndarray, member: np.ndarray, n_groups: int, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    n_units = units.max() + 1
    group_of = np.zeros(n_units, dtype=int)
    group_of[units] = member
    sums, counts = np.bincount(units, excess, n_units), np.bincount(units, minlength=n_units)
    dealt = np.eye(n_groups)[rng.permuted(np.tile(group_of, (n, 1)), axis=1)]
    return np.einsum("u,nug->ng", sums, dealt), np.einsum("u,nug->ng", counts.astype(float), dealt)


def holm(p_values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Correct the p of several groupings by Holm's step-down procedure; None stays None.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
    """
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        corrected[i] = highest
    return tuple(corrected)
