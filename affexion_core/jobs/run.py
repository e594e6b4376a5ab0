"""The process of one job: ``python -m affexion_core.jobs.run ID --token N --workspace DIR``.

It beats in the store while it lives. When the store says that the job is no longer its own (it was taken for dead and
started again elsewhere), or is to be cancelled, it ends at once, wherever it is.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback

from affexion_core.errors import AffexionError, StoreError
from affexion_core.store.job import Job
from affexion_core.store.jobs import beat, end_job, get_job, note_process
from affexion_core.store.session import Store, open_store
from affexion_core.training.allocator import keep_freed_memory
from affexion_core.workspace import open_workspace

BEAT_SECONDS = 2.0
# Exit codes that say why, to whoever watches.
EXIT_DONE, EXIT_FAILED, EXIT_CANCELLED, EXIT_NOT_MINE = 0, 4, 5, 6


class Pulse:
    """Beats for a job from a thread of its own, and carries its progress along."""

    def __init__(self, store: Store, job: Job, token: int) -> None:
        self._store, self._job, self._token = store, job, token
        self._progress: tuple[int, int, str] | None = None
        threading.Thread(target=self._run, daemon=True, name="pulse").start()

    def progress(self, done: int, total: int, what: str) -> None:
        """Note how far the work is, and stop here if the job is no longer to be done."""
        self._progress = (done, total, what)
        self._beat()

    def _run(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            try:
                self._beat()
            except StoreError as error:
                # A store out of reach for a moment is no reason to lose the work; the next beat tries again.
                print(f"No heartbeat: {error}", flush=True)

    def _beat(self) -> None:
        done, total, words = self._progress or (None, None, None)
        answer = beat(self._store, self._job.id, self._token, time.time(), done, total, words)
        if not answer.mine:
            print("This job was started again elsewhere; this process ends.", flush=True)
            os._exit(EXIT_NOT_MINE)
        if answer.cancel:
            end_job(self._store, self._job.id, self._token, "cancelled", "cancelled")
            print("Cancelled.", flush=True)
            os._exit(EXIT_CANCELLED)


def main() -> None:
    """Do the job named on the command line; the exit code says how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job")
    parser.add_argument("--token", type=int, required=True)
    parser.add_argument("--workspace", required=True)
    options = parser.parse_args()
    keep_freed_memory()
    store = open_store(open_workspace(options.workspace))
    job = get_job(store, options.job)
    from affexion_core.jobs.process import start_time

    if not note_process(store, job.id, options.token, os.getpid(), start_time(os.getpid()) or time.time()):
        print("This job is not this process' to do.", flush=True)
        sys.exit(EXIT_NOT_MINE)
    pulse = Pulse(store, job, options.token)
    print(f"Job {job.id}, attempt {job.attempt}, process {os.getpid()}.", flush=True)
    try:
        from affexion_core.jobs.work import do_job

        do_job(store, job, pulse.progress)
    except MemoryError:
        _fail(store, job, options.token, "out of memory; try a smaller batch_size or fewer jobs at once")
    except AffexionError as error:
        _fail(store, job, options.token, str(error))
    except Exception as error:
        traceback.print_exc()
        _fail(store, job, options.token, f"error: {type(error).__name__}: {error}")
    end_job(store, job.id, options.token, "done")
    print("Done.", flush=True)


def _fail(store: Store, job: Job, token: int, reason: str) -> None:
    print(f"Failed: {reason}", flush=True)
    end_job(store, job.id, token, "failed", reason)
    sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
