"""Bring the tables of a database to what this code needs, through Alembic, imported only when there is work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from affexion_core.errors import StoreError
from affexion_core.store.failures import database_name
from affexion_core.store.looking_up import REVISION

MIGRATIONS = Path(__file__).parent / "migrations"
# Any fixed number: two processes that open a new PostgreSQL database at once upgrade it one after the other.
_ADVISORY_LOCK = 7_021_966


def bring_up_to_date(engine: Engine, begin: Callable[[Engine], AbstractContextManager[Connection]]) -> None:
    """Create or migrate the tables where they aren't at `REVISION`, in one transaction.

    Parameters
    ----------
    engine
        The database.
    begin
        Begins a writing transaction.

    Raises
    ------
    StoreError
        If a newer Affexion has changed the tables; nothing is touched then.
    """
    with engine.connect() as connection:
        if schema_version(connection) == REVISION:
            return
    with begin(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        version = schema_version(connection)  # another process may just have done it
        if version != REVISION:
            _upgrade(connection, version)


def schema_version(connection: Connection) -> str | None:
    """Read the migration the database is at; None for one without tables of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _upgrade(connection: Connection, version: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise StoreError(
            f"The database {database_name(connection.engine.url)} was written by a newer Affexion (tables {version}, "
            f"this one knows {REVISION}); nothing was changed. Update Affexion, or choose another workspace."
        )
    command.upgrade(config, "head")
