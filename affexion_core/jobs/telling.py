"""Progress told no more often than people read: each step of it is a write to the database."""

from __future__ import annotations

import time

from affexion_core.types import Progress

_EVERY = 0.5


def seldom(progress: Progress) -> Progress:
    """Pass progress on twice a second, and where something begins or is complete."""
    last = 0.0

    def tell(done: int, total: int, what: str) -> None:
        nonlocal last
        if done in (0, total) or time.monotonic() - last > _EVERY:
            last = time.monotonic()
            progress(done, total, what)

    return tell
