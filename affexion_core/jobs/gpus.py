"""GPUs for jobs: how many there are, and which one a job gets."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

from affexion_core.jobs.folders import job_folder
from affexion_core.store.job import Job
from affexion_core.store.session import Store
from affexion_core.training.device import wants_gpu, wishes

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_LOCK = threading.Lock()
# Kinds of jobs that ask no network, so that a GPU is lost on them.
_WITHOUT_NETWORK = ("differences", "shortcuts", "leaks")
# The GPUs that jobs of this process have, by their place among those it may use.
_TAKEN: set[int] = set()


def count_gpus() -> int:
    """Count the GPUs torch sees; asked in a process of its own, so that this one stays small and holds no GPU."""
    if version("torch").endswith("+cpu"):
        return 0
    code = "import torch; print(torch.cuda.device_count())"
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    answer = asked.stdout.strip()
    if asked.returncode or not answer.isdecimal():
        print(f"torch can't say how many GPUs there are, so none is used: {asked.stderr.strip()}", flush=True)
        return 0
    return int(answer)


def resources_of(store: Store, job: Job, gpus: int) -> dict[str, float]:
    """Say what a job takes from a cluster with so many GPUs: a GPU where it is to use one, else a slot.

    Where there is no GPU, a job that asks for one takes a slot as well, and says in its own process what is missing.
    """
    if job.needs and gpus and job.kind not in _WITHOUT_NETWORK and wants_gpu(wishes(job_folder(store, job))[0]):
        return {"GPU": 1}
    return dict(job.needs)


@contextmanager
def gpu_environment(store: Store, job: Job, on_gpu: bool) -> Iterator[dict[str, str]]:
    """Take a GPU that no other job of this process has; give the environment in which a job sees that one alone.

    A job that asks for a GPU by its number sees all, and so does one that was given none.
    """
    if not on_gpu or ":" in wishes(job_folder(store, job))[0]:
        yield {}
        return
    with _LOCK:
        place = next(n for n in range(len(_TAKEN) + 1) if n not in _TAKEN)
        _TAKEN.add(place)
    try:
        allowed = [name.strip() for name in os.environ.get(_VISIBLE, "").split(",") if name.strip()]
        yield {_VISIBLE: allowed[place % len(allowed)] if allowed else str(place)}
    finally:
        with _LOCK:
            _TAKEN.discard(place)
