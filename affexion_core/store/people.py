"""People: who works in the workspace, as rows. The rules stand in `affexion_core.labeling.people`."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, func, insert, select, text, update

from affexion_core.errors import NotFoundError, allowed
from affexion_core.store.rows import now
from affexion_core.store.schema import person as person_table


@dataclass(frozen=True)
class Person:
    """Somebody who works in the workspace. ``role`` is one of viewer, rater, adjudicator and owner."""

    name: str
    role: str
    email: str | None = None


def lock_people(connection: Connection) -> None:
    """Keep other writers of people out until the transaction ends; on SQLite a writing transaction is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE person IN SHARE ROW EXCLUSIVE MODE"))


def people(connection: Connection) -> tuple[Person, ...]:
    """List all, by name."""
    rows = connection.execute(select(person_table).order_by(person_table.c.name)).mappings()
    return tuple(_person(row) for row in rows)


def find_person(connection: Connection, name: str) -> Person | None:
    """Find somebody by name."""
    row = connection.execute(select(person_table).where(person_table.c.name == name)).mappings().one_or_none()
    return None if row is None else _person(row)


def find_person_by_email(connection: Connection, email: str) -> Person | None:
    """Find somebody by address, as it is stored."""
    row = connection.execute(select(person_table).where(person_table.c.email == email)).mappings().one_or_none()
    return None if row is None else _person(row)


def require_person(connection: Connection, name: str) -> Person:
    """Get somebody by name; `NotFoundError` lists the people there are."""
    found = find_person(connection, name)
    if found is None:
        there = allowed(connection.execute(select(person_table.c.name)).scalars().all())
        raise NotFoundError(f"There is nobody called {name!r} in the workspace; choose {there}.")
    return found


def insert_person(connection: Connection, person: Person) -> None:
    """Add a row."""
    values = {"name": person.name, "role": person.role, "email": person.email, "created": now()}
    connection.execute(insert(person_table).values(values))


def update_role(connection: Connection, name: str, role: str) -> None:
    """Change a role."""
    connection.execute(update(person_table).where(person_table.c.name == name).values(role=role))


def count_role(connection: Connection, role: str) -> int:
    """Count those who have a role."""
    return connection.scalar(select(func.count()).where(person_table.c.role == role)) or 0


def _person(row: RowMapping) -> Person:
    return Person(row["name"], row["role"], row["email"])
