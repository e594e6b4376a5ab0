"""All keys of the Annotate page, in one table: the station acts on it, its help shows it, the documents list it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "keys.json"


@dataclass(frozen=True)
class Key:
    """One row of the table.

    ``id`` is what the keys do (``player``: they are handed to the player); ``keys`` as the station names them, ``a``,
    ``Shift+1`` or ``Enter``; ``shown`` and ``words`` for people, in the ``group`` of the list. ``needs`` names the
    project's setting or dimension without which the row is left out.
    """

    id: str
    group: str
    keys: tuple[str, ...]
    shown: str
    words: str
    needs: str | None = None


@cache
def all_keys() -> tuple[Key, ...]:
    """Give the rows in the order in which people see them."""
    return tuple(Key(**{**row, "keys": tuple(row["keys"])}) for row in json.loads(TABLE.read_text(encoding="utf-8")))
