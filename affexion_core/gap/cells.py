"""The cells of the table: who trains on what and is measured on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from affexion_core.gap.few_real import group_of, n_folds_of
from affexion_core.gap.part import ModelSpec, PartSpec
from affexion_core.training.run_config import RunConfig
from affexion_core.training.splits import kfold
from affexion_core.types import LEAK_KINDS, Dataset, LabelledClip, LeakKind, Split

BASE = "base"
# Cells in the order of the table: the part that is measured, what is trained on, and what is measured on.
CELLS = {
    "cv-synthetic": ("synthetic", "synthetic"),
    BASE: ("synthetic", "real"),
    "cv-real": ("real", "real"),
    "mixed": ("mixed", "real"),
}


@dataclass(frozen=True)
class Folds:
    """Folds of a dataset, and why they are not as asked, if so."""

    splits: tuple[Split, ...]
    reason: str | None


def folds_of(items: Sequence[LabelledClip], asked: int, seed: int, whose: str) -> Folds:
    """Cut clips into folds by speaker; fewer than ``asked`` where there are fewer speakers.

    Raises
    ------
    SplitError
        If the folds can't be filled.
    """
    n = n_folds_of(items, asked)
    grouping = group_of(items, n)
    reason = grouping.reason
    if reason is None and n < asked:
        reason = f"{whose}: {n} folds, not {asked}, so that nobody speaks on both sides of one."
    return Folds(kfold(items, n, grouping.group, seed), reason)


def crossval_part(name: str, title: str, config: RunConfig, splits: Sequence[Split]) -> PartSpec:
    """Train and measure fold by fold."""
    models = [ModelSpec(replace(config, seed=config.seed + k), split) for k, split in enumerate(splits)]
    return PartSpec(name, title, tuple(models))


def base_part(config: RunConfig, synthetic: Dataset, real: Sequence[LabelledClip], draws: int, allow_leaks: bool
) -> PartSpec:  # fmt: skip
    """Train on synthetic clips with as many seeds as draws, and measure on all real ones."""
    split = Split(synthetic.items, tuple(real), allow=allowed_leaks(allow_leaks))
    models = tuple(ModelSpec(replace(config, seed=config.seed + d), split) for d in range(draws))
    return PartSpec(BASE, "synthetic → real", models)


def mixed_part(config: RunConfig, synthetic: Dataset, splits: Sequence[Split], allow_leaks: bool) -> PartSpec:
    """Train on synthetic clips and the real ones of the other folds."""
    also = [replace(split, train=(*synthetic.items, *split.train), allow=split.allow | allowed_leaks(allow_leaks))
            for split in splits]  # fmt: skip
    return crossval_part("mixed", "mixed → real", config, also)


def allowed_leaks(allow_leaks: bool) -> frozenset[LeakKind]:
    """Give what may stand on both sides: everything, or nothing."""
    return frozenset(LEAK_KINDS) if allow_leaks else frozenset()
