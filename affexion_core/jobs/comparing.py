"""Comparisons of clip sets in the background: queued, cancelled, done again; what is found is kept by content."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from affexion_core.config import config_hash
from affexion_core.jobs.folders import folder_name
from affexion_core.jobs.telling import seldom
from affexion_core.labeling.people import Person, require_for
from affexion_core.store.datasets import load_dataset
from affexion_core.store.job import GOING_ON, Job, JobKind
from affexion_core.store.jobs import add_job, list_jobs
from affexion_core.store.runs import get_run
from affexion_core.store.session import Store
from affexion_core.types import Progress


@dataclass(frozen=True)
class Question:
    """What to find out about sets of clips.

    ``kind`` is ``differences`` (between ``dataset`` and ``other``), ``network`` (the same, in the network of ``run``),
    ``shortcuts`` (to the labels of ``dataset``) or ``leaks`` (from ``dataset``, or all that ``run`` saw while training,
    to ``other``).
    """

    kind: JobKind
    dataset: str
    other: str | None = None
    run: str | None = None


def submit_question(store: Store, question: Question, by: Person | None = None) -> Job:
    """Queue a question; the job that answers it already, if one does.

    Raises
    ------
    RightsError
        If ``by`` may not train; None is somebody at the machine itself.
    NotFoundError
        If a dataset or the run isn't there.
    """
    require_for(store, by, "train")
    for name in (question.dataset, question.other):
        if name is not None:
            load_dataset(store, name)
    if question.run is not None:
        get_run(store, question.run)
    newest = newest_answer(store, question)
    if newest is not None and newest.state in GOING_ON:
        return newest
    from affexion_core.differences.kept import comparisons_folder

    asked = asdict(question)
    folder = comparisons_folder(store.workspace) / f"log-{config_hash(asked)}"
    spec = {"folder": folder_name(store, folder), "question": asked}
    return add_job(store, question.kind, spec, question.run, needs={"slot": 1})


def newest_answer(store: Store, question: Question) -> Job | None:
    """Give the newest job that answers or answered a question; None where there is none."""
    asked = asdict(question)
    return next((job for job in list_jobs(store, kind=question.kind) if job.spec["question"] == asked), None)


def do_question(store: Store, job: Job, progress: Progress) -> None:
    """Answer the question of a job; nothing is left to do where the answer is kept already."""
    from affexion_core.differences.kept import differences_between, network_between, shortcuts_in

    asked, told = Question(**job.spec["question"]), seldom(progress)
    if asked.kind == "shortcuts":
        shortcuts_in(store, asked.dataset, told)
    elif asked.kind == "network":
        network_between(store, get_run(store, str(asked.run)), asked.dataset, str(asked.other), progress=told)
    elif asked.kind == "leaks":
        _look_for_leaks(store, asked, told)
    else:
        differences_between(store, asked.dataset, str(asked.other), told)


def _look_for_leaks(store: Store, asked: Question, progress: Progress) -> None:
    from affexion_core.differences.leaks import audit, audit_run

    test = load_dataset(store, str(asked.other))
    if asked.run is not None:
        audit_run(store, get_run(store, asked.run), test.items, test.name, progress)
    else:
        train = load_dataset(store, asked.dataset)
        audit(store, train.items, test.items, (train.name, test.name), progress)
