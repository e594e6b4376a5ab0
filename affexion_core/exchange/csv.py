"""CSV: a table of judgements that spreadsheets and statistics programs open, with tables of clips and decisions."""

from __future__ import annotations

from pathlib import Path

from affexion_core.errors import LabelError
from affexion_core.exchange._about import is_export, write_about
from affexion_core.exchange._bundle import Bundle, FormatInfo
from affexion_core.exchange._tables import read_export, read_one_table, write_clips, write_decisions, write_judgements

INFO = FormatInfo(
    name="csv",
    title="CSV tables",
    writes=(
        "labels.csv (a row for each judgement), clips.csv (a row for each clip, with its label and share of votes), "
        "decisions.csv, about.json"
    ),
    reads="such a folder, or one table with the columns clip, rater and label",
    table="labels.csv",
)
_CLIPS = "clips.csv"


def write(bundle: Bundle, folder: Path) -> None:
    """Write the tables into a folder that is there; the same bundle gives the same bytes."""
    write_judgements(bundle, folder / INFO.table)
    write_clips(bundle, folder / _CLIPS)
    write_decisions(bundle, folder)
    write_about(bundle, folder)


def read(path: Path) -> Bundle:
    """Read an exported folder or its labels.csv, or one table made elsewhere.

    Rows that can't be used are given as problems, the others are read.

    Raises
    ------
    LabelError
        If a table is missing or can't be read, or lacks a column for the clip.
    """
    folder = path if path.is_dir() else path.parent
    if is_export(folder) and (path.is_dir() or path.name == INFO.table):
        return read_export(folder, INFO.table, _CLIPS)
    if path.is_dir():
        tables = sorted(file.name for file in path.iterdir() if file.suffix.lower() in (".csv", ".tsv"))
        if len(tables) != 1:
            raise LabelError(
                f"{path.name} holds no about.json, and {len(tables)} tables ({', '.join(tables[:5]) or 'no .csv'}); "
                "name the one with the judgements."
            )
        path = path / tables[0]
    return read_one_table(path)
