"""Verbs about work in the background."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, store, table
from affexion_core.errors import NotFoundError
from affexion_core.store.job import ENDED

if TYPE_CHECKING:
    from affexion_core.store.job import Job


@click.group(invoke_without_command=True)
@common_options
def jobs() -> None:
    """List the jobs, newest first; or cancel, resume, wait for one, or read its log."""
    if click.get_current_context().invoked_subcommand:
        return
    from affexion_core.jobs.supervise import reap_lost
    from affexion_core.store.jobs import list_jobs

    opened = store()
    reap_lost(opened)
    rows = [job_json(job) for job in list_jobs(opened)]
    shown = [{**row, "progress": f"{row['progress']:.0%}"} for row in rows]
    columns = ["id", "kind", "run", "state", "progress", "attempt", "reason"]
    emit(rows, table(shown, columns, "No jobs yet; add --background to `train` or `cv`."))


def job_json(job: Job) -> dict[str, Any]:
    """Give what the command line tells of a job."""
    return {
        "id": job.id,
        "kind": job.kind,
        "run": job.run_id,
        "state": job.state,
        "progress": 1.0 if job.state == "done" else job.done / job.total if job.total else 0.0,
        "words": job.words,
        "attempt": job.attempt,
        "parent": job.parent,
        "reason": job.reason,
        "created": job.created,
        "finished": job.finished,
    }


@jobs.command()
@click.argument("job")
@common_options
def cancel(job: str) -> None:
    """Cancel a JOB and its parts."""
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.store.jobs import cancel_job, get_job

    opened = store()
    cancelled = cancel_job(opened, get_job(opened, job).id)
    if cancelled.state == "running":
        ensure_engine(opened.workspace)
    words = "is cancelled" if cancelled.state == "cancelled" else f"is {cancelled.state}; it ends within seconds"
    emit(job_json(cancelled), f"Job {cancelled.id} {words}.")


@jobs.command()
@click.argument("job")
@common_options
def resume(job: str) -> None:
    """Queue a stopped JOB again; it goes on from its last checkpoint."""
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.store.jobs import get_job, requeue_job

    opened = store()
    queued = requeue_job(opened, get_job(opened, job).id, reset_attempts=True)
    ensure_engine(opened.workspace)
    emit(job_json(queued), f"Job {queued.id} is queued again.")


@jobs.command()
@click.argument("job")
@click.option("--follow", is_flag=True, help="Go on printing until the job has ended.")
@common_options
def log(job: str, follow: bool) -> None:
    """Print what the process of a JOB has said."""
    from affexion_core.jobs.submit import log_path
    from affexion_core.store.jobs import get_job

    opened = store()
    found = get_job(opened, job)
    path = log_path(opened, found)
    if not path.is_file() and not follow:
        raise NotFoundError(f"Job {found.id} has said nothing yet; it is {found.state}.")
    read = 0
    while True:
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            click.echo(text[read:], nl=False)
            read = len(text)
        if not follow or get_job(opened, found.id).state in ENDED:
            return
        time.sleep(0.5)


@jobs.command()
@click.argument("job")
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up waiting after so long (exit code 3).")
@common_options
def wait(job: str, timeout: float | None) -> None:
    """Wait until a JOB has ended; exit code 0 only if it is done."""
    from affexion_core.jobs.supervise import reap_lost
    from affexion_core.store.jobs import get_job

    opened = store()
    began = time.monotonic()
    while (found := get_job(opened, job)).state not in ENDED:
        if timeout is not None and time.monotonic() - began > timeout:
            emit(job_json(found), f"Job {found.id} is still {found.state}: {found.words}")
            sys.exit(3)
        reap_lost(opened)
        time.sleep(0.5)
    emit(job_json(found), f"Job {found.id} is {found.state}." + (f" {found.reason}" if found.reason else ""))
    if found.state != "done":
        sys.exit(1)


@click.group()
def engine() -> None:
    """Start, stop or look at the engine that works through the jobs."""


@engine.command()
@common_options
def start() -> None:
    """Start the engine, if it doesn't run."""
    from affexion_core.jobs.engine import engine_status, ensure_engine

    workspace = store().workspace
    ensure_engine(workspace)
    began = time.monotonic()
    while not engine_status(workspace).running and time.monotonic() - began < 30:
        time.sleep(0.2)
    _emit_status()


@engine.command()
@common_options
def stop() -> None:
    """Stop the engine and what it has going on; unfinished jobs stay queued."""
    from affexion_core.jobs.engine import stop_engine

    stopped = stop_engine(store().workspace)
    emit({"stopped": stopped}, "The engine is stopped." if stopped else "The engine was not running.")


@engine.command()
@common_options
def status() -> None:
    """Say whether the engine runs, and with what."""
    _emit_status()


def _emit_status() -> None:
    from dataclasses import asdict

    from affexion_core.jobs.engine import engine_status

    found = engine_status(store().workspace)
    words = f"The engine is {found.words}."
    if found.running:
        words += f" Process {found.pid}, {found.slots} jobs at once, scheduler {found.scheduler}."
    emit(asdict(found), words)


COMMANDS = (jobs, engine)
