"""Processes by pid and start time, so that a pid used again is never mistaken for the one that was meant."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from affexion_core.workspace import PROJECT

# Seconds that a process gets to end by itself before it is killed.
GRACE = 3.0
# Start times are read with this resolution on some systems.
_SAME_START = 0.1


def start_time(pid: int) -> float | None:
    """Give the start of a process in unix seconds; None if there is none, or it is only waiting to be reaped."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Say whether the process that had this pid and start time still runs."""
    if pid is None or started is None:
        return False
    found = start_time(pid)
    return found is not None and abs(found - started) < _SAME_START


def end_tree(pid: int | None, started: float | None) -> None:
    """End a process and its descendants: ask first, kill after `GRACE` seconds. Nothing if it is another by now."""
    if not is_alive(pid, started):
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _, stubborn = psutil.wait_procs(family, timeout=GRACE)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(stubborn, timeout=GRACE)


def spawn(arguments: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen:
    """Start a Python module in a session of its own, its output added to a log file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=PROJECT,
            env={**os.environ, **environment},
        )


def say_exit(code: int) -> str:
    """Say in words how a process ended, given the code of `subprocess.Popen`."""
    if code == -9:
        return "out of memory or killed" if _kernel_killed() else "killed"
    if code < 0:
        return f"stopped by signal {-code}"
    return f"ended in the middle with exit code {code}"


def _kernel_killed() -> bool:
    """Say whether the kernel has killed anything in this control group for lack of memory."""
    events = Path("/sys/fs/cgroup/memory.events")
    with contextlib.suppress(OSError, ValueError):
        counts = dict(line.split() for line in events.read_text().splitlines())
        return int(counts.get("oom_kill", 0)) > 0
    return False
