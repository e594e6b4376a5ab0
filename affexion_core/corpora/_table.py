"""Read manifests: CSV, TSV and JSON Lines with a row a clip."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions
from affexion_core.errors import CorpusError, allowed
from affexion_core.types import ORIGINS, Provenance

Row = Mapping[str, str]

# Field of an item to the column names it may have; the first that a table has is taken.
FIELDS: dict[str, tuple[str, ...]] = {
    "file": ("file", "file_name", "path"),
    "label": ("label",),
    "speaker": ("speaker",),
    "language": ("language",),
    "transcript": ("transcript", "text"),
    "start": ("start",),
    "end": ("end",),
    "origin": ("origin",),
    "corpus": ("corpus",),
    "licence": ("licence", "license"),
    "source": ("source",),
    "retrieved": ("retrieved",),
    "split": ("split",),
    "arousal": ("arousal",),
    "valence": ("valence",),
    "dominance": ("dominance",),
}
DIMENSIONS = ("arousal", "valence", "dominance")
SPLITS = {
    "train": "train", "training": "train",
    "dev": "dev", "development": "dev", "valid": "dev", "val": "dev", "validation": "dev",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip


def read_table(path: Path) -> tuple[tuple[str, ...], Iterator[Row]]:
    """Open a table and give its columns and, lazily, its rows; cells are stripped of surrounding space.

    Delimiters are told from the header: tab, semicolon or comma. JSON Lines is told from the suffix.

    Raises
    ------
    CorpusError
        If it isn't UTF-8 text, has no header, names a column twice, or a row has too many cells.
    """
    rows = _json_rows(path) if path.suffix.lower() in (".jsonl", ".json") else _csv_rows(path)
    try:
        header = tuple(next(rows))
    except StopIteration:
        raise CorpusError(f"{path} is empty; it needs a header row and a row for each clip.") from None
    return header, rows


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            delimiter = max("\t;,", key=first.count)
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            twice = sorted({name for name in header if name and header.count(name) > 1})
            if twice:
                raise CorpusError(f"{path} has the column {twice[0]!r} twice; keep one.")
            if not any(header):
                return
            yield dict.fromkeys(header, "")
            for cells in reader:
                if len(cells) > len(header):
                    raise CorpusError(
                        f"{path}, line {reader.line_num}: {len(cells)} cells under {len(header)} columns; "
                        "put quotes around text that contains the delimiter."
                    )
                if any(cell.strip() for cell in cells):
                    yield {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error


def _json_rows(path: Path) -> Iterator[Row]:
    try:
        lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        records = [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not all(isinstance(record, dict) for record in records):
        raise CorpusError(f'{path} needs one JSON object a line, such as {{"file_name": "a.wav", "label": "panic"}}.')
    if records:
        yield dict.fromkeys(dict.fromkeys(key for record in records for key in record), "")
    for record in records:
        yield {key: "" if value is None else str(value).strip() for key, value in record.items()}


def _unreadable(path: Path, error: Exception) -> CorpusError:
    if isinstance(error, UnicodeDecodeError):
        return CorpusError(f"{path} is not UTF-8 text; save it as UTF-8 and try again.")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return CorpusError(f"{path} can't be read as a table: {reason}.")


def column_names(path: Path, header: tuple[str, ...], options: ScanOptions) -> dict[str, str]:
    """Find which column holds which field; fields without one are left out.

    Raises
    ------
    CorpusError
        If a mapping names an unknown field or column, or no column holds the file.
    """
    chosen = {field: name for field, names in FIELDS.items() for name in reversed(names) if name in header}
    for field, column in options.columns.items():
        if field not in FIELDS:
            raise CorpusError(f"There is no field {field!r} to map a column to. Choose {allowed(FIELDS)}.")
        if column not in header:
            raise CorpusError(f"{path} has no column {column!r} for {field}. It has {allowed(header)}.")
        chosen = {other: name for other, name in chosen.items() if name != column} | {field: column}
    if "file" not in chosen:
        raise CorpusError(
            f"{path} has no column 'file'. It has {allowed(header)}; say which one with a column mapping for 'file'."
        )
    return chosen


def item_of_row(row: Row, base: Path, names: Mapping[str, str], name: str, options: ScanOptions) -> CorpusItem:
    """Make the item of a manifest row.

    Parameters
    ----------
    base
        Folder that relative files start from.
    names
        Field to column, from `column_names`; columns that hold no field become attributes.
    name
        Corpus of rows that name none; it is written before speakers that bear no corpus.
    """
    value = {field: row.get(column) or None for field, column in names.items()}
    corpus = value.get("corpus") or name
    item = CorpusItem(
        file=base / (value["file"] or ""),
        corpus=corpus,
        label=value.get("label"),
        speaker=with_corpus(corpus, value.get("speaker")),
        language=value.get("language") or options.language,
        transcript=value.get("transcript"),
        attributes={key: cell for key, cell in row.items() if key and cell and key not in names.values()},
        split=value.get("split"),
        provenance=Provenance(
            source=value.get("source"), licence=value.get("licence"), retrieved=value.get("retrieved")
        ),
    )
    if value["file"] is None:
        return replace(item, problem="Its row names no file.")
    if not item.file.is_file():
        return replace(item, problem="There is no such file; paths count from the folder of the table.")
    return _with_span_and_origin(_with_values(item, value), value)


def _with_values(item: CorpusItem, value: Mapping[str, str | None]) -> CorpusItem:
    said = {name: text for name in DIMENSIONS if (text := value.get(name)) is not None}
    try:
        return replace(item, values={name: float(text) for name, text in said.items()})
    except ValueError:
        shown = ", ".join(f"{name} = {text!r}" for name, text in said.items())
        return replace(item, problem=f"{shown}: one of these is not a number.")


def _with_span_and_origin(item: CorpusItem, value: Mapping[str, str | None]) -> CorpusItem:
    times: dict[str, float | None] = {}
    for key in ("start", "end"):
        text = value.get(key)
        try:
            times[key] = None if text is None else float(text)
        except ValueError:
            return replace(item, problem=f"{key} = {text!r} is not a number of seconds.")
    start, end = times["start"], times["end"]
    if not (0 <= (start or 0.0) < float("inf")) or (end is not None and not (start or 0.0) < end < float("inf")):
        return replace(item, problem=f"The span from {start} s to {end} s is not one; it needs 0 <= start < end.")
    origin = next((known for known in ORIGINS if known == (value.get("origin") or "").lower()), None)
    if value.get("origin") and origin is None:
        return replace(item, problem=f"Origin = {value['origin']!r} is neither real nor synthetic.")
    return replace(item, start=start, end=end, origin=origin)


def with_corpus(corpus: str, speaker: str | None) -> str | None:
    """Write a speaker as ``corpus:name``; one already written so is kept."""
    if speaker is None or ":" in speaker:
        return speaker
    return f"{corpus}:{speaker}"


def rows_by_stem(path: Path, file_column: str) -> dict[str, Row]:
    """Read a table that stands beside a corpus, keyed by the stem of each row's file."""
    header, rows = read_table(path)
    column = next((name for name in header if name.lower() == file_column.lower()), None)
    if column is None:
        return {}
    return {Path(row[column]).stem: row for row in rows if row.get(column)}


def find_table(path: Path, *names: str) -> Path | None:
    """Find a table of a corpus by its possible names, in the scanned folder or the one above it."""
    places = [folder / name for folder in (path, path.parent) for name in names]
    return next((place for place in places if place.is_file()), None)


def manifest_of(path: Path) -> dict[str, Row]:
    """Read the ``manifest.csv`` beside a corpus, if there is one, keyed by the stem of each file."""
    found = find_table(path, "manifest.csv")
    return rows_by_stem(found, "file") if found else {}


def enriched(item: CorpusItem, row: Row | None, attributes: tuple[str, ...], info: CorpusInfo) -> CorpusItem:
    """Add what a manifest row knows beyond the file name: source, licence, split and the named attributes."""
    if row is None:
        return item
    known = {key: row[key] for key in attributes if row.get(key)}
    source, licence = row.get("source") or info.homepage, row.get("licence") or info.licence
    return replace(
        item,
        attributes={**item.attributes, **known},
        split=row.get("split") or item.split,
        provenance=replace(item.provenance, source=source, licence=licence),
    )
