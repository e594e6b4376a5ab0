"""The engine: a daemon that hands every job of a workspace to a Dask worker and sees that none is forgotten.

``python -m affexion_core.jobs.engine --workspace DIR``. It brings a cluster of its own, or uses the one named by
``AFFEXION_SCHEDULER`` (``tcp://…``; its workers need the workspace folder, the packages, and resources: ``dask worker
tcp://… --resources "slot=2 GPU=1"``). It holds no state: what is to be done stands in the store, so it can be
killed and started again at any time. There is one for each workspace; it ends by itself after a while without work.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from affexion_core.jobs.gpus import count_gpus, resources_of
from affexion_core.jobs.placing import Placement, free_worker
from affexion_core.jobs.process import end_tree, is_alive, spawn, start_time
from affexion_core.jobs.supervise import reap_lost, supervise
from affexion_core.run_folder import write_json
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import Workspace, open_workspace

POLL = 0.5
# Lost jobs are looked for this often.
REAP_EVERY = 5.0
# Without work for so long, the engine ends; whoever queues a job starts it again.
IDLE_SECONDS = 15 * 60.0
# Supervisors only wait, so one Dask worker process holds many; its resources say how many jobs run at once.
_SUPERVISORS = 64
_STATE_FILE, _LOG_FILE, _LOCK_FILE = "engine.json", "engine.log", "engine.lock"


@dataclass(frozen=True)
class EngineStatus:
    """What is known of a workspace's engine. ``slots`` and ``gpus`` are those of its own cluster, else 0."""

    running: bool
    words: str
    pid: int | None = None
    pid_started: float | None = None
    slots: int = 0
    gpus: int = 0
    scheduler: str | None = None
    since: float | None = None


def engine_status(workspace: Workspace) -> EngineStatus:
    """Say whether the engine runs."""
    try:
        found = json.loads((workspace.root / _STATE_FILE).read_text(encoding="utf-8"))
        status = EngineStatus(**found)
    except (OSError, ValueError, TypeError):
        return EngineStatus(False, "stopped")
    if not is_alive(status.pid, status.pid_started):
        return EngineStatus(False, "stopped")
    return status


def ensure_engine(workspace: Workspace) -> None:
    """Start the engine if it doesn't run; it goes on when the caller ends. Two at once: one of them gives way."""
    if not engine_status(workspace).running:
        spawn(["affexion_core.jobs.engine", "--workspace", str(workspace.root)], workspace.root / _LOG_FILE, {})


def stop_engine(workspace: Workspace) -> bool:
    """End the engine with the jobs it has going on, which stay queued for its next start; False if it doesn't run."""
    status = engine_status(workspace)
    if not status.running:
        return False
    end_tree(status.pid, status.pid_started)
    (workspace.root / _STATE_FILE).unlink(missing_ok=True)
    store = open_store(workspace)
    for job in list_jobs(store, states=("running",)):
        end_tree(job.pid, job.pid_started)
    reap_lost(store)
    return True


def main() -> None:
    """Run the engine until it has had nothing to do for a while, or is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    options = parser.parse_args()
    workspace = open_workspace(options.workspace)
    lock = _lock(workspace)
    if lock is None:
        print("Another engine already runs for this workspace.", flush=True)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    store = open_store(workspace)
    own = os.environ.get("AFFEXION_SCHEDULER") is None
    slots, gpus = _capacity() if own else (0, 0)
    with _client(slots, gpus) as client:
        status = EngineStatus(
            running=True,
            words="running",
            pid=os.getpid(),
            pid_started=start_time(os.getpid()),
            slots=slots,
            gpus=gpus,
            scheduler=client.scheduler.address,
            since=time.time(),
        )
        write_json(workspace.root / _STATE_FILE, asdict(status))
        try:
            _reconcile(store, client, options.idle_seconds)
        finally:
            (workspace.root / _STATE_FILE).unlink(missing_ok=True)


def _reconcile(store: Store, client: Any, idle_seconds: float) -> None:
    """See that every unfinished job has a supervisor on the cluster."""
    placed: dict[str, Placement] = {}
    last_work, last_reap = time.monotonic(), 0.0
    while time.monotonic() - last_work < idle_seconds:
        unfinished = list_jobs(store, states=("queued", "running"))
        _place(store, client, unfinished, placed)
        if unfinished:
            last_work = time.monotonic()
        if time.monotonic() - last_reap > REAP_EVERY:
            reap_lost(store)
            last_reap = time.monotonic()
        time.sleep(POLL)


def _place(store: Store, client: Any, unfinished: Sequence[Job], placed: dict[str, Placement]) -> None:
    """Give jobs without a supervisor to workers that have room: first those that run already, then the oldest."""
    workers = {
        address: worker["resources"] for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
    }
    waiting = {job.id for job in unfinished}
    for job_id in [known for known, one in placed.items() if known not in waiting or not one.holds(workers)]:
        placed.pop(job_id).future.cancel()
    gpus = int(sum(resources.get("GPU", 0) for resources in workers.values()))
    for job in sorted(reversed(unfinished), key=lambda job: job.state != "running"):
        if job.id in placed:
            continue
        resources = resources_of(store, job, gpus)
        worker = free_worker(resources, workers, placed.values()) if resources else None
        if resources and worker is None:
            continue
        future = client.submit(
            supervise,
            str(store.workspace.root),
            os.environ.get("AFFEXION_DATABASE_URL"),
            job.id,
            "GPU" in resources,
            key=f"{job.id}-{uuid.uuid4().hex}",
            resources=resources or None,
            workers=None if worker is None else [worker],
            retries=0,
            pure=False,
        )
        placed[job.id] = Placement(future, worker, resources)


def _client(slots: int, gpus: int) -> Any:
    """Connect to the cluster named in the environment, or start one here."""
    import dask
    from distributed import Client, LocalCluster

    dask.config.set({"distributed.worker.daemon": False, "distributed.scheduler.allowed-failures": 1000})
    address = os.environ.get("AFFEXION_SCHEDULER")
    if address:
        return Client(address, timeout="30s")
    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=_SUPERVISORS,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        resources={"slot": slots, "GPU": gpus},
        memory_limit=0,
    )
    return Client(cluster)


def usual_slots(workspace: Workspace) -> int:
    """Count the jobs that run at once: those of the engine that runs, else of one that would be started."""
    return engine_status(workspace).slots or _capacity()[0]


def _capacity() -> tuple[int, int]:
    """Count what may run at once: one job a core, and the GPUs torch would see."""
    slots = int(os.environ.get("AFFEXION_SLOTS") or os.cpu_count() or 1)
    return max(1, slots), count_gpus()


def _lock(workspace: Workspace) -> Any:
    """Take the workspace's engine lock for as long as this process lives; None if another has it."""
    file = (workspace.root / _LOCK_FILE).open("a+")
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    except OSError:
        file.close()
        return None
    return file


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
