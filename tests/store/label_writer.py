"""Run as a process by test_store_concurrency: label one clip again and again.

Prints each id once it is saved, and how many seconds that took.
"""

import sys
import time
from pathlib import Path

from affexion_core.store.labels import add_annotations
from affexion_core.store.session import open_store
from affexion_core.types import Annotation
from affexion_core.workspace import Workspace

if __name__ == "__main__":
    root, rater, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = open_store(Workspace(Path(root)))
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(n):
        made = Annotation(f"{rater}-{i}", "clip-1", "mood", rater, "calm" if i % 2 else "panic", "2026-01-01T00:00:00Z")
        begun = time.perf_counter()
        assert add_annotations(store, [made]) == 1
        print(made.id, time.perf_counter() - begun, flush=True)
