"""Schemes and annotations: what may be said of a clip, and what each rater said. Annotations are never changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from affexion_core.errors import LabelError, NotFoundError
from affexion_core.store.clips import missing_clips
from affexion_core.store.names import require_scheme, scheme_of
from affexion_core.store.rows import chunks, dialect_insert, insert_new, upsert
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import scheme as scheme_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Annotation, Scheme

# Columns that carry the same name and value as the dataclass.
_SAME = (
    *("id", "clip_id", "scheme", "rater", "created", "comment", "unclear", "withdrawn", "replaces", "project", "take"),
    *("second", "confidence", "intensity", "seconds", "heard"),
)
_SCHEME_AND_CLIPS = select(
    scheme_table,
    select(func.count())
    .where(clip_table.c.id.in_(bindparam("ids", expanding=True)))
    .scalar_subquery()
    .label("n_clips"),
).where(scheme_table.c.name == bindparam("name"))


def save_scheme(store: Store, scheme: Scheme) -> None:
    """Save a scheme, or add labels at the end of one.

    Raises
    ------
    LabelError
        If labels were taken out or moved, or the range changed: annotations made under it would change meaning.
    """
    with writing(store) as connection:
        put_scheme(connection, scheme)


def put_scheme(connection: Connection, scheme: Scheme) -> None:
    """Save a scheme within a transaction, as `save_scheme` does."""
    row = {"name": scheme.name, "labels": list(scheme.labels), "low": scheme.low, "high": scheme.high}
    insert = dialect_insert(connection, scheme_table).values(row)
    connection.execute(insert.on_conflict_do_nothing(index_elements=["name"]))
    locked = select(scheme_table.c.name).where(scheme_table.c.name == scheme.name).with_for_update()
    connection.execute(locked)
    there = require_scheme(connection, scheme.name)
    kept = scheme.labels[: len(there.labels)] == there.labels
    if not kept or (scheme.low, scheme.high) != (there.low, there.high):
        raise LabelError(
            f"Scheme {scheme.name!r} is in use as {_described(there)}; labels may only be added at the end. "
            "Save the changed one under another name."
        )
    upsert(connection, scheme_table, row)


def load_scheme(store: Store, name: str) -> Scheme:
    """Load a scheme; `NotFoundError` lists the schemes there are."""
    with reading(store) as connection:
        return require_scheme(connection, name)


def check_value(scheme: Scheme, value: str | float, what: str) -> None:
    """Check a judgement against its scheme.

    Raises
    ------
    LabelError
        If it is neither one of the labels nor a number in the range; ``what`` begins the message.
    """
    if scheme.labels:
        if value not in scheme.labels:
            raise LabelError(f"{what}: {value!r} isn't in scheme {scheme.name!r}; choose {_described(scheme)}.")
        return
    assert scheme.low is not None and scheme.high is not None  # Scheme checks it
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not scheme.low <= number <= scheme.high:
        raise LabelError(f"{what}: {value!r} isn't in scheme {scheme.name!r}; choose {_described(scheme)}.")


def _described(scheme: Scheme) -> str:
    return ", ".join(scheme.labels) if scheme.labels else f"a number from {scheme.low:g} to {scheme.high:g}"


def add_annotations(store: Store, annotations: Sequence[Annotation], import_id: str | None = None) -> int:
    """Save judgements, as brought by an import if one is named; when this returns they are on the disk. All or none.

    Returns
    -------
    int
        How many were new. One whose id is there already adds and changes nothing, so sending again is harmless.

    Raises
    ------
    LabelError
        If a value doesn't fit its scheme.
    NotFoundError
        If a clip or scheme isn't in the workspace.
    """
    if not annotations:
        return 0
    with writing(store) as connection:
        schemes = {
            name: _scheme_and_clips(connection, name, annotations) for name in sorted({a.scheme for a in annotations})
        }
        for made in annotations:
            if made.value is not None:
                check_value(schemes[made.scheme], made.value, f"Annotation of clip {made.clip_id}")
        rows = [{**annotation_values(made, schemes[made.scheme]), "import_id": import_id} for made in annotations]
        new = insert_new(connection, annotation_table, rows)
    return len(new)


def _scheme_and_clips(connection: Connection, name: str, annotations: Sequence[Annotation]) -> Scheme:
    """Get a scheme, and see in the same query that the clips judged under it are there."""
    row = None
    for ids in chunks(dict.fromkeys(made.clip_id for made in annotations if made.scheme == name)):
        row = connection.execute(_SCHEME_AND_CLIPS, {"name": name, "ids": ids}).mappings().one_or_none()
        if row is None:
            return require_scheme(connection, name)  # which lists those there are
        if row["n_clips"] < len(ids):
            there = set(connection.execute(select(clip_table.c.id).where(clip_table.c.id.in_(ids))).scalars())
            total = connection.scalar(select(func.count()).select_from(clip_table))
            raise NotFoundError(missing_clips([id for id in ids if id not in there], total or 0))
    assert row is not None  # a scheme is asked for because something was judged under it
    return scheme_of(row)


def annotation_values(made: Annotation, scheme: Scheme) -> dict[str, Any]:
    """Make the row of a judgement under a scheme."""
    kept = {name: getattr(made, name) for name in _SAME}
    numeric = made.value is not None and not scheme.labels
    return {
        **kept,
        "flags": list(made.flags) or None,
        "label": None if numeric else made.value,
        "number": float(made.value) if numeric and made.value is not None else None,
    }


def find_annotations(
    store: Store, clip_ids: Iterable[str] | None = None, scheme: str | None = None, rater: str | None = None
) -> tuple[Annotation, ...]:
    """Find judgements, oldest first; None asks nothing, an empty ``clip_ids`` finds none.

    Raises
    ------
    NotFoundError
        If there is no such scheme.
    """
    query = select(annotation_table)
    if scheme is not None:
        query = query.where(annotation_table.c.scheme == scheme)
    if rater is not None:
        query = query.where(annotation_table.c.rater == rater)
    queries = [query]
    if clip_ids is not None:
        queries = [query.where(annotation_table.c.clip_id.in_(part)) for part in chunks(dict.fromkeys(clip_ids))]
    with reading(store) as connection:
        if scheme is not None:
            require_scheme(connection, scheme)
        rows = [row for query in queries for row in connection.execute(query).mappings()]
    return tuple(sorted(map(annotation_of, rows), key=lambda made: (made.created, made.id)))


def annotation_of(row: RowMapping) -> Annotation:
    """Make a judgement of its row."""
    value = row["number"] if row["label"] is None else row["label"]
    return Annotation(**{name: row[name] for name in _SAME}, value=value, flags=tuple(row["flags"] or ()))


def current_annotations(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """Keep the newest judgement of each chain of corrections, in the order given; withdrawn ones are gone."""
    held = tuple(annotations)
    replaced = {made.replaces for made in held}
    return tuple(made for made in held if made.id not in replaced and not made.withdrawn)
