"""Turn database errors into sentences that say what is safe and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from affexion_core.errors import StoreError

# How long a step waits for another writer.
LOCK_SECONDS = 15

_UNDONE = "nothing of this step was saved, what was saved before is safe"

# What SQLite says (its texts are fixed in its source) → what it means. ``{where}`` is the file.
_LOCKED = (
    f"The database {{where}} was held by another program for {LOCK_SECONDS} s; {_UNDONE}. "
    "Close what holds it and try again."
)
_SQLITE: tuple[tuple[str, str], ...] = (
    ("locked", _LOCKED),
    (
        "readonly database",
        f"The database {{where}} is read-only; {_UNDONE}. Make the file and its folder writable, "
        "or choose another workspace (AFFEXION_WORKSPACE).",
    ),
    ("is full", f"The disk with {{where}} is full; {_UNDONE}. Free some space and try again."),
    (
        "malformed",
        "The database {where} is damaged; audio and runs beside it are untouched. Put back a backup of it, "
        "or move it away to start with an empty one.",
    ),
    (
        "not a database",
        "The file {where} is damaged or isn't a database; audio and runs beside it are untouched. Put back a backup "
        "of it, or move it away to start with an empty one.",
    ),
    (
        "unable to open",
        "The database {where} can't be opened: its folder is missing or may not be read and written. "
        "Check the folder, or choose another workspace (AFFEXION_WORKSPACE).",
    ),
    ("disk i/o error", f"The disk with {{where}} reports an error; {_UNDONE}. Check the disk, then try again."),
    (
        "no such",
        "The database {where} lacks tables it should have: {detail}. Put back a backup of it, "
        "or move it away to start with an empty one.",
    ),
)

# PostgreSQL's error codes, by prefix. ``{where}`` is the server and database.
_POSTGRESQL: tuple[tuple[str, str], ...] = (
    ("55P03", f"A row of {{where}} was held by another session for {LOCK_SECONDS} s; {_UNDONE}. Try again."),
    ("40", f"Another session wrote to the same rows of {{where}}; {_UNDONE}. Try again."),
    ("53100", f"The disk of {{where}} is full; {_UNDONE}. Free some space on the server and try again."),
    ("53", f"The server of {{where}} has no room for this ({{detail}}); {_UNDONE}. Try again later."),
    ("25006", f"The database {{where}} is read-only; {_UNDONE}. Use a server that accepts writes."),
    ("42501", f"The database user may not do this on {{where}} ({{detail}}); {_UNDONE}. Ask the server's keeper."),
    (
        "42",
        f"The tables of {{where}} aren't as expected ({{detail}}); {_UNDONE}. "
        "Give Affexion a database of its own in AFFEXION_DATABASE_URL.",
    ),
)


@contextmanager
def explained(engine: Engine) -> Iterator[None]:
    """Raise `StoreError` for whatever SQLAlchemy or the database raises inside."""
    try:
        yield
    except (SQLAlchemyError, engine.dialect.loaded_dbapi.Error) as error:
        raise StoreError(_explain(engine.url, error)) from error
    except (OverflowError, UnicodeEncodeError) as error:
        # The SQLite module raises these bare: an integer beyond 64 bit, half a surrogate pair.
        raise StoreError(f"A value can't be stored ({error}); {_UNDONE}. Correct it and try again.") from error


def database_name(url: URL) -> str:
    """Name the database for a person, without its password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.database or 'the default database'} on {url.host or 'this machine'}{port}"


def locked(url: URL) -> str:
    """Say that another program held the database too long."""
    return _LOCKED.format(where=database_name(url))


def _explain(url: URL, error: Exception) -> str:
    where = database_name(url)
    detail = _first_line(getattr(error, "orig", None) or error)
    if isinstance(error, IntegrityError):
        return f"The database {where} refuses the value ({detail}); {_UNDONE}. Correct it and try again."
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        # raised while a value was made ready, e.g. NaN in a summary
        return f"A value can't be stored ({detail}); {_UNDONE}. Correct it and try again."
    text = _sqlite_text(detail) if url.get_backend_name() == "sqlite" else _postgresql_text(error)
    text = text or f"The database {{where}} failed ({{detail}}); {_UNDONE}. Try again."
    return text.format(where=where, detail=detail)


def _sqlite_text(detail: str) -> str | None:
    return next((text for key, text in _SQLITE if key in detail.lower()), None)


def _postgresql_text(error: Exception) -> str | None:
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    if state is not None and not state.startswith(("08", "28", "3D", "57")):
        return next((text for key, text in _POSTGRESQL if state.startswith(key)), None)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return (
            "The connection to {where} broke ({detail}); whether this last step was saved isn't known. "
            "Repeat it: what is already there is not added twice."
        )
    return (
        f"The PostgreSQL server can't be used: {{where}} ({{detail}}); {_UNDONE}. Start it, correct "
        "AFFEXION_DATABASE_URL, or unset it to use the workspace's own SQLite file."
    )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
