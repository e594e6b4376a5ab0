"""Run the command line's verbs and lay their JSON out as Markdown."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
METRICS = {"accuracy": "accuracy", "macro_precision": "precision", "uar": "recall (UAR)", "macro_f1": "F1"}


class Verbs:
    """A workspace, and a log of the verbs run in it with their seconds."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.log: list[tuple[str, float]] = []

    def run(self, *arguments: object) -> Any:
        words = [str(argument) for argument in arguments]
        command = [sys.executable, "-m", "affexion_core", *words, "--workspace", str(self.workspace), "--json"]
        began = time.perf_counter()
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT, check=True, env=one_thread)
        self.log.append((" ".join(words), time.perf_counter() - began))
        print(f"{self.log[-1][1]:8.1f} s  {self.log[-1][0]}", file=sys.stderr)
        return json.loads(done.stdout)

    def log_table(self, shorten: dict[str, str]) -> str:
        lines = ["| command | seconds |", "|---|---|"]
        for words, seconds in self.log:
            for long, short in shorten.items():
                words = words.replace(long, short)
            lines.append(f"| `{words}` | {seconds:.0f} |")
        return "\n".join(lines)


def percent(figure: dict[str, Any]) -> str:
    """Write a score with its interval: ``45 % (33–59)``."""
    if figure["value"] is None:
        return f"undefined ({figure['reason']})"
    return f"{100 * figure['value']:.0f} % ({100 * figure['low']:.0f}–{100 * figure['high']:.0f})"


def machine() -> str:
    """Say what was measured on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scipy"))
    return f"{os.cpu_count()} cores ({platform.machine()}), no GPU, Python {platform.python_version()}, {packages}"
