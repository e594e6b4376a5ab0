"""Watch over one job until it has ended: the task that a Dask worker runs.

It may be started any number of times for the same job, on any machine: whoever claims the job starts its process, the
others wait. What decides is in the store; a supervisor that dies with its worker leaves the process running, and the
next one takes over watching it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping

from affexion_core.jobs.folders import log_path
from affexion_core.jobs.gpus import gpu_environment
from affexion_core.jobs.process import end_tree, is_alive, say_exit, spawn
from affexion_core.store.job import ENDED, Job
from affexion_core.store.jobs import claim_job, end_job, get_job, list_jobs, lose_job
from affexion_core.store.session import Store, open_store
from affexion_core.training.allocator import allocator_environment
from affexion_core.workspace import open_workspace

POLL = 0.5
# A running job that has not been heard of for so long is taken for dead.
SILENCE = 45.0
# One thread for each of the libraries' pools: jobs side by side are faster than one with many threads.
_ONE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
}


def supervise(root: str, database_url: str | None, job_id: str, on_gpu: bool = False) -> str:
    """Bring a job to its end; returns the state it ended in.

    Parameters
    ----------
    root, database_url
        The workspace folder and, for a team's database, its address.
    on_gpu
        Whether the job was given a GPU.
    """
    if database_url:
        os.environ["AFFEXION_DATABASE_URL"] = database_url
    store = open_store(open_workspace(root))
    while True:
        job = get_job(store, job_id)
        if job.state in ENDED:
            return job.state
        claimed = claim_job(store, job_id, socket.gethostname(), time.time()) if job.state == "queued" else None
        if claimed is not None:
            with gpu_environment(store, claimed, on_gpu) as environment:
                _run(store, claimed, environment)
        elif job.state == "running":
            _watch_from_outside(store, job)
            time.sleep(POLL)
        else:
            time.sleep(POLL)


def _run(store: Store, job: Job, environment: Mapping[str, str]) -> None:
    """Start the process of a job just claimed and see it through."""
    arguments = ["affexion_core.jobs.run", job.id, "--token", str(job.token), "--workspace", str(store.workspace.root)]
    try:
        process = spawn(arguments, log_path(store, job), {**_ONE_THREAD, **allocator_environment(), **environment})
    except OSError as error:
        lose_job(store, job.id, job.token, f"its process can't be started: {error.strerror}")
        return
    while process.poll() is None:
        now = get_job(store, job.id)
        if now.token != job.token or now.state in ENDED:
            _end(process, now)
        elif now.cancel:
            _end(process, now)
            end_job(store, job.id, job.token, "cancelled", "cancelled")
        elif now.heartbeat is not None and time.time() - now.heartbeat > SILENCE:
            _end(process, now)
            lose_job(store, job.id, job.token, f"stalled: no sign of life for {SILENCE:.0f} s")
        time.sleep(POLL)
    after = get_job(store, job.id)
    if after.state == "running" and after.token == job.token:
        if after.cancel:
            end_job(store, job.id, job.token, "cancelled", "cancelled")
        else:
            lose_job(store, job.id, job.token, say_exit(process.returncode))


def _end(process: subprocess.Popen, job: Job) -> None:
    end_tree(process.pid, job.pid_started if job.pid == process.pid else None)
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.kill()


def _watch_from_outside(store: Store, job: Job) -> None:
    """See to a job whose process another supervisor started."""
    here = job.host == socket.gethostname()
    if job.cancel and here:
        end_tree(job.pid, job.pid_started)
    gone = here and job.pid is not None and not is_alive(job.pid, job.pid_started)
    silent = time.time() - (job.heartbeat or 0.0) > SILENCE
    if not (gone or silent):
        return
    now = get_job(store, job.id)
    if now.state != "running" or now.token != job.token:
        return
    if silent and here:
        end_tree(job.pid, job.pid_started)
    if now.cancel:
        end_job(store, job.id, job.token, "cancelled", "cancelled")
    else:
        lose_job(store, job.id, job.token, "killed" if gone else f"no sign of life for {SILENCE:.0f} s")


def reap_lost(store: Store) -> None:
    """Set right what a vanished engine left as running: no job says so for longer than `SILENCE` after its end."""
    for job in list_jobs(store, states=("running",)):
        _watch_from_outside(store, job)
