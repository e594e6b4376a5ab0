"""How often clips of each label are seen: as they are, balanced by drawing, or with large labels truncated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch


def kept_by_truncation(targets: Sequence[int], seed: int) -> list[int]:
    """Choose rows so that each label has as many as the smallest; which, the seed decides. In order of the rows."""
    labels = np.asarray(targets)
    counts = np.bincount(labels)
    fewest = counts[counts > 0].min()
    draw = np.random.default_rng(seed)
    chosen = [draw.permutation(np.flatnonzero(labels == k))[:fewest] for k in np.unique(labels)]
    return sorted(int(row) for row in np.concatenate(chosen))


def balanced_order(targets: Sequence[int], generator: torch.Generator) -> list[int]:
    """Draw as many rows as there are, with replacement, each label as often as any other on average."""
    labels = torch.tensor(list(targets))
    weights = 1.0 / torch.bincount(labels).clamp(min=1)[labels].double()
    return torch.multinomial(weights, len(labels), replacement=True, generator=generator).tolist()
