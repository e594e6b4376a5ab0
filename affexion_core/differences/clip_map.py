"""A map of clips: those that sound alike lie close, and each knows its nearest neighbour of the other side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Method = Literal["pca", "tsne"]
METHODS: tuple[Method, ...] = get_args(Method)
_N_DIRECTIONS = 20
_ROWS = 1024


@dataclass(frozen=True)
class ClipMap:
    """Where clips lie, and what is nearest to each on the other side.

    ``places (n, 2)``; ``shown``: the share of variance along each axis (None for t-SNE); ``neighbour (n,)``: the row of
    the nearest clip of the other side, among the 20 main directions.
    """

    places: np.ndarray
    shown: tuple[float, float] | None
    neighbour: np.ndarray


def map_clips(figures: np.ndarray, n_first: int, method: Method = "pca", seed: int = 0) -> ClipMap:
    """Lay out clips by their figures ``(n, n_figures)``, of which the first ``n_first`` are one side.

    The same figures give the same map.
    """
    clean = np.nan_to_num(figures.astype(np.float64))
    standard = (clean - clean.mean(axis=0)) / np.where(clean.std(axis=0) > 1e-9, clean.std(axis=0), 1.0)
    left, spread, directions = np.linalg.svd(standard, full_matrices=False)
    # a direction may point either way: let its largest part point up
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)])
    along = (left * spread * signs)[:, :_N_DIRECTIONS]
    along = np.pad(along, ((0, 0), (0, max(0, 2 - along.shape[1]))))
    neighbour = _nearest_of_other(along, n_first)
    if method == "tsne" and len(along) > 3:
        from sklearn.manifold import TSNE

        laid = TSNE(perplexity=min(30.0, (len(along) - 1) / 3), init="pca", random_state=seed).fit_transform(along)
        return ClipMap(laid, None, neighbour)
    total = float(np.square(spread).sum()) or 1.0
    shares = np.append(np.square(spread) / total, [0.0, 0.0])
    return ClipMap(along[:, :2], (float(shares[0]), float(shares[1])), neighbour)


def _nearest_of_other(along: np.ndarray, n_first: int) -> np.ndarray:
    sides = (np.arange(n_first), np.arange(n_first, len(along)))
    nearest = np.zeros(len(along), dtype=np.intp)
    for own, other in (sides, sides[::-1]):
        lengths = np.square(along[other]).sum(axis=1)
        for start in range(0, len(own), _ROWS):
            rows = own[start : start + _ROWS]
            nearest[rows] = other[(lengths - 2 * along[rows] @ along[other].T).argmin(axis=1)]
    return nearest
