"""Runs trained outside the queue, as by a command that waits for its result: who trains them, so that no one else does.

The process is noted in the run's folder (``process.json``), for as long as it trains.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from affexion_core.errors import ModelError
from affexion_core.jobs.process import is_alive, start_time
from affexion_core.run_folder import read_json, write_json

_NOTE = "process.json"
# A process on another machine can't be looked at; a folder nothing was written to for so long is left alone by it.
SILENCE = 15 * 60.0


@dataclass(frozen=True)
class Trainer:
    """A process that trains a run: its machine, its pid there, and its start in unix seconds."""

    host: str
    pid: int
    started: float

    @property
    def words(self) -> str:
        """Name it for people."""
        return f"process {self.pid} on {self.host}"


@contextmanager
def trained_here(folder: Path) -> Iterator[None]:
    """Note in a run's folder that this process trains it, for as long as it does; killed, it leaves the note."""
    own = os.getpid()
    write_json(folder / _NOTE, asdict(Trainer(socket.gethostname(), own, start_time(own) or time.time())))
    try:
        yield
    finally:
        (folder / _NOTE).unlink(missing_ok=True)


def trainer_of(folder: Path) -> Trainer | None:
    """Give the process outside the queue that trains a run still; None where there is none, or it is gone."""
    try:
        found = Trainer(**read_json(folder / _NOTE))
    except (ModelError, TypeError):
        return None
    if found.host == socket.gethostname():
        return found if is_alive(found.pid, found.started) else None
    return found if time.time() - _last_change(folder) < SILENCE else None


def _last_change(folder: Path) -> float:
    """Unix seconds of the last time something was written into a folder."""
    times = []
    for path in (folder, *folder.rglob("*")):
        try:
            times.append(path.stat().st_mtime)
        except FileNotFoundError:
            continue  # a checkpoint that was just replaced
    return max(times, default=0.0)
