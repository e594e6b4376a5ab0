"""What is asked of a run's attention in the background: gathered over all clips, or checked by deleting frames.

Queued, done again after a stop, cancelled; the run's folder keeps what comes out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from affexion_core.errors import ModelError, StoreError
from affexion_core.jobs.folders import folder_name
from affexion_core.labeling.people import Person, require_for
from affexion_core.run_folder import read_evaluation
from affexion_core.store.job import GOING_ON, Job
from affexion_core.store.jobs import add_job, list_jobs
from affexion_core.store.runs import get_run
from affexion_core.store.session import Store
from affexion_core.types import Progress, Run

Check = Literal["deletion", "attention"]
# All that is asked of a run and goes with it when it is deleted.
ASKED_OF_RUNS = (*get_args(Check), "network", "leaks")


def submit_check(store: Store, run: Run, on: str, by: Person | None = None, kind: Check = "deletion") -> Job:
    """Queue the deletion check of a run, or the gathering of its attention, on clips that it was measured on.

    Gives the job that does it already, if one does.

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
        raise ModelError(f"Run {run.id} has no attention to look at; choose a run whose recipe has.")
    if not folder.is_relative_to(store.workspace.root):
        raise StoreError(f"The folder of run {run.id} lies outside the workspace ({folder}); move it into its runs.")
    newest = newest_check(store, run, on, kind)
    if newest is not None and newest.state in GOING_ON:
        return newest
    spec = {"folder": folder_name(store, explain_folder(folder)), "on": on}
    return add_job(store, kind, spec, run.id, needs={"slot": 1})


def newest_check(store: Store, run: Run, on: str, kind: Check = "deletion") -> Job | None:
    """Give the newest job that does or did a check of a run on these clips; None where there is none."""
    asked = (job for job in list_jobs(store, kind=kind) if job.run_id == run.id and job.spec["on"] == on)
    return next(asked, None)


def checks_of(store: Store, run: Run) -> tuple[Job, ...]:
    """List the jobs that ask something of a run, newest first."""
    return tuple(job for job in list_jobs(store) if job.run_id == run.id and job.kind in ASKED_OF_RUNS)


def do_check(store: Store, job: Job, progress: Progress) -> None:
    """Do the check of a job; nothing is left to do where its result is kept already."""
    from affexion_core.explain.evaluated import deletion_on, evaluated_attention

    do = deletion_on if job.kind == "deletion" else evaluated_attention
    do(store, get_run(store, str(job.run_id)), str(job.spec["on"]), progress)
