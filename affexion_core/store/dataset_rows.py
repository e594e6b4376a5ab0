"""A dataset as rows: its hash, taken out whole, and put back as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Text, cast, delete, insert, select

from affexion_core.errors import StoreError
from affexion_core.store.names import require_dataset
from affexion_core.store.rows import chunks, json_reader
from affexion_core.store.schema import BY_COUNTED, clip, dataset, dataset_clip
from affexion_core.store.session import Store, reading
from affexion_core.types import said_words, snapshot_of


@dataclass(frozen=True)
class TakenDataset:
    """The rows of a dataset that was deleted, enough to put it back: its own, and one for each clip."""

    row: Mapping[str, Any]
    members: tuple[Mapping[str, Any], ...]


def take_dataset(connection: Connection, name: str) -> TakenDataset:
    """Delete a dataset and give its rows; clips and annotations stay. `NotFoundError` lists the datasets there are."""
    row = require_dataset(connection, name, lock=True)
    members = connection.execute(select(dataset_clip).where(dataset_clip.c.dataset_id == row["id"])).mappings().all()
    connection.execute(delete(dataset).where(dataset.c.id == row["id"]))
    return TakenDataset(dict(row), tuple(dict(member) for member in members))


def dataset_hash(store: Store, name: str) -> str:
    """Hash which clips carry which labels, votes and values, as `Dataset.snapshot` does, without loading the clips.

    Raises
    ------
    NotFoundError
        If there is no such dataset.
    """
    with reading(store) as connection:
        return members_hash(_members(connection, require_dataset(connection, name)["id"]))


Member = tuple[str, str, str | None, str | None]
"""Id of a clip and its label in a dataset; votes and values as JSON text, None where there are none."""


@dataclass(frozen=True)
class DatasetMembers:
    """Which clips a dataset has and what it says of them: all that comparing takes, without loading the clips.

    ``labels`` are those of its scheme; ``speakers`` the known ones.
    """

    name: str
    labels: tuple[str, ...]
    members: Sequence[Member]
    speakers: frozenset[str]


def dataset_members(store: Store, name: str) -> DatasetMembers:
    """Load the members of a dataset in the order of their ids; `NotFoundError` lists the datasets there are."""
    with reading(store) as connection:
        row = require_dataset(connection, name)
        members = _members(connection, row["id"])
        known = (
            select(clip.c.speaker)
            .join(dataset_clip, dataset_clip.c.clip_id == clip.c.id)
            .where(dataset_clip.c.dataset_id == row["id"], clip.c.speaker.is_not(None))
            .with_hint(clip, BY_COUNTED, "sqlite")
        )
        speakers = frozenset(connection.execute(known.distinct()).scalars())
    return DatasetMembers(row["name"], tuple(row["labels"]), members, speakers)


def _members(connection: Connection, dataset_id: int) -> Sequence[Member]:
    said = (cast(dataset_clip.c[column], Text) for column in ("votes", "dimensions"))
    query = select(dataset_clip.c.clip_id, dataset_clip.c.label, *said).where(dataset_clip.c.dataset_id == dataset_id)
    return connection.execute(query.order_by(dataset_clip.c.clip_id)).all()


def members_hash(members: Iterable[Member]) -> str:
    """Hash members as `Dataset.snapshot` does."""
    read = json_reader()
    # many clips have the same said of them, mostly nothing
    said = lru_cache(4096)(lambda votes, values: said_words(read(votes), read(values)))
    return snapshot_of((id, label, said(votes, values)) for id, label, votes, values in members)


def put_dataset_back(connection: Connection, taken: TakenDataset) -> int:
    """Put a dataset back as it was, but for clips that are gone meanwhile; gives the number of its clips.

    Raises
    ------
    StoreError
        If there is another of its name by now.
    """
    name = taken.row["name"]
    if connection.execute(select(dataset.c.id).where(dataset.c.name == name)).first() is not None:
        raise StoreError(f"There is a dataset {name!r} again by now; delete that first.")
    row = {key: value for key, value in taken.row.items() if key != "id"}
    id = connection.execute(insert(dataset).values(row).returning(dataset.c.id)).scalar_one()
    there: set[str] = set()
    for part in chunks([member["clip_id"] for member in taken.members]):
        there.update(connection.execute(select(clip.c.id).where(clip.c.id.in_(part))).scalars())
    members = [{**member, "dataset_id": id} for member in taken.members if member["clip_id"] in there]
    if members:
        connection.execute(insert(dataset_clip), members)
    return len(members)
