"""Back a workspace up into one archive, while people work in it, and put it back, on SQLite or PostgreSQL.

The archive is a zip: ``backup.json`` (which tables, how many rows, their hashes), ``tables/<name>.jsonl``, and the
folders ``audio`` and ``runs``. The tables are read in one transaction, so they show one moment. A workspace backed up
from SQLite may be restored to PostgreSQL, which is how a team that has outgrown one file moves.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select

from affexion_core.archives import ArchiveLimits, unpacked
from affexion_core.errors import CorpusError, StoreError
from affexion_core.store.looking_up import REVISION
from affexion_core.store.rows import chunks, now
from affexion_core.store.schema import metadata
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Progress, no_progress
from affexion_core.workspace import Workspace

FORMAT = 1
_MANIFEST = "backup.json"
_FOLDERS = ("audio", "runs")
_LIMITS = ArchiveLimits(max_bytes=10**13, max_file_bytes=10**12, max_files=10_000_000, max_ratio=1000)


@dataclass(frozen=True)
class BackupReport:
    """What an archive holds: rows by table, and the number of files beside them. ``made`` is ISO 8601 UTC."""

    file: str
    made: str
    rows: Mapping[str, int]
    files: int


def back_up(store: Store, into: Path, files: bool = True, progress: Progress = no_progress) -> BackupReport:
    """Write the workspace into one archive; what is saved meanwhile is in it whole or not at all.

    Parameters
    ----------
    store
        The open store.
    into
        The archive to be written; it appears complete or not at all.
    files
        Whether recordings and run folders go in as well. Cached features never do.
    progress
        Called with tables, then files done.

    Raises
    ------
    StoreError
        If the archive is there already or can't be written.
    """
    if into.exists():
        raise StoreError(f"There is a file {into} already; name another, so that no backup is overwritten.")
    partial = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
            made = now()
            tables = _write_tables(store, archive, progress)
            count = _write_files(store.workspace, archive, progress) if files else 0
            manifest = {"format": FORMAT, "revision": REVISION, "made": made, "tables": tables, "files": count}
            archive.writestr(_MANIFEST, json.dumps(manifest, indent=1))
        _flush(partial)
        os.replace(partial, into)
    except OSError as error:
        raise StoreError(f"The backup {into} can't be written ({error.strerror}); choose another place.") from error
    finally:
        partial.unlink(missing_ok=True)
    return BackupReport(str(into), made, {name: table["rows"] for name, table in tables.items()}, count)


def restore(store: Store, source: Path) -> BackupReport:
    """Put a backup into an empty workspace; all of its rows, or none.

    Raises
    ------
    StoreError
        If the workspace isn't empty, or the archive is no backup, is damaged, or was made by a newer Affexion.
    """
    _require_empty(store)
    try:
        with unpacked(source, _LIMITS) as folder:
            manifest = _manifest(folder, source)
            _check_tables(folder, manifest, source)
            # files first: a row without its recording would be worse than a recording without its row
            count = sum(_take_folder(folder / name, store.workspace.root / name) for name in _FOLDERS)
            with writing(store) as connection:
                _fill(connection, folder, store.workspace)
                found = {table.name: _digest(_lines(connection, table, store.workspace)) for table in _tables()}
                wrong = [name for name, kept in manifest["tables"].items() if found[name] != kept]
                if wrong and manifest["revision"] == REVISION:
                    raise StoreError(f"Tables {', '.join(wrong)} came out of {source} changed; nothing was restored.")
    except CorpusError as error:
        raise StoreError(f"{source} can't be restored. {error}") from error
    rows = {name: table["rows"] for name, table in manifest["tables"].items()}
    return BackupReport(str(source), manifest["made"], rows, count)


def _tables() -> list[Table]:
    """List the tables so that each comes after those it refers to."""
    return list(metadata.sorted_tables)


def _write_tables(store: Store, archive: zipfile.ZipFile, progress: Progress) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    with reading(store) as connection:
        for done, table in enumerate(_tables()):
            progress(done, len(_tables()), "tables")
            with archive.open(f"tables/{table.name}.jsonl", "w", force_zip64=True) as file:
                tables[table.name] = _digest(_written(_lines(connection, table, store.workspace), file))
    return tables


def _written(lines: Iterable[bytes], file: Any) -> Iterator[bytes]:
    for line in lines:
        file.write(line)
        yield line


def _digest(lines: Iterable[bytes]) -> dict[str, Any]:
    digest, rows = hashlib.sha256(), 0
    for line in lines:
        digest.update(line)
        rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


def _lines(connection: Connection, table: Table, workspace: Workspace) -> Iterator[bytes]:
    """Give the rows of a table as JSON lines, in the order of its key."""
    ordered = select(table).order_by(*table.primary_key.columns)
    for row in connection.execute(ordered.execution_options(yield_per=1000)).mappings():
        values = {**row, "folder": _inside(row["folder"], workspace)} if "folder" in row else dict(row)
        yield json.dumps(values, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _inside(folder: str, workspace: Workspace) -> str:
    """Write a run's folder as a path within the workspace, which may be restored elsewhere."""
    path = Path(folder)
    return path.relative_to(workspace.root).as_posix() if path.is_relative_to(workspace.root) else folder


def _write_files(workspace: Workspace, archive: zipfile.ZipFile, progress: Progress) -> int:
    paths = [path for name in _FOLDERS for path in sorted((workspace.root / name).rglob("*")) if path.is_file()]
    count = 0
    for done, path in enumerate(paths):
        progress(done, len(paths), "files")
        # recordings don't shrink, and packing them would take most of the time
        kind = zipfile.ZIP_STORED if path.is_relative_to(workspace.audio) else zipfile.ZIP_DEFLATED
        try:
            archive.write(path, path.relative_to(workspace.root).as_posix(), kind)
        except FileNotFoundError:
            continue  # a run tidied its checkpoints meanwhile
        count += 1
    return count


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _require_empty(store: Store) -> None:
    with reading(store) as connection:
        held = {t.name: connection.scalar(select(func.count()).select_from(t)) or 0 for t in _tables()}
    there = [f"{n} row{'' if n == 1 else 's'} in {name}" for name, n in held.items() if n]
    if there:
        raise StoreError(
            f"The workspace {store.workspace.root} isn't empty ({', '.join(there[:3])}); restore into a new one."
        )


def _manifest(folder: Path, source: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        known = manifest["format"] <= FORMAT and manifest["revision"] <= REVISION
        tables = {str(name): (int(kept["rows"]), str(kept["sha256"])) for name, kept in manifest["tables"].items()}
        made = str(manifest["made"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise StoreError(f"{source} is no backup of an Affexion workspace.") from None
    unknown = set(tables) - {table.name for table in _tables()}
    if not known or unknown:
        raise StoreError(f"{source} was made by a newer Affexion; update this one, then restore it.")
    kept = {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in tables.items()}
    return {"revision": manifest["revision"], "made": made, "tables": kept}


def _check_tables(folder: Path, manifest: Mapping[str, Any], source: Path) -> None:
    for name, kept in manifest["tables"].items():
        path = folder / "tables" / f"{name}.jsonl"
        if not path.is_file() or _digest(_read(path)) != kept:
            raise StoreError(f"{source} is damaged (table {name}); nothing was restored. Use another backup.")


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _fill(connection: Connection, folder: Path, workspace: Workspace) -> None:
    for table in _tables():
        path = folder / "tables" / f"{table.name}.jsonl"
        rows: Iterable[dict[str, Any]] = map(json.loads, _read(path)) if path.is_file() else ()
        own = next((key.parent.name for key in table.foreign_keys if key.column.table is table), None)
        if own is not None:
            rows = _parents_first(list(rows), own)
        if table.name == "clip":  # a backup of an older version lacks the column
            rows = ({**row, "licence": row["provenance"].get("licence")} for row in rows)
        if "folder" in table.c:
            rows = ({**row, "folder": str(workspace.root / row["folder"])} for row in rows)
        for part in chunks(rows, 1000):
            connection.execute(table.insert(), part)


def _parents_first(rows: list[dict[str, Any]], parent: str) -> list[dict[str, Any]]:
    """Order rows that refer to others of their table behind those."""
    ordered: list[dict[str, Any]] = []
    placed: set[str | None] = {None}
    while rows:
        ready = [row for row in rows if row[parent] in placed]
        if not ready:
            return ordered + rows  # the database will say which reference leads nowhere
        ordered += ready
        placed |= {row["id"] for row in ready}
        rows = [row for row in rows if row["id"] not in placed]
    return ordered


def _take_folder(source: Path, target: Path) -> int:
    """Move the files of a folder into another; a file that is there already stays."""
    count = 0
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        place = target / path.relative_to(source)
        if path.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
        count += path.is_file()
    return count
