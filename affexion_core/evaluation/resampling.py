"""Bootstrap weights of clips, for figures that a table of counts can't give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def clip_weights(
    n_clips: int, speakers: Sequence[str | None] | None, n_resamples: int, seed: int
) -> tuple[np.ndarray, str]:
    """Draw with replacement speakers where at least two are known, else clips; count how often each clip is drawn.

    A clip without a speaker is drawn by itself, as in `intervals.sampling_units`.

    Returns
    -------
    weights, method
        Float64 ``(n_resamples, n_clips)``, the same for the same seed; and the method in words.
    """
    names = list(speakers or [None] * n_clips)
    if len({name for name in names if name is not None}) < 2:
        names = [None] * n_clips
    keys = [("clip", str(place)) if name is None else ("speaker", name) for place, name in enumerate(names)]
    units = {key: unit for unit, key in enumerate(dict.fromkeys(keys))}
    unit_of = np.array([units[key] for key in keys], dtype=np.intp)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(units), np.full(len(units), 1 / max(1, len(units))), size=n_resamples)
    n_speakers = sum(kind == "speaker" for kind, _ in units)
    over = f"{n_speakers} speakers" if n_speakers else f"{n_clips} clips"
    return drawn[:, unit_of].astype(np.float64), f"bootstrap over {over}"
