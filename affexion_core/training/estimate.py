"""How long a training will take, from how long earlier ones took on this machine."""

from __future__ import annotations

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
from affexion_core.training.run_config import RunConfig, config_from_json
from affexion_core.types import Clip, Run

# Older runs say less: the machine, the code and the data change.
_LOOKED_AT, _ENOUGH = 20, 3
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
    """Count the frames that one pass over clips shows the model, each clip cut at ``max_len``."""
    rate = frames_per_second(config)
    return sum(min(1 + clip.duration * rate, config.inputs.max_len) for clip in clips)


def frames_per_second(config: RunConfig) -> float:
    """Count the frames a second of speech has; the largest where front-ends differ."""
    rates = [
        front_end.config.sampling_rate / front_end.config.hop_length
        for front_end in config.front_ends
        if hasattr(front_end.config, "sampling_rate") and hasattr(front_end.config, "hop_length")
    ]
    return max(rates, default=_FRAMES_PER_SECOND)


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
    return {job.run_id for job in list_jobs(store) if job.run_id and job.host not in (None, here)}


def _pace_of(store: Store, run: Run, model: str) -> tuple[Any, float] | None:
    """Model settings and pace of a run of this model; None if it is of another, or has nothing to go by."""
    folder = next(iter(fold_folders(Path(run.folder))), Path(run.folder))
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


def _epoch_seconds(history: Sequence[Any]) -> float | None:
    found = [float(row["seconds"]) for row in history if row.get("seconds")]
    return median(found) if found else None
