"""Put runs, sweeps and gap studies into the queue."""

from __future__ import annotations

from pathlib import Path

from affexion_core.errors import StoreError
from affexion_core.gap.part import part_folder
from affexion_core.gap.study import GapRequest, prepare_gap
from affexion_core.gap.study import read_plan as read_gap_plan
from affexion_core.jobs.folders import folder_name, job_folder
from affexion_core.jobs.folders import log_path as log_path
from affexion_core.jobs.foreground import trainer_of
from affexion_core.labeling.people import Person, require_for
from affexion_core.run_folder import fold_folders, read_run
from affexion_core.store.job import Job
from affexion_core.store.jobs import add_job, list_jobs, requeue_job
from affexion_core.store.session import Store
from affexion_core.training.prepare import RunRequest, prepare
from affexion_core.training.sweep import SweepRequest, prepare_sweep, trial_folder
from affexion_core.types import Run, RunKind

ONE_SLOT = {"slot": 1}
# Runs that stand for themselves; folds and trials are resumed with what they are parts of.
RESUMABLE: tuple[RunKind, ...] = ("train", "cv", "sweep", "gap")


def submit_run(store: Store, request: RunRequest, by: Person | None = None) -> Job:
    """Prepare a run and queue it; a cross-validation as a parent and a job for each fold.

    Raises
    ------
    RightsError
        If ``by`` may not train; None is somebody at the machine itself.
    SplitError, LabelError
        Where the data doesn't allow the run; nothing is queued then.
    """
    require_for(store, by, "train")
    return _queue(store, prepare(store, request))


def submit_sweep(store: Store, request: SweepRequest, by: Person | None = None) -> Job:
    """Prepare a sweep and queue its parent job, which queues the trials as it goes.

    Raises
    ------
    RightsError
        If ``by`` may not train; None is somebody at the machine itself.
    ConfigError, SplitError, LabelError
        Where the recipe or the data doesn't allow the sweep; nothing is queued then.
    """
    require_for(store, by, "train")
    return _queue(store, prepare_sweep(store, request))


def submit_gap(store: Store, request: GapRequest, by: Person | None = None) -> Job:
    """Prepare a gap study and queue it as a parent and a job for each part.

    Raises
    ------
    RightsError
        If ``by`` may not train; None is somebody at the machine itself.
    ConfigError, SplitError, LabelError
        Where the recipe or the data doesn't allow the study; nothing is queued then.
    """
    require_for(store, by, "train")
    return _queue(store, prepare_gap(store, request))


def resume_run(store: Store, run: Run) -> Job:
    """Queue what is left of a run that was stopped before its end; it goes on from its checkpoints.

    A run of the queue gets its newest job back, with those of its parts that aren't done and its attempts counted
    anew. One that was trained outside the queue, or whose job is gone, gets a new job on the folder it has.

    Raises
    ------
    StoreError
        If it is finished, is a part of another, is going on, or lies outside the workspace.
    """
    folder = Path(run.folder)
    if run.kind not in RESUMABLE:
        raise StoreError(f"{run.id} is a part of another run; resume {run.parent}.")
    if run.finished:
        raise StoreError(f"Run {run.id} is finished; start a new one to train it again.")
    job = next((job for job in list_jobs(store) if job.run_id == run.id and job.kind == run.kind), None)
    if job is not None:
        return requeue_job(store, job.id, reset_attempts=True)
    trainer = trainer_of(folder)
    if trainer is not None:
        raise StoreError(f"Run {run.id} is still being trained, by {trainer.words}. End that first, or wait for it.")
    if not folder.is_relative_to(store.workspace.root):
        raise StoreError(f"The folder of run {run.id} lies outside the workspace ({folder}); move it into its runs.")
    read_run(folder)
    return _queue(store, run)


def _queue(store: Store, run: Run) -> Job:
    """Queue a prepared run: a job, and of a cross-validation one for each fold. A sweep queues its trials itself."""
    folder = Path(run.folder)
    spec = {"folder": folder_name(store, folder)}
    if run.kind == "train":
        return add_job(store, "train", spec, run.id, needs=ONE_SLOT)
    if run.kind == "gap":
        return _queue_gap(store, run, spec)
    parent = add_job(store, "sweep" if run.kind == "sweep" else "cv", spec, run.id)
    for fold in fold_folders(folder):
        add_job(store, "fold", {"folder": folder_name(store, fold)}, run.id, parent=parent.id, needs=ONE_SLOT)
    return parent


def _queue_gap(store: Store, run: Run, spec: dict[str, str]) -> Job:
    folder = Path(run.folder)
    parent = add_job(store, "gap", spec, run.id)
    for name in read_gap_plan(folder).jobs:
        part = {"folder": folder_name(store, part_folder(folder, name))}
        add_job(store, "part", part, run.id, parent=parent.id, needs=ONE_SLOT)
    return parent


def submit_trial(store: Store, sweep: Job, number: int, run_id: str) -> Job:
    """Queue a prepared trial of a sweep's job."""
    folder = trial_folder(job_folder(store, sweep), number)
    spec = {"folder": folder_name(store, folder), "trial": number}
    return add_job(store, "trial", spec, run_id, parent=sweep.id, needs=ONE_SLOT)
