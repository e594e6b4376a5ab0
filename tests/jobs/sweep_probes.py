"""What the tests of sweeps share: small spaces, and a sweep carried out without an engine."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from affexion_core.discovery import load_plugin
from affexion_core.jobs.submit import submit_sweep
from affexion_core.jobs.sweep import Parent, advance, do_trial
from affexion_core.store.datasets import load_dataset
from affexion_core.store.job import Job
from affexion_core.store.jobs import claim_job, end_job, list_jobs
from affexion_core.store.session import Store
from affexion_core.training.prepare import HeldOut
from affexion_core.training.run_config import from_preset, with_settings
from affexion_core.training.space import Space, space_from_json
from affexion_core.training.study import open_study
from affexion_core.training.sweep import SweepRequest, read_plan
from affexion_core.training.sweep_result import Sweep, finish_sweep, read_sweep
from affexion_core.types import no_progress

# Learns nothing, a little, and the tones by heart.
RATES = (1e-9, 1e-3, 1e-2)


def space_of(**parameters) -> Space:
    """Make a space: a tuple gives choices, a dict a range."""
    given = {name: part if isinstance(part, dict) else {"choices": list(part)} for name, part in parameters.items()}
    return space_from_json({"name": "tried", "parameters": given})


def sweep_request(store: Store, space: Space, test: str | None = None, epochs: int = 6, **options) -> SweepRequest:
    """Ask for a sweep of the linear baseline over the dataset "tones" in two folds."""
    config = with_settings(from_preset(load_plugin("presets", "linear").PRESET), {"epochs": epochs, "batch_size": 8})
    held_out = HeldOut(load_dataset(store, test)) if test else None
    return SweepRequest(config, load_dataset(store, "tones"), space, held_out, **{"n_folds": 2, **options})


def parent_of(store: Store, job: Job) -> Parent:
    """Take up a sweep's job as a process that starts anew would."""
    folder = store.workspace.runs / str(job.run_id)
    planned = read_plan(folder)
    return Parent(store, job, folder, planned, open_study(folder, planned))


def do_waiting_trials(parent: Parent) -> None:
    """Carry out what trials wait, one after the other, while the parent answers them."""
    for child in list_jobs(parent.store, states=("queued",), parent=parent.job.id):
        claimed = claim_job(parent.store, child.id, "here", time.time())
        with ThreadPoolExecutor(1) as worker:
            doing = worker.submit(do_trial, parent.store, claimed, no_progress)
            while not doing.done():
                advance(parent)
                time.sleep(0.02)
            doing.result()
        end_job(parent.store, child.id, claimed.token, "done")


def carry_out(store: Store, request: SweepRequest) -> Sweep:
    """Do a whole sweep in this process."""
    parent = parent_of(store, submit_sweep(store, request))
    while advance(parent):
        do_waiting_trials(parent)
    return finish_sweep(store, parent.folder)


def sweep_of(store: Store, job: Job) -> Sweep:
    return read_sweep(Path(store.workspace.runs / str(job.run_id)))
