"""What each kind of job does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from affexion_core.errors import ConfigError, TrainingError, allowed
from affexion_core.jobs.submit import job_folder
from affexion_core.run_folder import read_run
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import Store
from affexion_core.training.execute import finish_crossval, finish_training, fit_folder
from affexion_core.types import Progress

_POLL = 0.5


def do_job(store: Store, job: Job, progress: Progress) -> None:
    """Do a job from wherever an earlier attempt left it.

    Raises
    ------
    AffexionError
        If it can't be done; the text is the reason shown on the job.
    """
    if job.kind not in _WORK:
        raise ConfigError(f"This version knows no job of kind {job.kind!r}; it knows {allowed(_WORK)}.")
    _WORK[job.kind](store, job, progress)


def _train(store: Store, job: Job, progress: Progress) -> None:
    folder = job_folder(store, job)
    fit_folder(store, folder, progress)
    finish_training(store, read_run(folder))


def _fold(store: Store, job: Job, progress: Progress) -> None:
    fit_folder(store, job_folder(store, job), progress)


def _crossval(store: Store, job: Job, progress: Progress) -> None:
    wait_for_children(store, job, progress)
    finish_crossval(store, read_run(job_folder(store, job)))


def wait_for_children(store: Store, job: Job, progress: Progress) -> None:
    """Wait until all children are done, telling how far they are.

    Raises
    ------
    TrainingError
        If one has failed or was cancelled, once none is going on any more.
    """
    while True:
        children = list_jobs(store, parent=job.id)
        states = Counter(child.state for child in children)
        going_on = states["queued"] + states["running"]
        words = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        progress(sum(child.done for child in children), sum(child.total for child in children), words)
        if not going_on:
            break
        time.sleep(_POLL)
    bad = [child for child in children if child.state != "done"]
    if bad:
        reasons = "; ".join(
            f"{child.kind} {child.id} {child.state}: {child.reason or 'no reason known'}" for child in bad
        )
        raise TrainingError(
            f"{len(bad)} of {len(children)} parts did not finish ({reasons}). Resume the run to do those."
        )


_WORK: dict[str, Callable[[Store, Job, Progress], None]] = {"train": _train, "fold": _fold, "cv": _crossval}
