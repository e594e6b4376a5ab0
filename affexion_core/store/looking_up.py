"""Find a run without loading SQLAlchemy, which takes longer to import than one file to predict."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

from affexion_core.workspace import Workspace

# The newest migration (a test compares), repeated here so that opening an up-to-date database doesn't import Alembic.
REVISION = "0007"


@dataclass(frozen=True)
class FoundRun:
    """A run's id, kind and folder."""

    id: str
    kind: str
    folder: Path


def look_up_run(workspace: Workspace, key: str) -> FoundRun | None:
    """Find a run by its id, its name, or the beginning of its id, as `runs.get_run` does.

    None wherever that one has more to do or to say: no such run or several, another database than the workspace's own
    SQLite file, tables of another version, a file that can't be read. Nothing is written or changed.
    """
    file = workspace.root / "affexion.db"
    if not key or os.environ.get("AFFEXION_DATABASE_URL") or not file.is_file():
        return None
    sqlite = sqlite_module()
    try:
        connection = sqlite.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=1)
    except sqlite.Error:
        return None
    try:
        if connection.execute("SELECT version_num FROM alembic_version").fetchall() != [(REVISION,)]:
            return None
        rows = connection.execute(
            "SELECT id, name, kind, folder FROM run WHERE substr(id, 1, ?) = ? OR name = ?"
            " ORDER BY created DESC, id DESC",
            (len(key), key, key),
        ).fetchall()
    except sqlite.Error:
        return None
    finally:
        connection.close()
    chosen = [row for row in rows if row[0] == key] or [row for row in rows if row[1] == key] or rows
    return FoundRun(chosen[0][0], chosen[0][2], Path(chosen[0][3])) if len(chosen) == 1 else None


def sqlite_module() -> ModuleType:
    """Choose the SQLite to use: the newer one of the pysqlite3 wheel where installed, else Python's own."""
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        from sqlite3 import dbapi2
    return dbapi2
