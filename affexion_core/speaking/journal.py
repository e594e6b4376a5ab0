"""A file that grows by a JSON line at a time, and can be read after any stop."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Journal:
    """Lines of one file; any number of threads and processes may add to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def note(self, **values: Any) -> None:
        """Add a line with the time, and wait until it is on disk."""
        line = json.dumps({"at": now(), **values}, ensure_ascii=False).encode() + b"\n"
        with self._lock, self.path.open("ab") as file:
            # what a kill cut off must not swallow the line after it
            file.write(line if self._ends_well() else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())

    def _ends_well(self) -> bool:
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return True
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def read(self) -> tuple[Mapping[str, Any], ...]:
        """Read the lines that are whole; none where there is no file yet."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return ()
        return tuple(values for line in lines if isinstance(values := _parsed(line), dict))


def now() -> str:
    """Give the time as ISO 8601 UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
