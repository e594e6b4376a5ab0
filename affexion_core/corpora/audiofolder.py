"""Hugging Face's AudioFolder: metadata.csv or .jsonl with ``file_name``, or a folder per label; parts train, test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path

from affexion_core.corpora._files import audio_files, require_folder, walk, wrong_layout
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.corpora._table import SPLITS, column_names, item_of_row, read_table

INFO = CorpusInfo(
    name="audiofolder",
    title="an AudioFolder",
    licence="that of the recordings",
    citation="that of the recordings",
    homepage="https://huggingface.co/docs/datasets/audio_load",
    how_to_get="Download a dataset repository in the AudioFolder layout, or export one from Affexion.",
    layout=(
        "metadata.csv or metadata.jsonl with the column file_name, in the folder or in its parts "
        "(train, validation, test); or, without metadata, a folder for each label, in the folder or in its parts."
    ),
)
METADATA = ("metadata.csv", "metadata.jsonl")


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield the rows of every metadata file below ``path``; without one, every recording in its label folder.

    Raises
    ------
    CorpusError
        If ``path`` is no folder, holds neither, or a metadata file can't be used.
    """
    tables = [file for file in walk(require_folder(path, INFO)) if file.name in METADATA]
    name = options.name or path.resolve().name
    if tables:
        opened = [_open(table, options) for table in tables]
        return chain.from_iterable(_rows(path, *each, name, options) for each in opened)
    files = audio_files(path)
    first = next(files, None)
    if first is None:
        raise wrong_layout(path, INFO)
    return (_labelled(file, path, name, options.language) for file in chain((first,), files))


def _open(table: Path, options: ScanOptions) -> tuple[Path, Mapping[str, str], Iterator[Mapping[str, str]]]:
    header, rows = read_table(table)
    return table, column_names(table, header, options), rows


def _rows(
    root: Path,
    table: Path,
    names: Mapping[str, str],
    rows: Iterator[Mapping[str, str]],
    name: str,
    options: ScanOptions,
) -> Iterator[CorpusItem]:
    for row in rows:
        item = item_of_row(row, table.parent, names, name, options)
        yield item if item.split else replace(item, split=_place(item.file, root)[0])


def _labelled(file: Path, root: Path, corpus: str, language: str | None) -> CorpusItem:
    split, folders = _place(file, root)
    return CorpusItem(file, corpus, label=folders[0] if folders else None, language=language, split=split)


def _place(file: Path, root: Path) -> tuple[str | None, tuple[str, ...]]:
    """Tell the part a file lies in and the folders below that; a ``data`` folder above the parts doesn't count."""
    folders = file.relative_to(root).parts[:-1] if file.is_relative_to(root) else ()
    if len(folders) > 1 and folders[0] == "data" and folders[1].lower() in SPLITS:
        folders = folders[1:]
    split = SPLITS.get(folders[0].lower()) if folders else None
    return split, folders[1:] if split else folders
