"""The same jobs on a cluster of its own processes, on SQLite and PostgreSQL, with a worker lost on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from distributed import Client
from job_probes import numbers_of, request_for, wait_for, wait_until

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.submit import job_folder, submit_run
from affexion_core.run_folder import read_history
from affexion_core.store.job import Job
from affexion_core.store.jobs import list_jobs
from affexion_core.training.execute import run_here

pytestmark = pytest.mark.xdist_group("engine")


class Cluster:
    """A Dask scheduler and workers, each a process as on machines of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen] = []
        file = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        wait_until(file.is_file, 60)
        self.address = json.loads(file.read_text())["address"]

    def _start(self, role: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", role, *arguments]
        with (self.folder / f"{role}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd=self.folder)
        self.processes.append(process)
        return process

    def add_worker(self) -> subprocess.Popen:
        options = ["--host", "127.0.0.1", "--nthreads", "16", "--resources", "slot=1", "--no-dashboard", "--no-nanny"]
        return self._start("worker", self.address, *options)

    def close(self) -> None:
        for process in reversed(self.processes):
            family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            for member in family:
                member.kill()
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    monkeypatch.setenv("AFFEXION_SCHEDULER", made.address)
    yield made
    made.close()


@pytest.mark.parametrize(
    "store",
    [pytest.param("sqlite", marks=pytest.mark.soak), pytest.param("postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)
def test_a_worker_killed_mid_run_loses_nothing(store, tones_folder, cluster, engine):
    import_corpus(store, "folder", tones_folder, ImportOptions(dataset="tones"))
    here = run_here(store, request_for(store, "cv", epochs=60, n_folds=2))
    job = submit_run(store, request_for(store, "cv", epochs=60, n_folds=2))
    workers = [cluster.add_worker(), cluster.add_worker()]
    with Client(cluster.address) as client:
        client.wait_for_workers(2, timeout=60)
    engine()
    folder = store.workspace.runs / job.run_id
    folds: dict[int, Job] = {}

    def both_are_on_their_way() -> bool:
        """Find the fold of each worker, once both have got some way with theirs."""
        for fold in list_jobs(store, states=("running",), parent=job.id):
            if fold.pid and psutil.pid_exists(fold.pid) and len(read_history(job_folder(store, fold))) >= 2:
                folds[psutil.Process(fold.pid).ppid()] = fold
        return folds.keys() >= {worker.pid for worker in workers}

    wait_until(both_are_on_their_way, 120)
    # the one that began last has most of its way before it
    victim = max(folds, key=lambda worker: folds[worker].started)
    os.kill(victim, signal.SIGKILL)
    os.kill(folds[victim].pid, signal.SIGKILL)
    began = time.monotonic()
    done = wait_for(store, job, "done", "failed", seconds=150)
    assert done.state == "done", done.reason
    assert sorted(fold.attempt for fold in list_jobs(store, parent=job.id)) == [1, 2]
    assert time.monotonic() - began < 120
    assert numbers_of(folder, "cv") == numbers_of(Path(here.folder), "cv")
