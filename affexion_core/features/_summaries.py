"""What the course of a descriptor comes to over a clip: level, spread, shape, trend and restlessness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

HOP_SECONDS = 0.01
FEW = ("mean", "sd", "p10", "p50", "p90", "range", "skew", "slope", "change")
MANY = (
    "mean", "sd", "p5", "p25", "p50", "p75", "p95", "wide_range", "mid_range", "skew", "kurtosis", "slope", "bend",
    "unevenness", "change", "change_sd", "change_p95", "above_mean", "centre", "late",
)  # fmt: skip

# Over less than a fifth of a second a trend says nothing: it is held towards 0.
_SHORT = 0.2**2 / 12


def summaries(values: np.ndarray, chosen: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Summarise columns over the chosen frames.

    Parameters
    ----------
    values
        ``(n_frames, n_columns)``.
    chosen
        bool ``(n_frames,)``, at least one True.
    names
        Which figures: of `FEW`, or of `MANY`. ``slope`` is per second, ``change`` the mean step from frame to frame,
        ``unevenness`` the spread about the straight line, ``bend`` the curvature, ``above_mean`` a share of frames,
        ``centre`` where in time the high values lie (0 to 1), ``late`` the last third against the whole.

    Returns
    -------
    float64 ``(n_columns, len(names))``.
    """
    seconds = np.flatnonzero(chosen) * HOP_SECONDS
    kept = values[chosen]
    found = {**_distribution(kept, names), **_course(kept, seconds - seconds.mean())}
    return np.column_stack([found[name] for name in names])


def _distribution(kept: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    mean, sd = kept.mean(axis=0), kept.std(axis=0)
    scaled = (kept - mean) / np.maximum(sd, 1e-3)
    percents = (10, 50, 90) if "p10" in names else (5, 25, 50, 75, 95)
    points = np.quantile(kept, [percent / 100 for percent in percents], axis=0)
    found = {f"p{percent}": point for percent, point in zip(percents, points, strict=True)}
    found |= {"mean": mean, "sd": sd, "skew": (scaled**3).mean(axis=0)}
    found["kurtosis"] = np.minimum((scaled**4).mean(axis=0), 50.0)
    if "p10" in found:
        found["range"] = found["p90"] - found["p10"]
    else:
        found |= {"wide_range": found["p95"] - found["p5"], "mid_range": found["p75"] - found["p25"]}
    found["above_mean"] = (kept > mean).mean(axis=0)
    return found


def _course(kept: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """How columns move along ``x``, seconds about their mean."""
    n, centred = len(kept), kept - kept.mean(axis=0)
    spread = np.square(x).sum() + n * _SHORT
    slope = x @ centred / spread
    bow = np.square(x) - np.square(x).mean()
    bow = bow - x * (x @ bow) / spread
    steps = np.diff(kept, axis=0, prepend=kept[:1])
    height = kept - kept.min(axis=0)
    place = (x - x[0]) / max(float(x[-1] - x[0]), HOP_SECONDS)
    return {
        "slope": slope,
        "bend": np.clip(bow @ centred / (np.square(bow).sum() + n * 1e-3), -1e3, 1e3),
        "unevenness": (centred - x[:, None] * slope).std(axis=0),
        "change": np.abs(steps).mean(axis=0),
        "change_sd": steps.std(axis=0),
        "change_p95": np.quantile(np.abs(steps), 0.95, axis=0),
        "centre": (place @ height) / (height.sum(axis=0) + 1e-6),
        "late": kept[2 * n // 3 :].mean(axis=0) - kept.mean(axis=0),
    }
