"""The listening check: who keeps, rejects, or asks for another take of what was spoken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from affexion_core.errors import NotFoundError, StoreError
from affexion_core.speaking.batch import Batch
from affexion_core.speaking.state import Verdict, spoken
from affexion_core.workspace import Workspace


def judge(batch: Batch, numbers: Iterable[int], verdict: Verdict | None, person: str | None = None) -> None:
    """Keep or reject sentences of a batch by their numbers; None takes a verdict back."""
    for number in numbers:
        _check(batch, number)
        batch.reviews.note(n=number, verdict=verdict, person=person)


def speak_anew(workspace: Workspace, batch: Batch, number: int, person: str | None = None) -> None:
    """Ask for another take of one sentence; the next run of the batch speaks it, and it costs as any other.

    Raises
    ------
    StoreError
        If it is in the library already; taking that import back comes first.
    """
    _check(batch, number)
    item = spoken(workspace, batch)[number]
    if item.clip is not None:
        raise StoreError("This clip is in the library already; undo its import first, then ask for another take.")
    batch.reviews.note(n=number, take=item.take + 1, verdict=None, person=person)


def note_imported(batch: Batch, clips: Iterable[tuple[int, str | None]], import_id: str) -> None:
    """Note which clip each sentence has become; None where its import was undone."""
    for number, clip in clips:
        values: dict[str, Any] = {"n": number, "clip": clip, "import": import_id}
        batch.reviews.note(**values)


def _check(batch: Batch, number: int) -> None:
    if not 0 <= number < len(batch.items):
        raise NotFoundError(f"The batch {batch.id} has no sentence {number}; it has 0 to {len(batch.items) - 1}.")
