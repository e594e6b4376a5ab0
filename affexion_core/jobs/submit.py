"""Put runs and sweeps into the queue."""

from __future__ import annotations

from pathlib import Path

from affexion_core.run_folder import fold_folders
from affexion_core.store.job import Job
from affexion_core.store.jobs import add_job
from affexion_core.store.session import Store
from affexion_core.training.prepare import RunRequest, prepare
from affexion_core.training.sweep import SweepRequest, prepare_sweep, trial_folder

ONE_SLOT = {"slot": 1}


def submit_run(store: Store, request: RunRequest) -> Job:
    """Prepare a run and queue it; a cross-validation as a parent and a job for each fold.

    Raises
    ------
    SplitError, LabelError
        Where the data doesn't allow the run; nothing is queued then.
    """
    run = prepare(store, request)
    if request.kind == "train":
        return add_job(store, "train", {"folder": folder_name(store, Path(run.folder))}, run.id, needs=ONE_SLOT)
    parent = add_job(store, "cv", {"folder": folder_name(store, Path(run.folder))}, run.id)
    for folder in fold_folders(Path(run.folder)):
        add_job(store, "fold", {"folder": folder_name(store, folder)}, run.id, parent=parent.id, needs=ONE_SLOT)
    return parent


def submit_sweep(store: Store, request: SweepRequest) -> Job:
    """Prepare a sweep and queue its parent job, which queues the trials as it goes.

    Raises
    ------
    ConfigError, SplitError, LabelError
        Where the recipe or the data doesn't allow the sweep; nothing is queued then.
    """
    run = prepare_sweep(store, request)
    return add_job(store, "sweep", {"folder": folder_name(store, Path(run.folder))}, run.id)


def submit_trial(store: Store, sweep: Job, number: int, run_id: str) -> Job:
    """Queue a prepared trial of a sweep's job."""
    folder = trial_folder(job_folder(store, sweep), number)
    spec = {"folder": folder_name(store, folder), "trial": number}
    return add_job(store, "trial", spec, run_id, parent=sweep.id, needs=ONE_SLOT)


def folder_name(store: Store, folder: Path) -> str:
    """Name a folder within the workspace, so that a worker with another mount finds it."""
    return folder.relative_to(store.workspace.root).as_posix()


def job_folder(store: Store, job: Job) -> Path:
    """Give the folder a job works in."""
    return store.workspace.root / str(job.spec["folder"])


def log_path(store: Store, job: Job) -> Path:
    """Give the file that holds what a job's process has printed."""
    return job_folder(store, job) / "log.txt"
