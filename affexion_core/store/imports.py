"""Imports: what came in together, listed, finished, and taken out again in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from affexion_core.errors import NotFoundError, StoreError
from affexion_core.store.rows import chunks, json_ready, now
from affexion_core.store.schema import (
    annotation,
    clip,
    dataset,
    dataset_clip,
    decision,
    import_batch,
    project_clip,
    run,
)
from affexion_core.store.session import Store, reading, writing

ImportState = Literal["unfinished", "done", "undone"]


@dataclass(frozen=True)
class ImportBatch:
    """One import.

    ``source`` is the folder or manifest, ``dataset`` the one it makes or extends, ``person`` who asked for it,
    ``report`` what it did once it was ``done``; ``n_clips`` of those it brought are in the library now.
    ``unfinished`` is one that goes on or was stopped. Times are ISO 8601 UTC.
    """

    id: str
    state: ImportState
    corpus: str
    source: str
    dataset: str | None
    person: str | None
    report: Mapping[str, Any] | None
    created: str
    finished: str | None
    n_clips: int = 0


@dataclass(frozen=True)
class TakenOut:
    """What undoing an import took out of the database, and the contents that no clip has any more."""

    n_clips: int
    n_annotations: int
    n_members: int
    sha256: tuple[str, ...]


def begin_import(store: Store, corpus: str, source: str, dataset: str, person: str | None) -> str:
    """Note that an import begins and give its id; one of the same from the same that was stopped goes on."""
    same = (import_batch.c.corpus == corpus, import_batch.c.source == source, import_batch.c.dataset == dataset)
    id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    row = {"id": id, "state": "unfinished", "corpus": corpus, "source": source, "dataset": dataset, "person": person}
    with writing(store) as connection:
        stopped = select(import_batch.c.id).where(import_batch.c.state == "unfinished", *same)
        there = connection.scalar(stopped.order_by(import_batch.c.created.desc()).limit(1))
        if there is not None:
            return str(there)
        connection.execute(import_batch.insert().values(**row, created=now()))
    return id


def finish_import(store: Store, id: str, report: Mapping[str, Any]) -> None:
    """Note that an import is done, and what it did."""
    kept = json_ready(dict(report), f"The report of import {id}")
    with writing(store) as connection:
        done = update(import_batch).where(import_batch.c.id == id)
        connection.execute(done.values(state="done", report=kept, finished=now()))


def forget_import(store: Store, id: str) -> None:
    """Strike an import that brought nothing; one that did is left alone."""
    with writing(store) as connection:
        for table in (clip, annotation, dataset_clip, dataset):
            if connection.scalar(select(func.count()).select_from(table).where(table.c.import_id == id)):
                return
        connection.execute(delete(import_batch).where(import_batch.c.id == id))


def list_imports(store: Store, limit: int | None = None) -> tuple[ImportBatch, ...]:
    """List imports, newest first."""
    query = select(import_batch).order_by(import_batch.c.created.desc(), import_batch.c.id.desc()).limit(limit)
    with reading(store) as connection:
        rows = connection.execute(query).mappings().all()
        counts = select(clip.c.import_id, func.count()).where(clip.c.import_id.in_([row["id"] for row in rows]))
        n_clips = {id: n for id, n in connection.execute(counts.group_by(clip.c.import_id))}
    return tuple(ImportBatch(**row, n_clips=n_clips.get(row["id"], 0)) for row in rows)


def get_import(store: Store, id: str) -> ImportBatch:
    """Get an import by its id; `NotFoundError` lists the newest."""
    found = {batch.id: batch for batch in list_imports(store)}
    if id not in found:
        newest = ", ".join(list(found)[:5]) or "none yet"
        raise NotFoundError(f"There is no import {id!r}; the newest are {newest}.")
    return found[id]


def import_of(store: Store, clip_id: str) -> ImportBatch | None:
    """Give the import that brought a clip; None where it came another way, or isn't there."""
    query = select(import_batch).join(clip, clip.c.import_id == import_batch.c.id).where(clip.c.id == clip_id)
    with reading(store) as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else ImportBatch(**row)


def take_out_import(store: Store, id: str) -> TakenOut:
    """Take out all that an import brought, in one transaction: clips, labels, places in datasets, and its dataset.

    What it filled in of clips that were there before stays.

    Raises
    ------
    NotFoundError
        If there is no such import.
    StoreError
        If it is undone already, or people's work rests on what it brought; nothing is changed then.
    """
    with writing(store) as connection:
        row = _locked(connection, id)
        if row["state"] == "undone":
            raise StoreError(f"Import {id} is undone already; there is nothing left of it.")
        ids = list(connection.execute(select(clip.c.id).where(clip.c.import_id == id)).scalars())
        resting = _resting(connection, row, ids)
        if resting:
            raise StoreError(f"Import {id} can't be undone, since {', '.join(resting)}. Nothing was changed.")
        n_members = connection.execute(delete(dataset_clip).where(dataset_clip.c.import_id == id)).rowcount
        n_annotations = connection.execute(delete(annotation).where(annotation.c.import_id == id)).rowcount
        held = select(dataset_clip.c.dataset_id)
        connection.execute(delete(dataset).where(dataset.c.import_id == id, dataset.c.id.not_in(held)))
        contents = set(connection.execute(select(clip.c.sha256).where(clip.c.import_id == id)).scalars())
        connection.execute(delete(clip).where(clip.c.import_id == id))
        connection.execute(update(import_batch).where(import_batch.c.id == id).values(state="undone", finished=now()))
        gone = contents - known_contents(connection, contents)
    return TakenOut(len(ids), n_annotations, n_members, tuple(sorted(gone)))


def known_contents(connection: Connection, contents: set[str]) -> set[str]:
    """Tell which of some SHA-256 belong to a clip."""
    found: set[str] = set()
    for part in chunks(sorted(contents)):
        found.update(connection.execute(select(clip.c.sha256).where(clip.c.sha256.in_(part))).scalars())
    return found


def _locked(connection: Connection, id: str) -> RowMapping:
    query = select(import_batch).where(import_batch.c.id == id).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFoundError(f"There is no import {id!r} in this workspace.")
    return row


def _resting(connection: Connection, row: RowMapping, ids: list[str]) -> list[str]:
    """Say what people did since with what an import brought."""
    id = row["id"]
    own = select(annotation.c.id).where(annotation.c.import_id == id)
    others = annotation.c.import_id.is_distinct_from(id)
    corrected = select(func.count()).select_from(annotation).where(annotation.c.replaces.in_(own), others)
    counts = {"{} judgements rest on its labels": connection.scalar(corrected) or 0}
    elsewhere = dataset_clip.c.import_id.is_distinct_from(id)
    for table, words, foreign in (
        (annotation, "its clips were judged {} times", others),
        (decision, "{} decisions were made on its clips", None),
        (project_clip, "{} of its clips are in labelling projects", None),
        (dataset_clip, "{} places in other datasets belong to its clips", elsewhere),
    ):
        for part in chunks(ids):
            query = select(func.count()).select_from(table).where(table.c.clip_id.in_(part))
            query = query if foreign is None else query.where(foreign)
            counts[words] = counts.get(words, 0) + (connection.scalar(query) or 0)
    if row["dataset"] is not None:
        trained = (run.c.train_dataset == row["dataset"]) | (run.c.test_dataset == row["dataset"])
        since = select(func.count()).select_from(run).where(trained, run.c.created > row["created"])
        counts["{} runs were made with its dataset since"] = connection.scalar(since) or 0
    return [words.format(n) for words, n in counts.items() if n]
