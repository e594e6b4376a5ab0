"""How much memory training takes, against how many hours of speech it trains on.

    python benchmarks/memory.py --hours 1 5 20

For each number of hours a workspace gets clips of 3 to 12 s with features in its cache (75 numbers a frame, 100 frames
a second, written by this script, so nothing is decoded). A process of its own then trains an epoch and measures the
model on all of them, as a job does, by the paper's recipe with the linear model in the network's place, so that hours
of speech don't take hours; the network's own memory goes by the batch, not by their number. The peer holds all clips
padded in one tensor, as a plain script does. ``--hours 100`` writes 11 GB of features and takes a while.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from _verbs import machine

LABELS = ("boredom", "panic", "excitement", "uncertainty")


def fill(root: Path, hours: float) -> int:
    """Write clips, a dataset of them and their features; give the number of clips."""
    from affexion_core.extraction import cache_path
    from affexion_core.store.clips import add_clips
    from affexion_core.store.datasets import save_dataset
    from affexion_core.store.session import open_store
    from affexion_core.types import Clip, Scheme
    from affexion_core.workspace import open_workspace

    store, rng = open_store(open_workspace(root)), np.random.default_rng(0)
    front_end, clips = recipe().front_ends[0], []
    noise = rng.normal(size=(1201, 75)).astype(np.float32)
    seconds = 0.0
    while seconds < hours * 3600:
        number, duration = len(clips), float(rng.uniform(3, 12))
        name = f"{number:016x}"
        clips.append(
            Clip(
                name, f"audio/{name}.wav", name * 4, "synthetic", "rows", duration, 16000, speaker=f"rows:{number % 50}"
            )
        )
        path = cache_path(store.workspace, clips[-1], front_end)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, noise[: 1 + int(100 * duration)], allow_pickle=False)
        seconds += duration
    add_clips(store, clips)
    save_dataset(
        store, "rows", "synthetic", Scheme("four", LABELS), [(c.id, LABELS[i % 4]) for i, c in enumerate(clips)]
    )
    return len(clips)


def recipe():
    from affexion_core.discovery import load_plugin
    from affexion_core.training.run_config import from_preset, with_settings

    paper = with_settings(from_preset(load_plugin("presets", "affexion-paper").PRESET), {"epochs": 1})
    return replace(paper, model="linear", model_config=load_plugin("models", "linear").Config())


def train(root: Path) -> None:
    """Train and measure, as a job does."""
    from affexion_core.store.datasets import load_dataset
    from affexion_core.store.session import open_store
    from affexion_core.training.allocator import keep_freed_memory
    from affexion_core.training.execute import run_here
    from affexion_core.training.prepare import RunRequest
    from affexion_core.workspace import open_workspace

    keep_freed_memory()
    store = open_store(open_workspace(root))
    run_here(store, RunRequest("train", recipe(), load_dataset(store, "rows")))


def hold(root: Path) -> None:
    """Read all features and pad them into one tensor."""
    from _training_plain import padded_dataset

    clips = [np.load(path, allow_pickle=False) for path in sorted((root / "features").rglob("*.npy"))]
    padded_dataset(clips, [0] * len(clips))


class Watch(threading.Thread):
    """Looks at this process' memory ten times a second; ``most`` in kB: all that is resident, and what is no file."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = {"VmRSS": 0, "RssAnon": 0}

    def run(self) -> None:
        """Look until the process ends."""
        while True:
            status = Path("/proc/self/status").read_text().splitlines()
            now = {
                name: int(value.split()[0])
                for name, _, value in (line.partition(":") for line in status)
                if name in self.most
            }
            self.most = {name: max(self.most[name], now[name]) for name in now}
            time.sleep(0.1)


def in_a_process(work: str, root: Path) -> dict[str, float]:
    """Do some work in a process of its own; give its seconds and the most memory it took, in MB."""
    from affexion_core.training.allocator import allocator_environment

    command = [sys.executable, __file__, "--work", work, "--root", str(root)]
    # as the queue starts a job
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(allocator_environment() if work == "train" else {})}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 5, 20])
    parser.add_argument("--peer-hours", type=float, default=20, help="the most hours that the peer is measured on")
    parser.add_argument("--ratios", action="store_true", help="print name and ratio as JSON at the end")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        watch, began = Watch(), time.perf_counter()
        watch.start()
        {"train": train, "hold": hold, "nothing": nothing}[options.work](options.root)
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, **{name: kB / 1024 for name, kB in watch.most.items()}}))
        return
    print(machine())
    print("| hours | clips | features, MB | peak memory, MB | of it no file, MB | seconds | peer's peak, MB |")
    print("|---|---|---|---|---|---|---|")
    ratio = 0.0
    for hours in options.hours:
        with tempfile.TemporaryDirectory() as folder:
            n_clips = fill(Path(folder), hours)
            size = sum(path.stat().st_size for path in Path(folder).rglob("*.npy")) / 2**20
            found = in_a_process("train", Path(folder))
            peer = in_a_process("hold", Path(folder))["VmRSS"] if hours <= options.peer_hours else float("nan")
        most, own, seconds = found["VmRSS"], found["RssAnon"], found["seconds"]
        print(
            f"| {hours:g} | {n_clips} | {size:.0f} | {most:.0f} | {own:.0f} | {seconds:.0f} | {peer:.0f} |", flush=True
        )
        ratio = peer / most if hours <= options.peer_hours else ratio
    empty = in_a_process("nothing", Path("."))
    print(f"\nA process that has only loaded what training needs: {empty['VmRSS']:.0f} MB.")
    if options.ratios:
        print(json.dumps({"training memory": round(ratio, 3)}))


def nothing(root: Path) -> None:
    """Load what training needs."""
    import affexion_core.training.execute  # noqa: F401

    recipe()
    time.sleep(0.3)


if __name__ == "__main__":
    main()
