"""How long one file takes to predict in a fresh process, and how much memory, against a script with torch and librosa.

    python benchmarks/cold_start.py [--repeats 10] [--workspace DIR]

A run of the preset affexion-paper is made (one epoch on a few spoken clips: what it has learned plays no part). The
verb `predict` is timed without and with the run's export, the script `_cold_plain.py` beside them, in turn; files are
in the disk's cache for all. Seconds are wall time; seconds of computing, over all processes, count no waiting for a
busy machine. Memory is looked at every few milliseconds in turns of their own: the proportional set size of the process
and of the one that decodes, together, and the greatest resident size of a single one.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from _speech import spoken_clips
from _verbs import PROJECT, Verbs, machine

PLAIN, WHOLE, LIGHT = "script with torch and librosa", "predict", "predict, exported run"
OTHERS = (PLAIN, WHOLE)
GRAPHS = ("model.onnx", "model.onnx.json")


@dataclass(frozen=True)
class Taken:
    """Seconds of one call: wall time, and computing of all its processes."""

    wall: float
    computing: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--workspace", type=Path, help="a folder for the run, kept for the next time")
    parser.add_argument("--ratios", action="store_true", help="a short form: print ratios as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.workspace or Path(scratch)
        file = spoken_clips(root / "clips", 4)[0]
        run, folder = made_run(root / "workspace")
        commands = commands_of(root / "workspace", run, folder, file)
        measured, answers = timed(commands, folder, 5 if options.ratios else options.repeats)
        _show_export(folder, True)
        if options.ratios:
            computing = {name: [each.computing for each in taken] for name, taken in measured.items()}
            fast = {f"{name} / {LIGHT}, computing": median_ratio(computing[name], computing[LIGHT]) for name in OTHERS}
            print(json.dumps(fast, ensure_ascii=False))
            return
        print(f"{options.repeats} turns. {machine()}.\n", flush=True)
        print(table(measured))
        print(f"\nGreatest difference of a probability from the script's: {differences(answers)}", flush=True)
        print("\n| | MB in all | MB of the largest process |\n|---|---|---|")
        for name, command in commands.items():
            together, single = peaks(command, folder, name)
            print(f"| {name} | {together:.0f} | {single:.0f} |", flush=True)
        _show_export(folder, True)


def made_run(workspace: Path) -> tuple[str, Path]:
    """Train and export a run in a workspace, unless it holds one; gives its id and folder."""
    verbs = Verbs(workspace)
    there = sorted((workspace / "runs").glob("*/model.onnx"))
    if there:
        return there[0].parent.name, there[0].parent
    verbs.run("synthesize", "--per-label", 4, "--dataset", "spoken")
    run = verbs.run("train", "--preset", "affexion-paper", "--train", "spoken", "--set", "epochs=1")["run"]
    (file,) = verbs.run("export-onnx", run)["files"]
    return run, Path(file).parent


def commands_of(workspace: Path, run: str, folder: Path, file: Path) -> dict[str, list[str]]:
    """Name the commands that are timed."""
    verb = [sys.executable, "-m", "affexion_core", "predict", run, str(file), "--workspace", str(workspace), "--json"]
    plain = [sys.executable, str(Path(__file__).with_name("_cold_plain.py")), str(folder), str(file)]
    return {PLAIN: plain, WHOLE: verb, LIGHT: verb}


def timed(
    commands: dict[str, list[str]], folder: Path, repeats: int
) -> tuple[dict[str, list[Taken]], dict[str, dict[str, Any]]]:
    """Time the commands in turn, after a turn that doesn't count; give seconds and answers."""
    times: dict[str, list[Taken]] = {name: [] for name in commands}
    answers = {}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            _show_export(folder, name == LIGHT)
            begin, before = time.perf_counter(), _computing()
            done = subprocess.run(command, stdout=subprocess.PIPE, cwd=PROJECT, check=True)
            if turn:
                times[name].append(Taken(time.perf_counter() - begin, _computing() - before))
            (answers[name],) = json.loads(done.stdout)
    return times, answers


def _computing() -> float:
    """Seconds that ended processes of ours have computed."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _show_export(folder: Path, there: bool) -> None:
    """Lay the export where it is found, or aside."""
    for name in GRAPHS:
        shown, aside = folder / name, folder / f"aside-{name}"
        if there and aside.exists():
            aside.rename(shown)
        if not there and shown.exists():
            shown.rename(aside)


def peaks(command: Sequence[str], folder: Path, name: str, repeats: int = 2) -> tuple[float, float]:
    """Watch a command's memory: the peak of all its processes together (PSS), and of a single one (RSS), in MB."""
    _show_export(folder, name == LIGHT)
    found = []
    for _ in range(repeats):
        process = psutil.Popen(command, stdout=subprocess.DEVNULL, cwd=PROJECT)
        together = single = 0
        while process.poll() is None:
            with suppress(psutil.Error):
                family = [process, *process.children(recursive=True)]
                sizes = [one.memory_full_info() for one in family if one.status() != psutil.STATUS_ZOMBIE]
                together = max(together, sum(size.pss for size in sizes))
                single = max([single, *(size.rss for size in sizes)])
            time.sleep(0.002)
        found.append((together / 1e6, single / 1e6))
    return max(each[0] for each in found), max(each[1] for each in found)


def median_ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Divide turn by turn."""
    return round(statistics.median(a / b for a, b in zip(one, other, strict=True)), 2)


def table(times: dict[str, list[Taken]]) -> str:
    lines = [
        "| | seconds | seconds of computing | times as fast | by computing |",
        "|---|---|---|---|---|",
    ]
    for name, taken in times.items():
        cells = []
        for what in ("wall", "computing"):
            cells.append(_spread([getattr(each, what) for each in taken], 2))
        for what in ("wall", "computing"):
            pairs = zip(times[PLAIN], taken, strict=True)
            cells.append("1" if name == PLAIN else _spread([getattr(a, what) / getattr(b, what) for a, b in pairs], 1))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread(values: Sequence[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def differences(answers: dict[str, dict[str, Any]]) -> str:
    base = answers[PLAIN]["probs"]
    if any(list(answer["probs"]) != list(base) for answer in answers.values()):
        raise SystemExit("The answers name other labels.")
    found = {name: max(abs(answers[name]["probs"][label] - base[label]) for label in base) for name in (WHOLE, LIGHT)}
    return ", ".join(f"{name} {value:.1e}" for name, value in found.items())


if __name__ == "__main__":
    main()
