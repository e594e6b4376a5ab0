"""A dataset as rows: its hash, taken out whole, and put back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from affexion_core.errors import StoreError
from affexion_core.store.names import require_dataset
from affexion_core.store.rows import chunks
from affexion_core.store.schema import clip, dataset, dataset_clip
from affexion_core.store.session import Store, reading
from affexion_core.types import snapshot_of


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
    columns = [dataset_clip.c[column] for column in ("clip_id", "label", "votes", "dimensions")]
    with reading(store) as connection:
        member = dataset_clip.c.dataset_id == require_dataset(connection, name)["id"]
        rows = connection.execute(select(*columns).where(member))
        return snapshot_of((id, label, votes, values) for id, label, votes, values in rows)


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
