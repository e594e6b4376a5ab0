"""Open the database of a workspace and run transactions on it; the one place where database errors are translated."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import ArgumentError, DisconnectionError

from affexion_core.errors import StoreError
from affexion_core.store.failures import LOCK_SECONDS, explained, locked
from affexion_core.store.looking_up import sqlite_module
from affexion_core.store.upgrading import bring_up_to_date
from affexion_core.store.write_queue import turn
from affexion_core.workspace import Workspace

# Before this version SQLite could corrupt a database in WAL mode with several connections writing and checkpointing.
WAL_SAFE = (3, 51, 3)
CONNECT_SECONDS = 5
# A pooled connection that was used so recently is taken to be alive: asking costs a label a sixth of its time.
FRESH_SECONDS = 1.0

_WRITES = "affexion_writes"


@dataclass(frozen=True)
class Store:
    """An open database and the workspace it belongs to. Open one a process; it may be shared between threads."""

    workspace: Workspace
    engine: Engine


def open_store(workspace: Workspace) -> Store:
    """Open the database of a workspace, creating it or bringing its tables up to date where needed.

    Raises
    ------
    StoreError
        If the database can't be reached or read, or was written by a newer Affexion; nothing is changed then.
    """
    url = _checked_url(workspace)
    if url.get_backend_name() == "sqlite":
        module = sqlite_module()
        engine = _sqlite_engine(url, module)
    else:
        engine = _postgresql_engine(url)
    store = Store(workspace, engine)
    try:
        with explained(engine):
            if engine.dialect.name == "sqlite":
                _choose_journal(engine, module)
            bring_up_to_date(engine, partial(_begun, writes=True))
    except BaseException:
        engine.dispose()
        raise
    return store


@contextmanager
def reading(store: Store) -> Iterator[Connection]:
    """Run queries that see one consistent state of the database.

    Raises
    ------
    StoreError
        Saying what went wrong with the database and what is safe.
    """
    with explained(store.engine), _begun(store.engine, writes=False) as connection:
        yield connection


@contextmanager
def writing(store: Store) -> Iterator[Connection]:
    """Run a transaction that reads and writes: committed as a whole at the end, or undone as a whole on any error.

    On SQLite it waits for its turn at the start (``BEGIN IMMEDIATE``), so what it reads can't change before it writes.

    Raises
    ------
    StoreError
        Saying what went wrong with the database and what is safe.
    """
    with explained(store.engine), _begun(store.engine, writes=True) as connection:
        yield connection


@contextmanager
def _begun(engine: Engine, writes: bool) -> Iterator[Connection]:
    options: dict[str, Any] = {_WRITES: writes}
    if engine.dialect.name == "postgresql" and not writes:
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect() as connection:
        connection = connection.execution_options(**options)
        # the turn is held from the transaction's beginning to its end and no longer, as all others wait for it
        with _turn(engine, writes), connection.begin():
            yield connection


@contextmanager
def _turn(engine: Engine, writes: bool) -> Iterator[None]:
    file = engine.url.database
    if not writes or engine.dialect.name != "sqlite" or file in (None, "", ":memory:"):
        yield
        return
    with turn(Path(file), LOCK_SECONDS) as mine:
        if not mine:
            raise StoreError(locked(engine.url))
        yield


def _checked_url(workspace: Workspace) -> URL:
    """Read the URL; messages don't repeat it, since it may hold a password."""
    text, file = workspace.database_url, workspace.root / "affexion.db"
    if text == f"sqlite:///{file}":
        return URL.create("sqlite", database=str(file))  # a folder may be called what a URL can't hold, such as ?
    form = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE in AFFEXION_DATABASE_URL, or unset it"
    try:
        # Heroku and others still hand out postgres://, which SQLAlchemy doesn't know.
        url = make_url("postgresql" + text[len("postgres") :] if text.startswith("postgres://") else text)
    except ArgumentError:
        raise StoreError(f"The database address can't be read; {form}.") from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    raise StoreError(f"The database kind {url.get_backend_name()!r} isn't supported; {form}.")


class _Hinting(SQLiteCompiler):
    """Writes hints behind the table they are for, as SQLite's ``INDEXED BY`` wants it."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:
        return text


def _sqlite_engine(url: URL, module: ModuleType) -> Engine:
    engine = create_engine(
        url, module=module, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True, max_overflow=-1
    )
    engine.dialect.statement_compiler = _Hinting

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        # Transactions begin below, not by the module's own guess.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        # A commit returns only when the disk has it: an acknowledged label survives a power cut.
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c lock_timeout={LOCK_SECONDS * 1000} -c timezone=UTC",
        },
        hide_parameters=True,
    )

    @event.listens_for(engine, "checkin")
    def note(connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def try_out(connection: Any, record: Any, proxy: object) -> None:
        """Look whether a pooled connection has died with a restart of the server, unless it answered just now."""
        if time.monotonic() - record.info.get("used", math.inf) > FRESH_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise DisconnectionError("the server was restarted") from error  # the pool connects anew

    return engine


def _choose_journal(engine: Engine, module: ModuleType) -> None:
    """Set WAL mode, or a rollback journal for a SQLite with the WAL bug; the file remembers it."""
    wanted = "wal" if module.sqlite_version_info >= WAL_SAFE else "delete"
    if _journal(engine) in (wanted, "memory"):
        return
    # in turn: SQLite doesn't wait for a lock while it changes the mode
    with _turn(engine, writes=True):
        _journal(engine, f"= {wanted}")


def _journal(engine: Engine, change: str = "") -> str:
    connection = engine.raw_connection()
    try:
        return connection.cursor().execute(f"PRAGMA journal_mode {change}").fetchone()[0]
    finally:
        connection.close()
