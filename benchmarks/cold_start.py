"""How long one file takes to predict in a fresh process, and how much memory, against a script with torch and librosa.

    python benchmarks/cold_start.py [--repeats 10]

A run of the preset affexion-paper is made (one epoch on a few spoken clips: what it has learned plays no part). The
verb `predict` is timed without and with the run's export, the script `_cold_plain.py` beside them, in turn; files are
in the disk's cache for all. Memory is looked at every few milliseconds in turns of their own: the proportional set size
of the process and of the one that decodes, together, and the greatest resident size of a single one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from _speech import spoken_clips
from _verbs import PROJECT, Verbs, machine

PLAIN, WHOLE, LIGHT = "script with torch and librosa", "predict", "predict, exported run"
GRAPHS = ("model.onnx", "model.onnx.json")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--ratios", action="store_true", help="a short form: print ratios as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        file = spoken_clips(root / "clips", 4)[0]
        verbs, run, folder = made_run(root / "workspace")
        commands = commands_of(root / "workspace", run, folder, file)
        times, answers = timed(commands, folder, 5 if options.ratios else options.repeats)
        if options.ratios:
            fast = {f"{name} / {LIGHT}": median_ratio(times[name], times[LIGHT]) for name in (PLAIN, WHOLE)}
            print(json.dumps(fast, ensure_ascii=False))
            return
        print(f"{options.repeats} turns. {machine()}.\n")
        print(table(times, {name: peaks(command, folder, name, 3) for name, command in commands.items()}))
        print(f"\nGreatest difference of a probability from the script's: {differences(answers)}")


def made_run(workspace: Path) -> tuple[Verbs, str, Path]:
    """Train and export a run in a new workspace; gives its id and folder."""
    verbs = Verbs(workspace)
    verbs.run("synthesize", "--per-label", 4, "--dataset", "spoken")
    run = verbs.run("train", "--preset", "affexion-paper", "--train", "spoken", "--set", "epochs=1")["run"]
    verbs.run("export-onnx", run)
    return verbs, run, Path(verbs.run("show", run)["folder"])


def commands_of(workspace: Path, run: str, folder: Path, file: Path) -> dict[str, list[str]]:
    """Name the commands that are timed."""
    verb = [sys.executable, "-m", "affexion_core", "predict", run, str(file), "--workspace", str(workspace), "--json"]
    plain = [sys.executable, str(Path(__file__).with_name("_cold_plain.py")), str(folder), str(file)]
    return {PLAIN: plain, WHOLE: verb, LIGHT: verb}


def timed(
    commands: dict[str, list[str]], folder: Path, repeats: int
) -> tuple[dict[str, list[float]], dict[str, dict[str, Any]]]:
    """Time the commands in turn, after a turn that doesn't count; give seconds and answers."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    answers = {}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            _show_export(folder, name == LIGHT)
            begin = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.PIPE, cwd=PROJECT, check=True)
            if turn:
                times[name].append(time.perf_counter() - begin)
            (answers[name],) = json.loads(done.stdout)
    return times, answers


def _show_export(folder: Path, there: bool) -> None:
    """Lay the export where it is found, or aside."""
    for name in GRAPHS:
        shown, aside = folder / name, folder / f"aside-{name}"
        if there and aside.exists():
            aside.rename(shown)
        if not there and shown.exists():
            shown.rename(aside)


def peaks(command: Sequence[str], folder: Path, name: str, repeats: int) -> tuple[float, float]:
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
                single = max(single, *(size.rss for size in sizes))
            time.sleep(0.002)
        found.append((together / 1e6, single / 1e6))
    return max(each[0] for each in found), max(each[1] for each in found)


def median_ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """Divide turn by turn."""
    return round(statistics.median(a / b for a, b in zip(one, other, strict=True)), 2)


def table(times: dict[str, list[float]], memory: dict[str, tuple[float, float]]) -> str:
    lines = [
        "| | seconds | times as fast as the script | MB in all | MB of the largest process |",
        "|---|---|---|---|---|",
    ]
    for name, taken in times.items():
        spread = f"{statistics.median(taken):.2f} ({min(taken):.2f}–{max(taken):.2f})"
        ratios = [a / b for a, b in zip(times[PLAIN], taken, strict=True)]
        against = f"{statistics.median(ratios):.1f} ({min(ratios):.1f}–{max(ratios):.1f})" if name != PLAIN else "1"
        lines.append(f"| {name} | {spread} | {against} | {memory[name][0]:.0f} | {memory[name][1]:.0f} |")
    return "\n".join(lines)


def differences(answers: dict[str, dict[str, Any]]) -> str:
    base = answers[PLAIN]["probs"]
    if any(list(answer["probs"]) != list(base) for answer in answers.values()):
        raise SystemExit("The answers name other labels.")
    found = {name: max(abs(answers[name]["probs"][label] - base[label]) for label in base) for name in (WHOLE, LIGHT)}
    return ", ".join(f"{name} {value:.1e}" for name, value in found.items())


if __name__ == "__main__":
    main()
