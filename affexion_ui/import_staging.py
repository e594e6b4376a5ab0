"""Uploaded recordings on their way into the library: a folder that lasts as long as the session, and their table."""

from __future__ import annotations

import csv
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.archives import unpack
from affexion_core.corpora._files import audio_files, is_audio
from affexion_core.errors import CorpusError
from affexion_ui.files_sources import file_name

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

MOST_FILES = 2_000
MOST_BYTES = 2_000_000_000
_HELD = "import-staged"
# Written by the app; what people bring under another name is told from it.
TABLE = "affexion-uploads.csv"
_TABLES = (
    ("manifest.csv", "csv"),
    ("manifest.tsv", "csv"),
    ("metadata.csv", "audiofolder"),
    ("metadata.jsonl", "audiofolder"),
)


@dataclass(frozen=True)
class Staged:
    """Files laid out in ``root``. ``labels``: file below the root → label of the folder it was packed in, if any."""

    root: Path
    labels: Mapping[str, str | None]

    @property
    def layout(self) -> str | None:
        """Name the corpus reader for a table that came along; None where there is none."""
        return next((reader for name, reader in _TABLES if (self.root / name).is_file()), None)


def stage(files: Sequence[UploadedFile]) -> Staged:
    """Lay uploads out in a folder of the session, archives unpacked; quick where it was done before.

    Raises
    ------
    CorpusError
        If they are too many or too much, or an archive can't be unpacked.
    """
    n_bytes = sum(file.size for file in files)
    if len(files) > MOST_FILES:
        raise CorpusError(f"{len(files)} files were dropped; at most {MOST_FILES} at once. Pack them into a zip.")
    if n_bytes > MOST_BYTES:
        raise CorpusError(
            f"The files are {n_bytes / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.0f} GB at once. Bring them in parts, or "
            "import the folder where they lie."
        )
    root = session_folder(repr([file.file_id for file in files]))
    if not (root.parent / f"{root.name}.done").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for file in files:
            _lay_out(file, root, alone=len(files) == 1)
        (root.parent / f"{root.name}.done").touch()
    found = {file.relative_to(root).as_posix(): file.relative_to(root).parts[:-1] for file in audio_files(root)}
    return Staged(root, {name: folders[0] if folders else None for name, folders in found.items()})


def stage_bytes(content: bytes, name: str) -> Staged:
    """Lay out one recording made here."""
    root = session_folder(hashlib.sha256(content).hexdigest())
    root.mkdir(exist_ok=True)
    (root / name).write_bytes(content)
    return Staged(root, {name: None})


def write_table(staged: Staged, rows: Iterable[Mapping[str, str | None]], columns: Sequence[str]) -> Path:
    """Write what is known of staged files beside them, for the reader of tables."""
    path = staged.root / TABLE
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({key: value or "" for key, value in row.items()} for row in rows)
    return path


def session_folder(what: str) -> Path:
    """Give the path of a folder of this session, the same for the same text; it need not be there yet."""
    held: tempfile.TemporaryDirectory[str] = st.session_state.setdefault(
        _HELD, tempfile.TemporaryDirectory(prefix="affexion-import-", ignore_cleanup_errors=True)
    )
    return Path(held.name) / hashlib.sha256(what.encode()).hexdigest()[:16]


def _lay_out(file: UploadedFile, root: Path, alone: bool) -> None:
    name = file_name(file.name)
    if not name.lower().endswith(".zip"):
        _free(root / name).write_bytes(file.getbuffer())
        return
    with tempfile.TemporaryDirectory(dir=root.parent) as held:
        archive, inside = Path(held) / name, Path(held) / "inside"
        archive.write_bytes(file.getbuffer())
        inside.mkdir()
        unpacked = unpack(archive, inside)
        if alone and any((unpacked / table).is_file() for table, _ in _TABLES):
            shutil.copytree(unpacked, root, dirs_exist_ok=True)
            return
        for found in sorted(path for path in unpacked.rglob("*") if path.is_file() and is_audio(path)):
            target = root / found.relative_to(unpacked)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(found, _free(target))


def _free(target: Path) -> Path:
    """Find a name that nothing has yet, so that two files of one name stay two."""
    number, found = 2, target
    while found.exists():
        found, number = target.with_name(f"{target.stem}-{number}{target.suffix}"), number + 1
    return found
