"""95 % intervals of proportions and of macro averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Z95 = 1.959963984540054  # the 97.5 % point of the standard normal distribution
_CHUNK = 4_000_000  # resample weights held at once; 32 MB


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson score interval, 95 %, of ``successes`` out of ``n``; (0, 1) for n = 0.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    Clips count as independent, so the interval is somewhat narrow where one speaker gives many clips.
    """
    if n == 0:
        return 0.0, 1.0
    p, z2 = successes / n, Z95 * Z95
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # min and max only undo rounding: the exact interval always holds p
    return max(0.0, min(centre - half, p)), min(1.0, max(centre + half, p))


def wilson_f1(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of one label's F1.

    Of the ``n`` clips that are of the label or were predicted as it, ``hits`` are both. J = hits / n is a proportion
    with a Wilson interval, and F1 = 2 J / (1 + J) grows with J, so that its limits carry over.
    """
    low, high = wilson(hits, n)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def combine_limits(
    values: Sequence[float], limits: Sequence[tuple[float, float]], coefficients: Sequence[float]
) -> tuple[float, float]:
    """Limits of the sum of ``coefficients * values`` from the limits of each independent value.

    Squares and adds the distances to the limits (MOVER). Source: G. Y. Zou and A. Donner, "Construction of confidence
    limits about effect measures: a general approach", Statistics in Medicine 27 (2008).
    """
    total, below, above = 0.0, 0.0, 0.0
    for value, (low, high), weight in zip(values, limits, coefficients, strict=True):
        down, up = weight * (value - low), weight * (high - value)
        if weight < 0:
            down, up = -up, -down
        total, below, above = total + weight * value, below + down**2, above + up**2
    return total - math.sqrt(below), total + math.sqrt(above)


def sampling_units(
    cells: np.ndarray, n_cells: int, speakers: Sequence[str | None] | None
) -> tuple[np.ndarray, np.ndarray, str]:
    """Group clips into the units that a bootstrap draws: speakers where at least two are known, else clips.

    A clip without a speaker is a unit of its own; equal one-clip units are kept once, with their number.

    Parameters
    ----------
    cells
        Which cell of a table each clip falls in, int ``(n,)`` in ``[0, n_cells)``.
    speakers
        One per clip, or None.

    Returns
    -------
    patterns, counts, method
        The cell counts of each kind of unit, float64 ``(n_units, n_cells)``; how many units are of that kind
        ``(n_units,)``; the method in words. The same whatever the order of the clips.
    """
    names = np.array(["" if name is None else "s" + name for name in speakers or [None] * len(cells)], dtype=object)
    found = sorted(set(names) - {""})
    if len(found) < 2:
        names, found = np.full(len(cells), "", dtype=object), []
    alone = np.bincount(cells[names == ""], minlength=n_cells)
    grouped = np.zeros((len(found), n_cells))
    if found:
        rows = {name: row for row, name in enumerate(found)}
        known = names != ""
        np.add.at(grouped, ([rows[name] for name in names[known]], cells[known]), 1)
    kinds = np.flatnonzero(alone)
    patterns = np.concatenate([np.eye(n_cells)[kinds], grouped])
    counts = np.concatenate([alone[kinds], np.ones(len(found), dtype=alone.dtype)])
    return patterns, counts, _in_words(len(found), int(alone.sum()))


def _in_words(n_speakers: int, n_alone: int) -> str:
    clips = f"{n_alone} clip{'' if n_alone == 1 else 's'}"
    if not n_speakers:
        return f"bootstrap over {clips}"
    rest = f" and {clips} without a speaker" if n_alone else ""
    return f"bootstrap over {n_speakers} speakers{rest}"


def bootstrap(
    patterns: np.ndarray,
    counts: np.ndarray,
    figures: Callable[[np.ndarray], np.ndarray],
    n_resamples: int,
    seed: int,
) -> np.ndarray:
    """Draw as many units as there are, with replacement, and compute figures of each resample.

    A resample is a sum of unit tables, so that clips are never copied.

    Parameters
    ----------
    patterns, counts
        As `sampling_units` gives them.
    figures
        From tables ``(n, n_cells)`` to figures ``(n, n_figures)``.

    Returns
    -------
    float64 ``(n_resamples, n_figures)``, the same for the same seed.
    """
    rng = np.random.default_rng(seed)
    n_units = int(counts.sum())
    step = max(1, _CHUNK // len(counts))
    parts = []
    for start in range(0, n_resamples, step):
        drawn = rng.multinomial(n_units, counts / n_units, size=min(step, n_resamples - start))
        parts.append(figures(drawn @ patterns))
    return np.concatenate(parts)


def percentile_limits(samples: np.ndarray, value: float) -> tuple[float, float] | None:
    """95 % percentile interval of resampled figures ``(n_resamples,)``, widened where need be to hold ``value``.

    None where the resamples agree (all clips right, all wrong, one clip): that shows no spread, not certainty.
    """
    quantiles = np.quantile(samples, [0.025, 0.975])
    low, high = min(float(quantiles[0]), value), max(float(quantiles[1]), value)
    return (low, high) if high - low > 1e-12 else None
