"""What a gap study will cost, before it is started."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from affexion_core.extraction import n_features
from affexion_core.gap.study import Planned
from affexion_core.store.session import Store
from affexion_core.training.direct import fits_directly, n_epochs
from affexion_core.training.estimate import find_pace, frames_seen
from affexion_core.training.run_config import RunConfig

# A process starts and loads its libraries in about so many seconds, once for each part.
_START = 6.0
# The probe: as many clips, enough for a few batches.
_CLIPS = 64
# What aligning costs, which sends as many real clips through the network again.
_ALIGNED = 2.0


@dataclass(frozen=True)
class Estimate:
    """A study's models and passes over training clips, and seconds of computing on one core.

    ``basis`` says what the pace goes by: earlier runs, or a short trial on made-up features. Features of clips that
    are not in the cache come on top.
    """

    n_parts: int
    n_models: int
    n_epochs: int
    seconds: float
    basis: str


def estimate_gap(store: Store, planned: Planned) -> Estimate:
    """Estimate what a plan takes, by earlier runs of its model here or else by trying it out for a moment."""
    config = planned.parts[0].models[0].config
    found = find_pace(store, config)
    pace, basis = (found.seconds, "earlier runs") if found else (probe_pace(config), "a short trial")
    frames = 0.0
    trained = [part for part in planned.parts if part.after is None]
    models = [model for part in trained for model in part.models]
    for model in models:
        factor = _ALIGNED if model.config.adaptation.method in ("coral", "dann") else 1.0
        seen = frames_seen([item.clip for item in model.split.train], model.config)
        frames += factor * seen * n_epochs(model.config)
    epochs = sum(n_epochs(model.config) for model in models)
    return Estimate(len(trained), len(models), epochs, pace * frames / 1e6 + _START * len(trained), basis)


def probe_pace(config: RunConfig) -> float:
    """Train two passes on made-up features of the recipe's shape; give seconds for a million frames.

    Counted are the seconds that this process computes in the second pass, whatever else the machine is busy with.
    """
    from affexion_core.training.fit import Examples, fit

    rng = np.random.default_rng(0)
    n_frames = min(config.inputs.max_len, 300)
    widths = [n_features(front_end) for front_end in config.front_ends]
    if fits_directly(config.model):
        n_frames = 1
    clips = [tuple(rng.normal(size=(n_frames, width)).astype(np.float32) for width in widths) for _ in range(_CLIPS)]
    plain = replace(config, training=replace(config.training, epochs=2, early_stopping=0, targets="hard"))
    plain = replace(plain, adaptation=type(config.adaptation)())
    moments = [time.process_time()]
    examples = Examples(clips, [k % 2 for k in range(_CLIPS)])
    fit(examples, 2, plain, on_epoch=lambda row: moments.append(time.process_time()))
    return max(1e-4, moments[-1] - moments[-2]) / (_CLIPS * n_frames) * 1e6


def minutes_on(estimate: Estimate, slots: int) -> float:
    """Give the minutes that a study takes where ``slots`` parts run side by side."""
    return estimate.seconds / max(1, min(slots, estimate.n_parts)) / 60
