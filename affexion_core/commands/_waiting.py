"""Waiting for a job at the command line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import emit, progress_bar
from affexion_core.errors import TrainingError

if TYPE_CHECKING:
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

_POLL = 0.5


def say_queued(job: Job) -> None:
    """Tell how to wait for a job that goes on in the background."""
    from affexion_core.commands.jobs import job_json

    emit({**job_json(job), "job": job.id}, f"Queued as job {job.id}; `jobs wait {job.id}` waits for it.")


def wait_for(opened: Store, job: Job, what: str) -> None:
    """Show progress until a job, such as "sweep", has ended. Interrupted, it goes on in the background.

    Raises
    ------
    TrainingError
        If it ended without being done.
    """
    from affexion_core.jobs.supervise import reap_lost
    from affexion_core.store.job import ENDED
    from affexion_core.store.jobs import get_job

    try:
        with progress_bar() as progress:
            while (found := get_job(opened, job.id)).state not in ENDED:
                progress(found.done, found.total, found.words or "waiting for the engine")
                reap_lost(opened)
                time.sleep(_POLL)
    except KeyboardInterrupt:
        click.echo(f"The {what} goes on in the background; `jobs cancel {job.id}` ends it.", err=True)
        raise
    if found.state != "done":
        raise TrainingError(f"The {what} is {found.state}: {found.reason or 'no reason known'}")
