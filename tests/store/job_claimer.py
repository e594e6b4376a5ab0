"""Run as a process by test_store_jobs: try to claim every job it is told, and print those it got."""

import sys
from pathlib import Path

from affexion_core.store.jobs import claim_job
from affexion_core.store.session import open_store
from affexion_core.workspace import Workspace

if __name__ == "__main__":
    root, host = sys.argv[1:]
    store = open_store(Workspace(Path(root)))
    print("ready", flush=True)
    for id in sys.stdin.readline().split():
        if claim_job(store, id, host, 1.0) is not None:
            print(id)
