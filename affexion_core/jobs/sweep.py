"""Jobs of a sweep: the parent asks Optuna for values, queues a trial for each, and tells what came of it.

Nothing but the folder and the job table is needed to go on after a crash: the study's journal knows which values are
being tried, each trial's folder how far it is. At most one trial waits in the queue at a time, so that every slot is
taken, on whatever cluster, and yet values are drawn as late as can be.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affexion_core.jobs.parts import check_finished
from affexion_core.jobs.submit import job_folder, submit_trial
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import Store
from affexion_core.training.study import Proposal, give_up, open_study, propose, running, tell
from affexion_core.training.sweep import (
    SweepPlan,
    prepare_trial,
    read_note,
    read_plan,
    run_trial,
    trial_folder,
)
from affexion_core.training.sweep_result import finish_sweep, read_sweep, selection_figure
from affexion_core.types import Progress

if TYPE_CHECKING:
    from optuna import Study

_POLL = 0.5
# A trial between folds waits so long for its parent to say whether to go on; without an answer it does.
PATIENCE = 60.0
_VERDICTS = "verdicts.json"


@dataclass(frozen=True)
class Parent:
    """What the parent of a sweep works on."""

    store: Store
    job: Job
    folder: Path
    planned: SweepPlan
    study: Study


def do_sweep(store: Store, job: Job, progress: Progress) -> None:
    """Bring a sweep to its end from wherever it was left.

    Raises
    ------
    TrainingError
        If trials could not be carried out, once none is going on any more; resuming the sweep does those.
    """
    folder = job_folder(store, job)
    planned = read_plan(folder)
    progress(0, planned.n_trials, "starting")  # ends this process before the journal is opened, if it is outdated
    parent = Parent(store, job, folder, planned, open_study(folder, planned))
    while True:
        progress(*_how_far(parent))
        if not advance(parent):
            break
        time.sleep(_POLL)
    check_finished(list_jobs(store, parent=job.id))
    finish_sweep(store, folder)


def advance(parent: Parent) -> bool:
    """Do once what there is to do: tell, answer, queue. False when no trial is left to make or to wait for."""
    trials = {int(child.spec["trial"]): child for child in list_jobs(parent.store, parent=parent.job.id)}
    for proposal in running(parent.study, parent.planned):
        child = trials.get(proposal.number)
        if child is None:
            trials[proposal.number] = _start(parent, proposal)
        elif child.state == "done":
            _tell(parent, proposal.number)
        elif parent.planned.prunes:
            _answer(parent, proposal.number)
    if not any(child.state == "queued" for child in trials.values()):
        new = propose(parent.study, parent.planned)
        if new is not None:
            trials[new.number] = _start(parent, new)
    return any(child.state in ("queued", "running") for child in trials.values())


def _start(parent: Parent, proposal: Proposal) -> Job:
    run = prepare_trial(parent.store, parent.folder, proposal.number, proposal.values)
    return submit_trial(parent.store, parent.job, proposal.number, run.id)


def _tell(parent: Parent, number: int) -> None:
    """Tell the study what a finished trial came to."""
    state = read_note(trial_folder(parent.folder, number)).state
    row = read_sweep(parent.folder).row(number)
    tell(parent.study, number, state, selection_figure(row, parent.planned))


def _answer(parent: Parent, number: int) -> None:
    """Say whether a trial that has done another fold is to go on."""
    folder = trial_folder(parent.folder, number)
    done = [fold["uar"] or 0.0 for fold in read_note(folder).folds]
    given = _verdicts(folder)
    if not done or str(len(done)) in given:
        return
    means = [sum(done[:n]) / n for n in range(1, len(done) + 1)]
    verdict = give_up(parent.study, number, means)
    write_json(folder / _VERDICTS, {**given, str(len(done)): "give up" if verdict else "go on"})


def _verdicts(folder: Path) -> dict[str, str]:
    return read_json(folder / _VERDICTS) if (folder / _VERDICTS).is_file() else {}


def do_trial(store: Store, job: Job, progress: Progress) -> None:
    """Carry out one trial, asking the parent between folds where trials are pruned."""
    folder = job_folder(store, job)
    prunes = read_plan(folder.parent.parent).prunes
    run_trial(store, folder, progress, lambda n_done: prunes and _told_to_give_up(folder, n_done))


def _told_to_give_up(folder: Path, n_done: int) -> bool:
    """Wait for the parent's answer; after `PATIENCE` seconds without one, as when it is gone, go on."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        verdict = _verdicts(folder).get(str(n_done))
        if verdict is not None:
            return verdict == "give up"
        time.sleep(_POLL / 2)
    return False


def _how_far(parent: Parent) -> tuple[int, int, str]:
    """Progress in hundredths of a trial, with words."""
    children = list_jobs(parent.store, parent=parent.job.id)
    shares = [1.0 if child.state == "done" else child.done / child.total if child.total else 0.0 for child in children]
    states = Counter(child.state for child in children)
    words = ", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none yet"
    total = parent.planned.n_trials
    return round(100 * sum(shares)), 100 * total, f"{total} trials: {words}"
