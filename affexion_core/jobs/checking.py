"""The deletion check in the background: queued, done again after a stop, cancelled; the run's folder keeps it."""

from __future__ import annotations

from pathlib import Path

from affexion_core.errors import ModelError, StoreError
from affexion_core.jobs.folders import folder_name
from affexion_core.labeling.people import Person, require_for
from affexion_core.run_folder import read_evaluation
from affexion_core.store.job import Job, JobState
from affexion_core.store.jobs import add_job, list_jobs
from affexion_core.store.runs import get_run
from affexion_core.store.session import Store
from affexion_core.types import Progress, Run

GOING_ON: tuple[JobState, ...] = ("queued", "running")


def submit_check(store: Store, run: Run, on: str, by: Person | None = None) -> Job:
    """Queue the deletion check of a run on clips that it was measured on; the job that does it already, if one does.

    Raises
    ------
    RightsError
        If ``by`` may not train; None is somebody at the machine itself.
    NotFoundError
        If the run was not measured on that.
    ModelError
        If the run has no attention.
    StoreError
        If its folder lies outside the workspace, where the engine's workers wouldn't find it.
    """
    require_for(store, by, "train")
    from affexion_core.explain.attention import has_attention
    from affexion_core.explain.evaluated import explain_folder

    folder = Path(run.folder)
    read_evaluation(folder, on)
    if not has_attention(run):
        raise ModelError(f"Run {run.id} has no attention to check; choose a run whose recipe has.")
    if not folder.is_relative_to(store.workspace.root):
        raise StoreError(f"The folder of run {run.id} lies outside the workspace ({folder}); move it into its runs.")
    newest = newest_check(store, run, on)
    if newest is not None and newest.state in GOING_ON:
        return newest
    spec = {"folder": folder_name(store, explain_folder(folder)), "on": on}
    return add_job(store, "deletion", spec, run.id, needs={"slot": 1})


def newest_check(store: Store, run: Run, on: str) -> Job | None:
    """Give the newest job that does or did the check of a run on these clips; None where there is none."""
    return next((job for job in checks_of(store, run) if job.spec["on"] == on), None)


def checks_of(store: Store, run: Run) -> tuple[Job, ...]:
    """List the jobs that check a run, newest first."""
    return tuple(job for job in list_jobs(store, kind="deletion") if job.run_id == run.id)


def do_check(store: Store, job: Job, progress: Progress) -> None:
    """Do the check of a job; nothing is left to do where its result is kept already."""
    from affexion_core.explain.evaluated import deletion_on

    deletion_on(store, get_run(store, str(job.run_id)), str(job.spec["on"]), progress)
