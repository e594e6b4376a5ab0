"""Jobs that are parts of another: waiting for them, and what to say where one has not finished."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from affexion_core.errors import TrainingError
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import Store
from affexion_core.types import Progress

_POLL = 0.5


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
    check_finished(children)


def check_finished(children: Sequence[Job]) -> None:
    """Refuse to go on where a part of a run has not finished.

    Raises
    ------
    TrainingError
        Naming the parts and why.
    """
    bad = [child for child in children if child.state != "done"]
    if bad:
        reasons = "; ".join(
            f"{child.kind} {child.id} {child.state}: {child.reason or 'no reason known'}" for child in bad
        )
        raise TrainingError(
            f"{len(bad)} of {len(children)} parts did not finish ({reasons}). Resume the run to do those."
        )
