"""Takedowns as rows: a clip and all that refers to it leave, a tombstone stays, its recording is not taken again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from affexion_core.errors import NotFoundError, StoreError
from affexion_core.store.rows import chunks, json_ready, now, upsert
from affexion_core.store.schema import (
    annotation,
    assignment,
    clip,
    clip_tombstone,
    dataset,
    dataset_clip,
    decision,
    project_clip,
)
from affexion_core.store.session import Store, reading, writing

# What of a judgement may be kept of a clip that is gone: no comment, which may repeat its words.
_KEPT = ("id", "scheme", "rater", "label", "number", "unclear", "withdrawn", "created", "replaces", "project", "take")
_REFERRING = (annotation, decision, assignment, project_clip, dataset_clip)


@dataclass(frozen=True)
class Tombstone:
    """What is left of a clip that was taken down.

    ``sha256`` of its recording; ``person`` who took it down, None for somebody at the machine itself; ``report`` what
    it was in; ``judgements`` what people said of it, where that was kept. ``lifted`` is when its recording was allowed
    again, by whom and why. Times are ISO 8601 UTC.
    """

    clip_id: str
    sha256: str
    reason: str
    person: str | None
    created: str
    report: Mapping[str, Any] | None = None
    judgements: tuple[Mapping[str, Any], ...] | None = None
    lifted: str | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None


@dataclass(frozen=True)
class Holding:
    """What of the database refers to some clips: dataset and project names with their numbers of these, and counts."""

    datasets: Mapping[str, int]
    projects: Mapping[str, int]
    n_judgements: int
    n_decisions: int


def holding(connection: Connection, ids: Sequence[str]) -> Holding:
    """Find what refers to clips."""
    datasets: dict[str, int] = {}
    projects: dict[str, int] = {}
    counts = {"annotation": 0, "decision": 0}
    for part in chunks(ids):
        members = select(dataset.c.name, func.count()).join(dataset_clip, dataset_clip.c.dataset_id == dataset.c.id)
        members = members.where(dataset_clip.c.clip_id.in_(part)).group_by(dataset.c.name)
        for name, n in connection.execute(members):
            datasets[name] = datasets.get(name, 0) + n
        queued = select(project_clip.c.project, func.count()).where(project_clip.c.clip_id.in_(part))
        for name, n in connection.execute(queued.group_by(project_clip.c.project)):
            projects[name] = projects.get(name, 0) + n
        for table in (annotation, decision):
            query = select(func.count()).select_from(table).where(table.c.clip_id.in_(part))
            counts[table.name] += connection.scalar(query) or 0
    return Holding(dict(sorted(datasets.items())), dict(sorted(projects.items())), *counts.values())


def same_recording(connection: Connection, contents: Iterable[str]) -> dict[str, list[str]]:
    """List the clips of recordings by SHA-256; one recording may hold several."""
    found: dict[str, list[str]] = {}
    for part in chunks(sorted(set(contents))):
        rows = connection.execute(select(clip.c.sha256, clip.c.id).where(clip.c.sha256.in_(part)).order_by(clip.c.id))
        for sha256, id in rows:
            found.setdefault(sha256, []).append(id)
    return found


def bury(
    connection: Connection,
    contents: Mapping[str, str],
    reason: str,
    person: str | None,
    report: Mapping[str, Any],
    keep_judgements: bool,
) -> None:
    """Take clips out of all tables and leave a tombstone of each.

    Parameters
    ----------
    contents
        SHA-256 of the recording by clip id.
    reason, person
        Why, and who.
    report
        What they were in, JSON-ready.
    keep_judgements
        Keep what people said, without comments, with the tombstones.
    """
    said = _judgements(connection, list(contents)) if keep_judgements else {}
    made = json_ready(dict(report), "The report of a takedown")
    for part in chunks(contents):
        for table in _REFERRING:
            connection.execute(delete(table).where(table.c.clip_id.in_(part)))
        connection.execute(delete(clip).where(clip.c.id.in_(part)))
    for id, sha256 in sorted(contents.items()):
        row = {"clip_id": id, "sha256": sha256, "reason": reason, "person": person, "created": now(), "report": made}
        kept = said.get(id, []) if keep_judgements else None
        lifted = dict.fromkeys(("lifted", "lifted_by", "lifted_reason"))
        upsert(connection, clip_tombstone, {**row, "judgements": kept, **lifted})


def _judgements(connection: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    columns = [annotation.c[name] for name in _KEPT]
    found: dict[str, list[dict[str, Any]]] = {}
    for part in chunks(ids):
        query = select(annotation.c.clip_id, *columns).where(annotation.c.clip_id.in_(part)).order_by(annotation.c.id)
        for row in connection.execute(query).mappings():
            held = {name: row[name] for name in _KEPT if row[name] not in (None, False, 0)}
            found.setdefault(row["clip_id"], []).append(held)
    return found


def list_tombstones(store: Store, limit: int | None = None) -> tuple[Tombstone, ...]:
    """List what was taken down, newest first."""
    query = select(clip_tombstone).order_by(clip_tombstone.c.created.desc(), clip_tombstone.c.clip_id).limit(limit)
    with reading(store) as connection:
        return tuple(map(_tombstone, connection.execute(query).mappings()))


def tombstones_of(connection: Connection, ids: Sequence[str]) -> dict[str, Tombstone]:
    """Find the tombstones of clips by id."""
    found: dict[str, Tombstone] = {}
    for part in chunks(ids):
        rows = connection.execute(select(clip_tombstone).where(clip_tombstone.c.clip_id.in_(part))).mappings()
        found.update((row["clip_id"], _tombstone(row)) for row in rows)
    return found


def mark_lifted(store: Store, clip_id: str, reason: str, person: str | None) -> Tombstone:
    """Allow the recording of a clip that was taken down to come in again.

    Raises
    ------
    NotFoundError
        If no clip of that id was taken down.
    StoreError
        If that is lifted already.
    """
    with writing(store) as connection:
        there = tombstones_of(connection, [clip_id]).get(clip_id)
        if there is None:
            raise NotFoundError(f"No clip {clip_id!r} was taken down in this workspace.")
        if there.lifted is not None:
            raise StoreError(f"The takedown of clip {clip_id} was lifted already, on {there.lifted[:10]}.")
        values = {"lifted": now(), "lifted_by": person, "lifted_reason": reason}
        # all clips of the recording: one that stays refused would refuse the others
        connection.execute(
            update(clip_tombstone)
            .where(clip_tombstone.c.sha256 == there.sha256, clip_tombstone.c.lifted.is_(None))
            .values(values)
        )
        return tombstones_of(connection, [clip_id])[clip_id]


def refusals(store: Store) -> dict[str, str]:
    """Say of each content (SHA-256) that was taken down why it is not taken in again."""
    with reading(store) as connection:
        rows = connection.execute(select(clip_tombstone).where(clip_tombstone.c.lifted.is_(None))).mappings()
        return {row["sha256"]: _refusal(row) for row in rows}


def refuse_taken_down(connection: Connection, contents: Sequence[str]) -> None:
    """Refuse recordings that were taken down.

    Raises
    ------
    StoreError
        Naming the first one, when and why it was.
    """
    for part in chunks(contents):
        query = select(clip_tombstone).where(clip_tombstone.c.sha256.in_(part), clip_tombstone.c.lifted.is_(None))
        row = connection.execute(query.order_by(clip_tombstone.c.clip_id).limit(1)).mappings().first()
        if row is not None:
            raise StoreError(_refusal(row))


def _refusal(row: RowMapping) -> str:
    return (
        f"This recording (clip {row['clip_id']}) was taken down on {row['created'][:10]}: {row['reason'].rstrip('.')}. "
        "It is not taken in again unless an owner lifts that."
    )


def _tombstone(row: RowMapping) -> Tombstone:
    judgements = None if row["judgements"] is None else tuple(row["judgements"])
    return Tombstone(**{**row, "judgements": judgements})
