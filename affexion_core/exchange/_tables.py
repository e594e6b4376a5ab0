"""The tables of an export: judgements, clips with what counts for each, and decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from affexion_core.errors import LabelError, allowed
from affexion_core.exchange._about import read_about
from affexion_core.exchange._bundle import Bundle, BundleClip, Problem, Settled, bad_text
from affexion_core.exchange._cells import Cell, read_table, write_table
from affexion_core.exchange._rows import (
    CLIP_COLUMNS,
    DECISION_COLUMNS,
    DIMENSIONS,
    JUDGEMENT_COLUMNS,
    SETTLED_COLUMNS,
    SHARE,
    clip_of,
    clip_row,
    decision_of,
    decision_row,
    judgement_columns,
    judgement_of,
    judgement_row,
    settled_of,
    settled_row,
)

T = TypeVar("T")
DECISIONS = "decisions.csv"
# Names that other tools give to columns; taken where the column itself is missing.
_OTHER_NAMES = {
    "clip": ("clip_id", "file", "file_name", "filename", "path", "audio"),
    "label": ("emotion", "value"),
    "rater": ("annotator", "rater_id", "user"),
    "created": ("created_at", "timestamp", "time"),
}


def write_judgements(bundle: Bundle, path: Path) -> None:
    """Write the table of judgements; none where there are none."""
    if bundle.judgements:
        files = bundle.files()
        write_table(path, judgement_columns(bundle), (judgement_row(made, files) for made in bundle.judgements))


def write_clips(bundle: Bundle, path: Path, names: Mapping[str, str] | None = None, mark: bool = True) -> None:
    """Write the table of clips, with the label of each and the share of votes for each label.

    Parameters
    ----------
    names
        Column → the name it gets instead.
    mark
        As in `_cells.write_table`.
    """
    names = names or {}
    settled, labels = {row.clip: row for row in bundle.settled}, bundle.labels()
    shares = tuple(SHARE + label for label in labels) if any(row.votes for row in bundle.settled) else ()
    found = (*SETTLED_COLUMNS[:1], *shares, *SETTLED_COLUMNS[1:]) if settled else ()
    columns = [names.get(column, column) for column in (*CLIP_COLUMNS[:2], *found, *CLIP_COLUMNS[2:])]

    def row(clip: BundleClip) -> dict[str, Cell]:
        cells = {**clip_row(clip), **(settled_row(settled[clip.key], labels) if clip.key in settled else {})}
        return {names.get(column, column): cell for column, cell in cells.items()}

    write_table(path, columns, map(row, bundle.clips), mark)


def write_decisions(bundle: Bundle, folder: Path) -> None:
    """Write the table of decisions; none where there are none."""
    if bundle.decisions:
        write_table(folder / DECISIONS, DECISION_COLUMNS, map(decision_row, bundle.decisions))


def read_export(folder: Path, judgements: str, clips: str) -> Bundle:
    """Read the tables of an exported folder, by the names of two of them, with its about.json.

    Raises
    ------
    LabelError
        If about.json or the table of clips can't be read.
    """
    bundle = read_about(Bundle(), folder)
    numeric = [scheme.name for scheme in bundle.schemes if not scheme.labels]
    problems: list[Problem] = []
    known: list[BundleClip] = []
    settled: list[Settled] = []
    for clip, found in _each(folder / clips, lambda row, place: (clip_of(row), settled_of(_key(row), row)), problems):
        known.append(clip)
        settled += [found] if found is not None else []
    said = _optional(folder / judgements, lambda row, place: judgement_of(row, place, numeric), problems)
    decided = _optional(folder / DECISIONS, lambda row, place: decision_of(row), problems)
    return replace(
        bundle,
        clips=tuple(known),
        judgements=tuple(said),
        settled=tuple(settled),
        decisions=tuple(decided),
        problems=tuple(problems),
    )


def _key(row: Mapping[str, str]) -> str:
    return row.get("clip") or row.get("file") or row.get("file_name") or ""


def _optional(path: Path, make: Callable[[Mapping[str, str], str], T], problems: list[Problem]) -> list[T]:
    return _each(path, make, problems) if path.is_file() else []


def _each(path: Path, make: Callable[[Mapping[str, str], str], T], problems: list[Problem]) -> list[T]:
    made = []
    for line, row in read_table(path)[1]:
        place = f"{path.name}, line {line}"
        try:
            made.append(make(_checked(row), place))
        except LabelError as error:
            problems.append(Problem(place, str(error)))
    return made


def _checked(row: Mapping[str, str]) -> Mapping[str, str]:
    for column, cell in row.items():
        reason = bad_text(cell)
        if reason:
            raise LabelError(f"The cell {column} {reason}.")
    return row


def read_one_table(path: Path, needed: Sequence[str] = ("clip",)) -> Bundle:
    """Read one table of judgements, made elsewhere or taken out of an export.

    Columns are found whatever their case; some have other names (`annotator`, `file_name`). Where the table has no
    column ``id``, so that it wasn't exported by Affexion, the space around its cells is dropped.

    Raises
    ------
    LabelError
        If it can't be read, or lacks a column that is needed.
    """
    header, rows = read_table(path)
    names = _columns(header)
    for column in needed:
        if column not in names:
            raise LabelError(
                f"{path.name} has no column {column!r}. It has {allowed(name for name in header if name)}; "
                "rename the one that holds it."
            )
    literal = "id" in names
    judgements, problems = [], []
    for line, row in rows:
        place = f"line {line}"
        cells = {column: row.get(name, "") for column, name in names.items()}
        try:
            held = cells if literal else {column: cell.strip() for column, cell in cells.items()}
            judgements.append(judgement_of(_checked(held), place, DIMENSIONS))
        except LabelError as error:
            problems.append(Problem(place, str(error)))
    return Bundle(judgements=tuple(judgements), problems=tuple(problems))


def _columns(header: Sequence[str]) -> dict[str, str]:
    """Find which column of a table holds what."""
    there = {name.strip().lower(): name for name in reversed(header)}
    found = {name: there[name] for name in (*JUDGEMENT_COLUMNS, *DIMENSIONS) if name in there}
    for column, others in _OTHER_NAMES.items():
        other = next((name for name in others if name in there), None)
        if column not in found and other is not None:
            found[column] = there[other]
    return found
