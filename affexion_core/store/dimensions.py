"""Numbers that a dataset gives its clips beside their label: arousal, valence, dominance, or any numeric scheme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select, update

from affexion_core.errors import LabelError, allowed
from affexion_core.store.labels import check_value
from affexion_core.store.rows import chunks
from affexion_core.store.schema import dataset_clip
from affexion_core.store.schema import scheme as scheme_table
from affexion_core.store.session import Store, reading
from affexion_core.types import Scheme

# The order in which people know them; others follow by name.
_USUAL = ("arousal", "valence", "dominance")

Values = Mapping[str, Mapping[str, float]]


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Put names of dimensions into the order in which they are shown and learned."""
    found = set(names)
    return (*(name for name in _USUAL if name in found), *sorted(found.difference(_USUAL)))


def numeric_schemes(connection: Connection) -> dict[str, Scheme]:
    """Give the numeric schemes of the workspace by name."""
    rows = connection.execute(select(scheme_table).where(scheme_table.c.low.is_not(None))).mappings()
    return {row["name"]: Scheme(row["name"], (), row["low"], row["high"]) for row in rows}


def known_dimensions(store: Store) -> dict[str, Scheme]:
    """Give the numeric schemes of the workspace by name, in a transaction of its own."""
    with reading(store) as connection:
        return numeric_schemes(connection)


def checked_values(connection: Connection, dataset: str, values: Values) -> dict[str, dict[str, float]]:
    """Check the values of clips, by clip id and dimension, against the ranges of their schemes.

    Raises
    ------
    LabelError
        If a dimension is unknown or a value is no number in its range; the message names the clip.
    """
    known = numeric_schemes(connection) if values else {}
    found: dict[str, dict[str, float]] = {}
    for id, said in values.items():
        for name, value in said.items():
            if name not in known:
                raise LabelError(
                    f"Clip {id} in dataset {dataset!r} has a value for {name!r}, which is no dimension of this "
                    f"workspace; it has {allowed(known)}."
                )
            check_value(known[name], value, f"Clip {id}, {name}")
        if said:
            found[id] = {name: float(said[name]) for name in in_order(said)}
    return found


def fill_values(connection: Connection, dataset_id: int, name: str, values: Values) -> None:
    """Give values to clips that are in the dataset without any; those there are never change.

    Raises
    ------
    LabelError
        If a clip has other values already.
    """
    for part in chunks(values):
        columns = (dataset_clip.c.clip_id, dataset_clip.c.dimensions)
        mine = dataset_clip.c.dataset_id == dataset_id
        rows = connection.execute(select(*columns).where(mine, dataset_clip.c.clip_id.in_(part))).all()
        for id, there in rows:
            if there is None:
                one = mine & (dataset_clip.c.clip_id == id)
                connection.execute(update(dataset_clip).where(one).values(dimensions=dict(values[id])))
            elif there != values[id]:
                raise LabelError(
                    f"Clip {id} has other values in dataset {name!r} ({_words(there)}, not {_words(values[id])}); use "
                    "another dataset name."
                )


def _words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in values.items())
