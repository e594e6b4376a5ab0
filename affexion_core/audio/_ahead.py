"""Starting a process that decodes: apart from all else, so that a command can start it before it loads anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROJECT = Path(__file__).resolve().parent.parent.parent
_ahead: list[subprocess.Popen] = []


def start_decoder() -> subprocess.Popen:
    """Start ``affexion_core.audio._decode_child`` with pipes for requests and answers."""
    return subprocess.Popen(
        [sys.executable, "-m", "affexion_core.audio._decode_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd=_PROJECT,
        # thread pools reserve addresses by the gigabyte
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def start_ahead() -> None:
    """Start a process for the first file, which is ready by the time that whoever asks has loaded the rest."""
    if not _ahead:
        _ahead.append(start_decoder())


def take_ahead() -> subprocess.Popen | None:
    """Give the process that was started ahead, once; None where there is none."""
    return _ahead.pop() if _ahead else None
