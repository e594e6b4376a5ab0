"""A few real clips beside the synthetic ones: who may be drawn, who is measured, and the draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.errors import SplitError
from affexion_core.training.splits import Group, Grouping, choose_grouping, group_keys, kfold
from affexion_core.types import LabelledClip, LeakKind

SIZES = (0, 1, 2, 5, 10, 20)
# Halves tried, to find one in which no label stands on one side alone.
_TRIES = 12


@dataclass(frozen=True)
class Halves:
    """Real clips in two halves by speaker: ``pool`` may train or be adapted to, ``rest`` is measured alone.

    ``allow`` says what may stand on both sides, ``reason`` why speakers had to, if so.
    """

    pool: tuple[LabelledClip, ...]
    rest: tuple[LabelledClip, ...]
    allow: frozenset[LeakKind]
    reason: str | None


def halve(items: Sequence[LabelledClip], seed: int) -> Halves:
    """Cut real clips in two halves, speakers kept whole where they can be, with each label on both sides.

    Raises
    ------
    SplitError
        If they can't be cut, as where there are no two clips of a label.
    """
    grouping = group_of(items, 2)
    best = None
    for step in range(_TRIES):
        split = kfold(items, 2, grouping.group, seed + step)[0]
        pool, rest = (Counter(item.label for item in part) for part in (split.train, split.test))
        balance = min(min(pool[label], rest[label]) / (pool[label] + rest[label]) for label in pool | rest)
        if best is None or balance > best[0]:
            best = (balance, split)
    assert best is not None
    split = best[1]
    return Halves(split.train, split.test, split.allow, grouping.reason)


def group_of(items: Sequence[LabelledClip], n_folds: int) -> Grouping:
    """Choose how clips are kept apart: by speaker where there are enough, else as strictly as can be, with a reason.

    Raises
    ------
    SplitError
        If there are fewer clips than folds.
    """
    try:
        return choose_grouping(items, n_folds)
    except SplitError:
        # all clips are by one speaker
        texts = len(set(group_keys(items, "text")))
        group: Group = "text" if texts >= n_folds else "none"
        reason = f"All {len(items)} clips are by one speaker, so they are kept apart by {group}; figures are leaky."
        return Grouping(group, reason)


def n_folds_of(items: Sequence[LabelledClip], asked: int) -> int:
    """Give as many folds as can be speaker-disjoint, at most ``asked``; as asked where there is one speaker."""
    n = len(set(group_keys(items, "speaker")))
    largest = max(Counter(item.label for item in items).values())
    return max(2, min(asked, n if n > 1 else asked, largest))


def usable_sizes(pool: Sequence[LabelledClip], sizes: Sequence[int]) -> tuple[int, ...]:
    """Leave out the numbers of clips a label that would add nothing, as no label has so many."""
    largest = max(Counter(item.label for item in pool).values(), default=0)
    found: list[int] = []
    for size in sorted(set(sizes)):
        if size <= largest or not found or found[-1] < largest:
            found.append(size)
    return tuple(found)


def draw(pool: Sequence[LabelledClip], labels: Sequence[str], size: int, seed: int) -> list[LabelledClip]:
    """Draw ``size`` clips of each label, all where there are fewer; a larger draw by one seed holds the smaller."""
    chosen: list[LabelledClip] = []
    for place, label in enumerate(labels):
        mine = sorted((item for item in pool if item.label == label), key=lambda item: item.clip.id)
        order = np.random.default_rng([seed, place]).permutation(len(mine))
        chosen += [mine[i] for i in order[:size]]
    return chosen
