"""A queue for writers of one SQLite file.

SQLite lets one writer in at a time, and those who wait look again after pauses that grow to 100 ms: whoever comes at
the right moment wins, and under load somebody waits for seconds. The kernel's locks alone are no queue either, as who
has just left takes the lock again before those who wait are awake. So each takes a ticket, as in the queue lock of
Craig (1993) and of Magnussen, Landin and Hagersten (1994), and waits for the one before to let go of theirs. A killed
process's lock is let go by the kernel.

The queue is for fairness alone: what keeps writers apart is SQLite's own lock, so it may be passed by where it doesn't
work (Windows, macOS, a file system without locks, a folder where no lock file can be made).
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Byte 0 is held while a ticket is taken; byte 1 + n by the ticket n.
_DESK = 0


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
    if not hasattr(fcntl, "F_OFD_SETLKW"):
        return None
    try:
        return os.open(database.with_name(database.name + "-queue"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:
        return None  # SQLite will say what is wrong with the folder, if anything is


def _lock(handle: int, byte: int, wait: bool) -> None:
    """Lock a byte for this handle (not for the process, as POSIX locks are)."""
    request = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)  # struct flock: type, whence, start, n, pid
    fcntl.fcntl(handle, fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK, request)


def _unlock(handle: int, byte: int) -> None:
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))


def _take_ticket(handle: int, wait: bool) -> int:
    """Take the next ticket and hold its byte."""
    _lock(handle, _DESK, wait)
    try:
        ticket = int.from_bytes(os.pread(handle, 8, 0), "little") + 1
        _lock(handle, 1 + ticket, wait)
        os.pwrite(handle, ticket.to_bytes(8, "little"), 0)
    finally:
        _unlock(handle, _DESK)
    return ticket


class _Waiting:
    """One wait for the turn. A blocking lock knows no time limit, so a thread waits where there is somebody ahead."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._guard = threading.Lock()
        self._ticket: int | None = None
        self._ended = False  # the turn was got, or there is no queue here
        self._left = False

    def wait(self, seconds: float) -> bool:
        try:
            self._queue(wait=False)
            self._ended = True
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES: somebody is ahead
            thread = threading.Thread(target=self._block, name="affexion-write-queue", daemon=True)
            thread.start()
            thread.join(seconds)
        except OSError:
            self._ended = True  # a file system without locks
        return self._ended

    def _queue(self, wait: bool) -> None:
        """Take a ticket unless there is one, and come to stand at the head."""
        if self._ticket is None:
            self._ticket = _take_ticket(self._handle, wait)
        _lock(self._handle, self._ticket, wait)  # the byte of the one before

    def _block(self) -> None:
        with suppress(OSError):  # as above: SQLite's own lock is what counts
            self._queue(wait=True)
        with self._guard:
            self._ended = True
            if self._left:
                os.close(self._handle)

    def leave(self) -> None:
        with self._guard:
            self._left = True
            if self._ended:
                os.close(self._handle)
