"""Between dataclasses and table rows, and inserts that skip what is already there on both databases."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping, Table, Text, cast
from sqlalchemy.dialects import postgresql, sqlite

from affexion_core.errors import StoreError
from affexion_core.store.schema import clip as clip_table
from affexion_core.types import Clip, Provenance

T = TypeVar("T")

# Below every limit on bound parameters: 32,766 in SQLite, 65,535 in PostgreSQL.
CHUNK = 10_000

_CLIP_FIELDS = tuple(f.name for f in dataclasses.fields(Clip) if f.name not in ("attributes", "provenance"))
_PROVENANCE_FIELDS = frozenset(f.name for f in dataclasses.fields(Provenance))
# Many clips share what JSON says of them; so many texts are remembered while rows are read.
_REMEMBERED = 4096

CLIP_COLUMNS = (
    *(clip_table.c[name] for name in _CLIP_FIELDS),
    cast(clip_table.c.attributes, Text).label("attributes"),
    cast(clip_table.c.provenance, Text).label("provenance"),
)
"""What a `clip_reader` reads: the columns of a clip, JSON as text."""


def now() -> str:
    """Give the present time as ISO 8601 UTC, to the microsecond: texts sort as times."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def clip_values(clip: Clip, added: str) -> dict[str, Any]:
    """Make the row of a clip."""
    provenance = {name: value for name, value in vars(clip.provenance).items() if value not in (None, {})}
    if "parameters" in provenance:
        provenance["parameters"] = dict(provenance["parameters"])
    return {
        **{name: getattr(clip, name) for name in _CLIP_FIELDS},
        "attributes": json_ready(dict(clip.attributes), f"The attributes of clip {clip.id}"),
        "provenance": json_ready(provenance, f"The provenance of clip {clip.id}"),
        "licence": provenance.get("licence"),
        "added": added,
        "searchable": searchable(clip.file, clip.transcript, clip.speaker),
    }


def searchable(file: str, transcript: str | None, speaker: str | None) -> str:
    """Make the text a search for clips looks into."""
    return folded("\n".join(filter(None, (file, transcript, speaker))))


def clip_of(row: RowMapping) -> Clip:
    """Make a clip of its row; keys a later version may have added to the provenance are left out."""
    return Clip(
        **{name: row[name] for name in _CLIP_FIELDS},
        attributes=row["attributes"],
        provenance=_provenance(row["provenance"]),
    )


def _provenance(known: Mapping[str, Any]) -> Provenance:
    return Provenance(**{name: value for name, value in known.items() if name in _PROVENANCE_FIELDS})


def clip_reader() -> Callable[[Sequence[Any]], Clip]:
    """Make what turns rows of `CLIP_COLUMNS` into clips as `clip_of` does, quicker where there are many.

    Equal attributes and origin cards are read once, and shared by the clips.
    """
    n = len(_CLIP_FIELDS)
    make: Callable[..., Clip] = Clip  # the columns stand in the order of its fields
    attributes = json_reader()
    provenance = lru_cache(_REMEMBERED)(lambda text: _provenance(json.loads(text)))

    def read(row: Sequence[Any]) -> Clip:
        return make(*row[:n], attributes(row[n]), provenance(row[n + 1]))

    return read


def json_reader() -> Callable[[str | None], Any]:
    """Make what reads a column of JSON from its text: equal texts once, an empty column and JSON's null as None."""
    return lru_cache(_REMEMBERED)(lambda text: None if text is None else json.loads(text))


def json_ready(value: dict[str, Any], what: str) -> dict[str, Any]:
    """Check that a value can be stored as JSON and read again.

    Raises
    ------
    StoreError
        If it holds NaN, infinity or an object; ``what`` begins the message.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"{what} can't be stored as JSON ({error}); use texts, numbers and lists, and None for an unknown figure."
        ) from error
    return value


def folded(text: str) -> str:
    """Reduce text to what a search compares: without case, and one form for each letter."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut values into lists that fit into one statement."""
    held = list(values)
    for start in range(0, len(held), size):
        yield held[start : start + size]


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert rows whose key isn't there yet, and give the ``id`` (``clip_id`` in `dataset_clip`) of those inserted.

    Rows go in sorted by key, so that two writers with overlapping rows can't wait for each other.
    """
    if not rows:
        return set()
    keys = [column.name for column in table.primary_key.columns]
    made = _insert_new(connection.dialect.name, table)
    ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
    return set(connection.execute(made, [dict(row) for row in ordered]).scalars())


@cache
def _insert_new(dialect: str, table: Table) -> Any:
    """Build the statement once: other writers wait while it is built anew."""
    keys = [column.name for column in table.primary_key.columns]
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=keys).returning(table.c[keys[-1]])


def upsert(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row, or replace all its columns where its key is there already."""
    keys = [column.name for column in table.primary_key.columns]
    made = dialect_insert(connection, table).values(dict(row))
    changed = {name: made.excluded[name] for name in row if name not in keys}
    connection.execute(made.on_conflict_do_update(index_elements=keys, set_=changed))


def dialect_insert(connection: Connection, table: Table) -> Any:  # the two dialects' inserts share no base type
    """Make an insert that knows ``ON CONFLICT``."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
