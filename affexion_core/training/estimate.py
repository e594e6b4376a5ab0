"""How long a training will take, from how long earlier ones took on this machine."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from affexion_core.errors import AffexionError
from affexion_core.run_folder import fold_folders, read_config, read_history, read_json
from affexion_core.store.clips import get_clips
from affexion_core.store.jobs import list_jobs
from affexion_core.store.runs import list_runs
from affexion_core.store.session import Store
from affexion_core.training.direct import n_epochs
from affexion_core.training.run_config import RunConfig, config_from_json, with_settings
from affexion_core.training.space import Space, parameter_values
from affexion_core.types import Clip, Run

# Older runs say less: the machine, the code and the data change.
_LOOKED_AT, _ENOUGH = 20, 3
# Values of one setting that stand for all of them.
_SAMPLES = 20
# Jobs that train; others ask about a run, wherever it was trained.
_TRAINING = ("train", "cv", "fold", "sweep", "trial", "gap", "part")
# What front-ends without a hop of their own are taken for.
_FRAMES_PER_SECOND = 100.0


@dataclass(frozen=True)
class Pace:
    """How fast a model trains here: ``seconds`` for a million frames seen once, the median over ``n_runs`` runs.

    ``same_settings`` is False where those runs had other model settings, so that the pace is rough.
    """

    seconds: float
    n_runs: int
    same_settings: bool


def frames_seen(clips: Iterable[Clip], config: RunConfig) -> float:
    """Count the frames that one pass over training clips and their copies shows the model, cut at ``max_len``."""
    rate, n = frames_per_second(config), 1 + config.augmentation.copies
    return n * sum(min(1 + clip.duration * rate, config.inputs.max_len) for clip in clips)


def frames_per_second(config: RunConfig) -> float:
    """Count the frames a second of speech has; the largest where front-ends differ."""
    rates = [
        front_end.config.sampling_rate / front_end.config.hop_length
        for front_end in config.front_ends
        if hasattr(front_end.config, "sampling_rate") and hasattr(front_end.config, "hop_length")
    ]
    return max(rates, default=_FRAMES_PER_SECOND)


@dataclass(frozen=True)
class Effort:
    """What trainings come to, before how fast they go: ``epochs`` the fewest and the most that a model is trained for.

    ``total_epochs`` is their sum, and ``frames`` counts the frames of an average clip over all of them; both for one
    model a trial.
    """

    epochs: tuple[int, int]
    total_epochs: float
    frames: float


def effort_of(clips: Sequence[Clip], config: RunConfig, space: Space | None = None, n_trials: int = 1) -> Effort:
    """Say what training a recipe comes to, or trying the values of a space ``n_trials`` times.

    Of values that are yet to be drawn, the mean over the space stands for each.
    """
    settings = [{}] if space is None else _samples(space)
    tried = [with_settings(config, values) for values in settings]
    frames: dict[tuple[int, float, int], float] = {}
    seen = []
    for each in tried:
        key = (each.inputs.max_len, frames_per_second(each), each.augmentation.copies)
        if key not in frames:
            frames[key] = frames_seen(clips, each) / len(clips)
        seen.append(frames[key] * n_epochs(each))
    epochs = [n_epochs(each) for each in tried]
    return Effort((min(epochs), max(epochs)), n_trials * sum(epochs) / len(epochs), n_trials * sum(seen) / len(seen))


def _samples(space: Space) -> list[dict[str, Any]]:
    """Give the combinations of a space's values, evenly thinned where they are many; ends and middle of a range."""
    columns = [
        parameter_values(parameter)
        or (parameter.low, ((parameter.low or 0) + (parameter.high or 0)) / 2, parameter.high)
        for parameter in space.parameters.values()
    ]
    thinned = [column if len(column) <= _SAMPLES else column[:: -(-len(column) // _SAMPLES)] for column in columns]
    return [dict(zip(space.parameters, row, strict=True)) for row in itertools.islice(itertools.product(*thinned), 400)]


def find_pace(store: Store, config: RunConfig) -> Pace | None:
    """Find how fast a recipe's model trained in the newest runs on this machine; None where there is none to go by.

    Runs with the very same model settings are preferred. What features take to compute is not part of it.
    """
    same: list[float] = []
    other: list[float] = []
    elsewhere = _run_elsewhere(store)
    for run in list_runs(store)[:_LOOKED_AT]:
        if run.kind == "fold" or run.id in elsewhere:
            continue
        measured = _pace_of(store, run, config.model)
        if measured is None:
            continue
        settings, seconds = measured
        (same if settings == config.model_config else other).append(seconds)
        if len(same) == _ENOUGH:
            break
    found = same or other[:_ENOUGH]
    return Pace(median(found), len(found), bool(same)) if found else None


def _run_elsewhere(store: Store) -> set[str]:
    here = socket.gethostname()
    trained = (job for job in list_jobs(store) if job.run_id and job.kind in _TRAINING)
    return {str(job.run_id) for job in trained if job.host not in (None, here)}


def _pace_of(store: Store, run: Run, model: str) -> tuple[Any, float] | None:
    """Model settings and pace of a run of this model; None if it is of another, or has nothing to go by."""
    folder = next(iter(fold_folders(_one_of(run))), _one_of(run))
    try:
        seconds = _epoch_seconds(read_history(folder))
        if seconds is None or read_config(folder)["model"]["name"] != model:
            return None
        config = config_from_json(read_config(folder))
        ids = [row["clip_id"] for row in read_json(folder / "split.json")["clips"] if row["part"] == "train"]
        frames = frames_seen(get_clips(store, ids), config)
    except (AffexionError, OSError, ValueError, KeyError, TypeError):
        # A run of an older version, or one whose clips are gone, is no measure; the next one may be.
        return None
    return (config.model_config, seconds / frames * 1e6) if frames else None


def _one_of(run: Run) -> Path:
    """Give a run's folder; of a sweep or gap study that of its first model, as others differ by their settings."""
    folder = Path(run.folder)
    return next(
        (first for first in (folder / "trials" / "1", folder / "parts" / "base" / "1") if first.is_dir()), folder
    )


def _epoch_seconds(history: Sequence[Any]) -> float | None:
    found = [float(row["seconds"]) for row in history if row.get("seconds")]
    return median(found) if found else None
