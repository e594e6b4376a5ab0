"""Licences as clips carry them, counted by the database."""

from __future__ import annotations

from sqlalchemy import func, select

from affexion_core.store.names import require_dataset
from affexion_core.store.schema import BY_COUNTED, clip, dataset, dataset_clip
from affexion_core.store.session import Store, reading


def licence_counts(store: Store, dataset_name: str | None = None) -> dict[str | None, int]:
    """Count clips by the licence written with them, None for those without, in the workspace or one dataset.

    Raises
    ------
    NotFoundError
        If there is no such dataset.
    """
    query = select(clip.c.licence, func.count()).group_by(clip.c.licence)
    with reading(store) as connection:
        if dataset_name is not None:
            member = dataset_clip.c.dataset_id == require_dataset(connection, dataset_name)["id"]
            query = query.join(dataset_clip, dataset_clip.c.clip_id == clip.c.id).where(member)
            query = query.with_hint(clip, BY_COUNTED, "sqlite")
        return {text: n for text, n in connection.execute(query)}


def dataset_licences(store: Store) -> dict[str, dict[str | None, int]]:
    """Count the clips of each dataset by the licence written with them, in one query."""
    query = (
        select(dataset.c.name, clip.c.licence, func.count())
        .join(dataset_clip, dataset_clip.c.dataset_id == dataset.c.id)
        .join(clip, clip.c.id == dataset_clip.c.clip_id)
        .group_by(dataset.c.name, clip.c.licence)
        .with_hint(clip, BY_COUNTED, "sqlite")
    )
    found: dict[str, dict[str | None, int]] = {}
    with reading(store) as connection:
        for name, text, n in connection.execute(query):
            found.setdefault(name, {})[text] = n
    return found
