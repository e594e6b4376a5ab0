"""A manifest: one table with a row a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from affexion_core.corpora._files import contents
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import column_names, item_of_row, read_table
from affexion_core.errors import CorpusError

INFO = CorpusInfo(
    name="csv",
    title="a manifest",
    licence="that in the column licence",
    citation="that of the recordings",
    homepage="",
    how_to_get="Write a CSV or TSV file with a header; only the column file is needed.",
    layout=(
        "a .csv or .tsv file, or a folder with manifest.csv in it; columns file (relative to the table), label, "
        "speaker, language, transcript or text, start, end (seconds), origin, corpus, licence, source, split, arousal, "
        "valence, dominance (1 to 7); "
        "other columns become attributes."
    ),
)


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield an item for each row of the table ``path``, or of ``manifest.csv`` in the folder ``path``.

    Raises
    ------
    CorpusError
        If there is no table, it can't be read, or the column mapping doesn't fit it.
    """
    table = find_manifest(path)
    header, rows = read_table(table)
    names = column_names(table, header, options)
    name = options.name or default_name(table)
    return (item_of_row(row, table.parent, names, name, options) for row in rows)


def find_manifest(path: Path) -> Path:
    """Give the table that ``path`` is or holds.

    Raises
    ------
    CorpusError
        If there is none.
    """
    if path.is_file():
        return path
    for name in ("manifest.csv", "manifest.tsv"):
        if (path / name).is_file():
            return path / name
    if not path.is_dir():
        raise CorpusError(f"{path} is not there. Expected: {INFO.layout}")
    raise CorpusError(f"{path} holds no manifest.csv. Expected: {INFO.layout} Found: {contents(path)}.")


def default_name(table: Path) -> str:
    """Name a manifest after its folder if it is called manifest, else after itself."""
    return table.resolve().parent.name if table.stem == "manifest" else table.stem
