"""Jobs of a gap study: a parent that waits and makes the figures, and a child for each part."""

from __future__ import annotations

import time
from collections import Counter

from affexion_core.gap.part import followers, n_measured, part_folder, run_part
from affexion_core.gap.result import finish_gap
from affexion_core.gap.study import read_plan
from affexion_core.jobs.folders import job_folder
from affexion_core.jobs.parts import check_finished
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import Store
from affexion_core.types import Progress

_POLL = 0.5


def do_gap(store: Store, job: Job, progress: Progress) -> None:
    """Wait for the parts of a study, telling how far they are, and make the figures.

    Raises
    ------
    TrainingError
        If parts could not be carried out, once none is going on any more; resuming the study does those.
    """
    folder = job_folder(store, job)
    plan = read_plan(folder)
    while True:
        children = list_jobs(store, parent=job.id)
        states = Counter(child.state for child in children)
        done = n_measured(folder)
        progress(done, plan.n_models, f"{done} of {plan.n_models} models, {states['done']} of {len(children)} parts")
        if not states["queued"] + states["running"]:
            break
        time.sleep(_POLL)
    check_finished(children)
    finish_gap(store, folder)


def do_part(store: Store, job: Job, progress: Progress) -> None:
    """Train and measure the models of one part, and of those that only adapt its models."""
    folder = job_folder(store, job)
    study = folder.parent.parent
    run_part(store, folder, progress)
    for name in followers(study, folder.name):
        run_part(store, part_folder(study, name), progress)
