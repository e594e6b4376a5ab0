"""A queue for writers of one SQLite file.

SQLite lets one writer in at a time, and those who wait look again after pauses that grow to 100 ms: whoever comes at
the right moment wins, and under load somebody waits for seconds. The kernel's file locks hand on in about the order of
arrival. The queue is for fairness alone: what keeps writers apart is SQLite's own lock, so it may be passed by where it
doesn't work (Windows, a file system without locks, a folder where no lock file can be made).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def turn(database: Path, seconds: float) -> Iterator[bool]:
    """Wait for the turn to write to a database file, and hold it.

    Parameters
    ----------
    database
        The file; the lock is another file beside it, since closing any handle of the database itself would drop
        SQLite's own locks in this process.
    seconds
        How long to wait.

    Yields
    ------
    bool
        False where somebody held the turn for all that time.
    """
    handle = _open(database)
    if handle is None:
        yield True
        return
    waiting = _Waiting(handle)
    try:
        yield waiting.wait(seconds)
    finally:
        waiting.leave()


def _open(database: Path) -> int | None:
    if fcntl is None:
        return None
    try:
        return os.open(database.with_name(database.name + "-queue"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return None  # SQLite will say what is wrong with the folder, if anything is


class _Waiting:
    """One wait for the lock. A blocking lock knows no time limit, so a thread waits where there is somebody ahead."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._guard = threading.Lock()
        self._ended = False  # the lock was got, or can't be
        self._left = False

    def wait(self, seconds: float) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._ended = True
        except BlockingIOError:
            thread = threading.Thread(target=self._block, name="affexion-write-queue", daemon=True)
            thread.start()
            thread.join(seconds)
        except OSError:
            self._ended = True  # a file system without locks
        return self._ended

    def _block(self) -> None:
        with suppress(OSError):  # as above: SQLite's own lock is what counts
            fcntl.flock(self._handle, fcntl.LOCK_EX)
        with self._guard:
            self._ended = True
            if self._left:
                os.close(self._handle)

    def leave(self) -> None:
        with self._guard:
            self._left = True
            if self._ended:
                os.close(self._handle)
