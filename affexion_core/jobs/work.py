"""What each kind of job does."""

from __future__ import annotations

from collections.abc import Callable

from affexion_core.errors import ConfigError, allowed
from affexion_core.jobs.checking import do_check
from affexion_core.jobs.comparing import do_question
from affexion_core.jobs.gap import do_gap, do_part
from affexion_core.jobs.importing import do_import
from affexion_core.jobs.parts import wait_for_children
from affexion_core.jobs.speaking import do_speak
from affexion_core.jobs.submit import job_folder
from affexion_core.jobs.sweep import do_sweep, do_trial
from affexion_core.run_folder import read_run
from affexion_core.store.job import Job
from affexion_core.store.session import Store
from affexion_core.training.execute import finish_crossval, finish_training, fit_folder
from affexion_core.types import Progress


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


_WORK: dict[str, Callable[[Store, Job, Progress], None]] = {
    "train": _train,
    "fold": _fold,
    "cv": _crossval,
    "sweep": do_sweep,
    "trial": do_trial,
    "import": do_import,
    "speak": do_speak,
    "gap": do_gap,
    "part": do_part,
    "deletion": do_check,
    "attention": do_check,
    "differences": do_question,
    "shortcuts": do_question,
    "network": do_question,
    "leaks": do_question,
}
