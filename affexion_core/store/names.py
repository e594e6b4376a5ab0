"""Look up datasets and schemes by name, with errors that list what there is."""

from __future__ import annotations

from sqlalchemy import Connection, RowMapping, Table, select

from affexion_core.errors import NotFoundError, allowed
from affexion_core.store.schema import dataset, scheme
from affexion_core.types import Scheme


def require_dataset(connection: Connection, name: str, lock: bool = False) -> RowMapping:
    """Get the row of a dataset.

    Parameters
    ----------
    connection
        A transaction.
    name
        The dataset.
    lock
        Hold the row until the transaction ends, where the database locks rows (a writing transaction on SQLite is
        alone anyway).

    Raises
    ------
    NotFoundError
        Listing the datasets there are.
    """
    query = select(dataset).where(dataset.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise _not_found(connection, "dataset", name, dataset)
    return row


def require_scheme(connection: Connection, name: str) -> Scheme:
    """Get a scheme; `NotFoundError` lists the schemes there are."""
    row = connection.execute(select(scheme).where(scheme.c.name == name)).mappings().one_or_none()
    if row is None:
        raise _not_found(connection, "scheme", name, scheme)
    return scheme_of(row)


def scheme_of(row: RowMapping) -> Scheme:
    """Make a scheme of its row."""
    return Scheme(row["name"], tuple(row["labels"]), row["low"], row["high"])


def _not_found(connection: Connection, kind: str, name: str, table: Table) -> NotFoundError:
    there = allowed(connection.execute(select(table.c.name)).scalars().all())
    return NotFoundError(f"There is no {kind} {name!r} in the workspace; choose {there}.")
