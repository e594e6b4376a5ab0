"""Clips of a second dataset that train along, such as a few real ones beside synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from affexion_core.errors import SplitError
from affexion_core.evaluation.measuring import fit_labels
from affexion_core.ingest.label_maps import LabelMap
from affexion_core.types import Dataset, LabelledClip, Split


@dataclass(frozen=True)
class AlsoTrain:
    """A dataset whose clips train along: ``per_label`` of each label, drawn by the seed; None for all there are.

    A larger draw by the same seed holds the smaller one. Clips by speakers who test never train.
    """

    dataset: Dataset
    per_label: int | None = None
    label_map: LabelMap | None = None


def with_added(
    split: Split, also: AlsoTrain, labels: Sequence[str], tested: Sequence[LabelledClip], seed: int
) -> Split:
    """Add clips to the training part of a split; neither dev nor test change.

    Parameters
    ----------
    labels
        Those the model tells apart.
    tested
        Clips of a test set of its own. Like the split's test part, it bars its clips, speakers and voices.

    Raises
    ------
    LabelError
        If the second dataset has labels that the model doesn't know, and no map.
    SplitError
        If it has too few clips of a label once those barred are left out, or texts would leak.
    """
    if also.per_label is not None and not labels:
        raise SplitError(
            "A run on dimensions alone knows no labels to draw clips by; let all clips of the second dataset train.",
            change=("also_limit",),
        )
    candidates = fit_labels(also.dataset, labels, also.label_map).items
    barred = (*split.test, *tested)
    ids = {item.clip.id for item in (*barred, *split.train, *split.dev)}
    speakers = {item.clip.speaker for item in barred} - {None}
    free = [item for item in candidates if item.clip.id not in ids and item.clip.speaker not in speakers]
    if not free:
        raise SplitError(
            f"All clips of dataset {also.dataset.name!r} are trained on already, or are by speakers who test; "
            "choose another dataset to train along.",
            change=("also_train",),
        )
    return replace(split, train=(*split.train, *_drawn(free, also, labels, seed)))


def _drawn(free: Sequence[LabelledClip], also: AlsoTrain, labels: Sequence[str], seed: int) -> list[LabelledClip]:
    if also.per_label is None:
        return list(free)
    chosen: list[LabelledClip] = []
    for place, label in enumerate(labels):
        mine = sorted((item for item in free if item.label == label), key=lambda item: item.clip.id)
        if len(mine) < also.per_label:
            raise SplitError(
                f"Dataset {also.dataset.name!r} has {len(mine)} clips of {label!r} by speakers who don't test, "
                f"not {also.per_label}; ask for fewer of each label.",
                change=("also_limit",),
            )
        order = np.random.default_rng([seed, place]).permutation(len(mine))
        chosen += [mine[i] for i in order[: also.per_label]]
    return chosen
