"""How long a sweep of 28 jobs takes on one slot, on two, and on a Dask cluster of two workers; and what a job costs.

    python benchmarks/scale.py

A small network (4 channels, 4 hidden units, 2 epochs, 2 folds) on 16 tones of 0.6 s, so that hardly anything but the
jobs themselves takes time. The peer does the same trials in one process that has loaded everything, one after the
other, without a queue. What a job costs is the time a slot has it, less what its trial takes there.

``--paper SECONDS`` reckons MSP-Podcast (113 h) from the seconds that an epoch of a fold (240 clips) took in
`training.py`, two side by side on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
from _verbs import PROJECT, machine

LABELS = {"boredom": 110.0, "panic": 330.0, "excitement": 240.0, "uncertainty": 170.0}
SETTINGS = {"channels": 4, "hidden": 4, "lstm_layers": 1, "dense": 4, "epochs": 2, "batch_size": 8}
WAYS = {"one slot": 1, "two slots": 2, "Dask cluster, two workers": None}


def space_of(n_trials: int) -> dict[str, Any]:
    """Give a space of so many learning rates."""
    return {"title": "Steps", "parameters": {"learning_rate": {"choices": [1e-4 * (n + 1) for n in range(n_trials)]}}}


def write_tones(folder: Path) -> Path:
    """Write four labels by four speakers."""
    time_axis = np.arange(9600) / 16000
    for label, pitch in LABELS.items():
        for speaker in range(4):
            path = folder / label / f"s{speaker}" / "0.wav"
            path.parent.mkdir(parents=True)
            sf.write(path, 0.1 * np.sin(2 * np.pi * pitch * (1 + 0.03 * speaker) * time_axis), 16000, subtype="PCM_16")
    return folder


def verb(workspace: Path, *arguments: object, **environment: str) -> Any:
    """Run a verb; give what it prints."""
    command = [sys.executable, "-m", "affexion_core", *map(str, arguments), "--workspace", str(workspace), "--json"]
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, check=True, env=variables)
    return json.loads(done.stdout)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a Dask scheduler and two workers with a slot each, every one a process of its own; give the address."""
    file, processes = folder / "scheduler.json", []
    with (folder / "dask.log").open("wb") as log:

        def start(*arguments: str) -> None:
            command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=folder))

        start("scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
        while not file.is_file():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        for _ in range(2):
            start("worker", address, "--nthreads", "16", "--resources", "slot=1", "--no-dashboard", "--no-nanny")
        try:
            _wait_for_two_workers(address)
            yield address
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()


def _wait_for_two_workers(address: str) -> None:
    from distributed import Client

    with Client(address) as client:
        client.wait_for_workers(2, timeout=60)


def sweep(way: str, n_trials: int) -> dict[str, float]:
    """Do the sweep in a workspace of its own; give its seconds from the verb to the result, and those of its jobs."""
    from affexion_core.jobs.engine import stop_engine
    from affexion_core.store.jobs import list_jobs
    from affexion_core.store.session import open_store
    from affexion_core.workspace import open_workspace

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        verb(root / "workspace", "import", "folder", write_tones(root / "tones"), "--dataset", "tones")
        space = root / "space.json"
        space.write_text(json.dumps(space_of(n_trials)))
        arguments: list[object] = ["sweep", "--preset", "affexion-paper", "--space", space, "--train", "tones"]
        arguments += ["--folds", 2, *(word for pair in SETTINGS.items() for word in ("--set", f"{pair[0]}={pair[1]}"))]
        workspace = open_workspace(root / "workspace")
        try:
            if WAYS[way] is not None:
                seconds = _timed(root / "workspace", arguments, AFFEXION_SLOTS=str(WAYS[way]))
            else:
                with cluster(root) as address:
                    seconds = _timed(root / "workspace", arguments, AFFEXION_SCHEDULER=address)
                    stop_engine(workspace)
        finally:
            stop_engine(workspace)
        jobs = [job for job in list_jobs(open_store(workspace)) if job.kind == "trial"]
        held = [_moment(job.finished) - _moment(job.started) for job in jobs]
    return {"seconds": seconds, "held": statistics.mean(held)}


def _moment(text: str | None) -> float:
    assert text is not None
    return datetime.fromisoformat(text).timestamp()


def _timed(workspace: Path, arguments: list[object], **environment: str) -> float:
    began = time.perf_counter()
    found = verb(workspace, *arguments, **environment)
    seconds = time.perf_counter() - began
    assert found["finished"] and all(row["state"] == "done" for row in found["rows"])
    return seconds


def in_one_process(n_trials: int) -> dict[str, float]:
    """Do the same trials here, one after the other; give all seconds and those of a trial."""
    from affexion_core.discovery import load_plugin
    from affexion_core.ingest.importing import ImportOptions, import_corpus
    from affexion_core.store.datasets import load_dataset
    from affexion_core.store.session import open_store
    from affexion_core.training.run_config import from_preset, with_settings
    from affexion_core.training.space import combinations, space_from_json
    from affexion_core.training.sweep import SweepRequest, prepare_sweep, prepare_trial, run_trial, trial_folder
    from affexion_core.training.sweep_result import finish_sweep
    from affexion_core.workspace import open_workspace

    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        store = open_store(open_workspace(root / "workspace"))
        import_corpus(store, "folder", write_tones(root / "tones"), ImportOptions(dataset="tones"))
        config = with_settings(from_preset(load_plugin("presets", "affexion-paper").PRESET), SETTINGS)
        space = space_from_json({"name": "steps", **space_of(n_trials)})
        began = time.perf_counter()
        run = prepare_sweep(store, SweepRequest(config, load_dataset(store, "tones"), space, n_folds=2))
        for number, values in enumerate(combinations(space), start=1):
            prepare_trial(store, Path(run.folder), number, values)
            run_trial(store, trial_folder(Path(run.folder), number))
        finish_sweep(store, Path(run.folder))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "held": seconds / n_trials}


def on_paper(epoch: float) -> None:
    """Print how long 15 epochs of the paper's network on MSP-Podcast would take, if time went by hours of speech."""
    hours_of_fold = 240 * 7.5 / 3600
    one_core = 15 * epoch * 113 / hours_of_fold
    print(f"\nMSP-Podcast, 113 h, 15 epochs of the paper's network, at {epoch:.1f} s for {hours_of_fold:.2f} h a core:")
    print(f"one training on one core {one_core / 3600:.0f} h;")
    print(f"7 folds (each on 6/7 of it) on 2 cores {4 * 6 / 7 * one_core / 3600:.0f} h, ", end="")
    print(f"on 16 workers of one core (7 at work) {6 / 7 * one_core / 3600:.0f} h;")
    print(f"28 trainings on 16 such workers {2 * one_core / 3600:.0f} h, if these are as fast each and share nothing.")
    print("One GPU: not measured, so nothing is reckoned.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paper", type=float, metavar="SECONDS", help="reckon MSP-Podcast from these, and do no more")
    parser.add_argument("--trials", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ratios", action="store_true", help="print name and ratio as JSON at the end")
    options = parser.parse_args()
    if options.paper:
        on_paper(options.paper)
        return
    import torch

    torch.set_num_threads(1)
    found: dict[str, list[dict[str, float]]] = {"one process, no queue": [], **{way: [] for way in WAYS}}
    for _ in range(options.rounds):
        for way, seen in found.items():
            seen.append(sweep(way, options.trials) if way in WAYS else in_one_process(options.trials))
            print(f"{way}: {seen[-1]['seconds']:.1f} s", file=sys.stderr, flush=True)
    _print(found, options)
    if options.ratios:
        medians = {way: statistics.median(one["seconds"] for one in seen) for way, seen in found.items()}
        two = medians["two slots"]
        print(
            json.dumps({f"sweep on two slots against {way}": round(medians[way] / two, 3) for way in list(found)[:2]})
        )


def _print(found: dict[str, list[dict[str, float]]], options: argparse.Namespace) -> None:
    print(f"{machine()}; {options.trials} jobs, n = {options.rounds}, median (least–greatest)\n")
    print(
        "| way | seconds | against one slot | a job holds its slot, s | of it not its trial, s |\n|---|---|---|---|---|"
    )
    base = statistics.median(one["seconds"] for one in found["one slot"])
    alone = statistics.median(one["held"] for one in found["one process, no queue"])
    for way, seen in found.items():
        seconds = [one["seconds"] for one in seen]
        held, middle = statistics.median(one["held"] for one in seen), statistics.median(seconds)
        spread = f"{middle:.1f} ({min(seconds):.1f}–{max(seconds):.1f})"
        print(f"| {way} | {spread} | {base / middle:.2f} × as fast | {held:.2f} | {held - alone:.2f} |")


if __name__ == "__main__":
    main()
