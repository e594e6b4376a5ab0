"""What the tests of background jobs share."""

import dataclasses
import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from affexion_core.discovery import load_plugin
from affexion_core.jobs.process import spawn
from affexion_core.jobs.submit import log_path
from affexion_core.run_folder import read_history, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.job import Job
from affexion_core.store.jobs import claim_job, get_job
from affexion_core.store.session import Store
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset, with_settings


def request_for(store: Store, kind: str = "train", epochs: int = 4, **options) -> RunRequest:
    """A small network that takes about 0.1 s an epoch, with every part of the training state in use."""
    settings = {"epochs": epochs, "hidden": 16, "channels": 8, "dense": 16, "batch_size": 4, "step_size": 3}
    config = with_settings(from_preset(load_plugin("presets", "affexion-poster").PRESET), settings)
    return RunRequest(kind, config, load_dataset(store, "tones"), **options)


def wait_until(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def wait_for(store: Store, job: Job, *states: str, seconds: float = 120) -> Job:
    wait_until(lambda: get_job(store, job.id).state in states, seconds)
    return get_job(store, job.id)


def kill_process_of(store: Store, job: Job) -> None:
    """Kill a running job's process as a crash would."""
    wait_until(lambda: get_job(store, job.id).pid, 60)
    os.kill(get_job(store, job.id).pid, signal.SIGKILL)


def numbers_of(folder: Path, name: str) -> tuple:
    """Everything a run has come to, without times: history and predictions."""
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in read_history(folder)]
    return rows, [dataclasses.astuple(row) for row in read_predictions(folder, name)]


def start_process(store: Store, job: Job) -> tuple[subprocess.Popen, Job]:
    """Claim a job and start its process, as a supervisor does."""
    claimed = claim_job(store, job.id, socket.gethostname(), time.time())
    assert claimed is not None
    arguments = [
        "affexion_core.jobs.run",
        job.id,
        "--token",
        str(claimed.token),
        "--workspace",
        str(store.workspace.root),
    ]
    return spawn(arguments, log_path(store, job), {"OMP_NUM_THREADS": "1"}), claimed


def hashes_of(folder: Path) -> dict[str, str]:
    """Hash every file of a run but its log."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "log.txt"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
