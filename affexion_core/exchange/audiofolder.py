"""AudioFolder, the layout that Hugging Face's `datasets` loads: metadata.csv beside the recordings, and a card."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from affexion_core.errors import LabelError, allowed
from affexion_core.exchange._about import is_export, write_about
from affexion_core.exchange._bundle import Bundle, FormatInfo, Judgement, Problem, bad_text
from affexion_core.exchange._cells import read_table
from affexion_core.exchange._tables import read_export, write_clips, write_decisions, write_judgements

INFO = FormatInfo(
    name="audiofolder",
    title="AudioFolder (Hugging Face)",
    writes=(
        "metadata.csv (a row for each clip, with its label and share of votes), judgements.csv, decisions.csv, "
        "README.md as the dataset card, about.json"
    ),
    reads=(
        "such a folder; any with metadata.csv or metadata.jsonl that has the columns file_name and label; "
        "or a folder for each label"
    ),
    table="judgements.csv",
    homepage="https://huggingface.co/docs/datasets/audio_load",
)
_CLIPS = "metadata.csv"
_PARTS = ("data", "train", "training", "dev", "valid", "validation", "test", "eval")
_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".aiff", ".aif")


def write(bundle: Bundle, folder: Path) -> None:
    """Write the tables into a folder that is there; the same bundle gives the same bytes."""
    # without a byte-order mark: this table is read by programs
    write_clips(bundle, folder / _CLIPS, {"file": "file_name"}, mark=False)
    write_judgements(bundle, folder / INFO.table)
    write_decisions(bundle, folder)
    write_about(bundle, folder)


def read(path: Path) -> Bundle:
    """Read an exported folder, or an AudioFolder made elsewhere: its labels become judgements without a rater.

    Raises
    ------
    LabelError
        If there are no metadata and no label folders, or a table can't be read.
    """
    if path.is_file():
        return _read_metadata([path], path.parent)
    if is_export(path):
        return read_export(path, INFO.table, _CLIPS)
    tables = sorted(file for file in path.rglob("metadata.*") if file.suffix in (".csv", ".jsonl"))
    return _read_metadata(tables, path) if tables else _read_folders(path)


def _read_metadata(tables: list[Path], root: Path) -> Bundle:
    judgements, problems = [], []
    for table in tables:
        for place, row in _rows(table):
            reason = next((said for cell in row.values() if (said := bad_text(cell))), None)
            name, label = row.get("file_name") or "", row.get("label") or None
            if reason or not name or label is None:
                why = f"A cell {reason}." if reason else "It has no label." if name else "It names no file."
                problems.append(Problem(f"{table.name}, {place}", why))
                continue
            file = (PurePosixPath(table.parent.relative_to(root).as_posix()) / name).as_posix()
            judgements.append(Judgement(file, row.get("rater") or None, label, place=f"{table.name}, {place}"))
    return Bundle(judgements=tuple(judgements), problems=tuple(problems))


def _rows(table: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    if table.suffix == ".jsonl":
        yield from _json_rows(table)
        return
    header, rows = read_table(table)
    _require(table, header)
    for line, row in rows:
        yield f"line {line}", {name.strip(): cell.strip() for name, cell in row.items()}


def _json_rows(table: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    try:
        lines = table.read_text(encoding="utf-8-sig").split("\n")
        records = [(number, json.loads(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        raise LabelError(f"{table.name} can't be read as JSON Lines ({error}); export it again.") from error
    if not all(isinstance(record, dict) for _, record in records):
        raise LabelError(f'{table.name} needs one object a line, such as {{"file_name": "a.wav", "label": "panic"}}.')
    _require(table, tuple(dict.fromkeys(key for _, record in records for key in record)))
    for number, record in records:
        yield f"line {number}", {key: "" if value is None else str(value).strip() for key, value in record.items()}


def _require(table: Path, columns: tuple[str, ...]) -> None:
    for needed in ("file_name", "label"):
        if needed not in [column.strip() for column in columns]:
            raise LabelError(f"{table.name} has no column {needed!r}. It has {allowed(filter(None, columns))}.")


def _read_folders(root: Path) -> Bundle:
    """Take the first folder of each recording for its label; those of the dataset's parts (train, test) don't count."""
    judgements = []
    for file in sorted(root.rglob("*")):
        place = file.relative_to(root)
        folders = [part for number, part in enumerate(place.parts[:-1]) if number > 1 or part.lower() not in _PARTS]
        if folders and file.suffix.lower() in _SUFFIXES and file.is_file():
            judgements.append(Judgement(place.as_posix(), value=folders[0], place=place.as_posix()))
    if not judgements:
        raise LabelError(f"{root.name} holds neither metadata.csv nor a folder of recordings for each label.")
    return Bundle(judgements=tuple(judgements))
