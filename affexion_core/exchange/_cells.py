"""Tables as CSV that spreadsheets show and never run: UTF-8, comma, one header row; reading takes other kinds as well.

A text that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with an
apostrophe itself, so that reading undoes it exactly.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affexion_core.errors import LabelError

# What spreadsheets begin formulas with, or skip before one; the wide forms are read so in East Asian locales.
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_SIGNS = (*_RISKY, "'")
Cell = str | float | int | bool | None

# Python's own limit of 131,072 characters a cell would refuse a long comment that was written before.
csv.field_size_limit(max(csv.field_size_limit(), 10_000_000))


def escaped(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet might run."""
    return f"'{text}" if text.startswith(_SIGNS) else text


def unescaped(text: str) -> str:
    """Undo `escaped`; other texts stay as they are."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_SIGNS) else text


def written(value: Cell) -> str:
    """Write a cell: texts safe for spreadsheets, numbers so that reading gives the same number, None empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return escaped(value) if isinstance(value, str) else repr(value)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Cell]], mark: bool = True) -> None:
    """Write a table; columns a row lacks are empty.

    Parameters
    ----------
    mark
        Begin with a byte-order mark, by which spreadsheets see that it is UTF-8.
    """
    with path.open("w", encoding="utf-8-sig" if mark else "utf-8", newline="") as stream:
        # With both line breaks in its terminator the writer quotes cells that hold either.
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow([escaped(column) for column in columns])
        for row in rows:
            writer.writerow([written(row.get(column)) for column in columns])


def read_table(path: Path) -> tuple[tuple[str, ...], Iterator[tuple[int, dict[str, str]]]]:
    """Open a table: its columns, and lazily each row with the number of the line it begins on.

    The delimiter is told from the header (comma, semicolon, tab or bar), UTF-16 and UTF-8 from the byte-order mark.
    Cells come unescaped, but with the space around them. Rows without any cell filled are passed over.

    Raises
    ------
    LabelError
        If it isn't text in one of these encodings, has no header, names a column twice, or a row has more cells than
        the header; the last two while reading.
    """
    text = _text(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        header = tuple(unescaped(name) for name in next(reader, []))
    except csv.Error as error:
        raise _unreadable(path, reader.line_num, error) from error
    if not any(name.strip() for name in header):
        raise LabelError(f"{path.name} is empty; it needs a row of column names such as clip,rater,label.")
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise LabelError(f"{path.name} has the column {twice[0]!r} twice; keep one.")
    return header, _rows(path, reader, header)


def _rows(path: Path, reader: Any, header: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        line = reader.line_num + 1
        for cells in reader:
            if len(cells) > len(header):
                raise LabelError(
                    f"{path.name}, line {line}: {len(cells)} cells under {len(header)} columns; put quotes around text "
                    "that holds the delimiter."
                )
            if any(cell.strip() for cell in cells):
                yield line, {name: unescaped(cell) for name, cell in zip(header, cells, strict=False) if name}
            line = reader.line_num + 1
    except csv.Error as error:
        raise _unreadable(path, reader.line_num, error) from error


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{path.name} can't be read ({error.strerror}); check its name and permissions.") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LabelError(f"{path.name} is not UTF-8 text (line {line}); save it as CSV UTF-8 and try again.") from error


def _delimiter(text: str) -> str:
    first = text.split("\n", 1)[0]
    counts = {sign: first.count(sign) for sign in ",;\t|"}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else ","


def _unreadable(path: Path, line: int, error: csv.Error) -> LabelError:
    return LabelError(f"{path.name}, line {line}, can't be read as a table ({error}); check the quotes there.")
