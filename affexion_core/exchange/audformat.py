"""audformat, the format of audEERING's databases: db.yaml with schemes and raters, tables as Parquet.

The tables ``files`` (``segments`` where clips are parts of files) and ``votes`` hold what programs that know audformat
look for: each clip's label, and a column for each rater's present judgement. Everything else (corrections, reasons,
times) stands in the misc tables ``clips``, ``judgements`` and ``decisions``, from which Affexion reads it back.
Source of the format: https://audeering.github.io/audformat
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from affexion_core.errors import LabelError
from affexion_core.exchange._about import about, with_about
from affexion_core.exchange._audformat_files import open_database
from affexion_core.exchange._bundle import Bundle, FormatInfo, Judgement, Problem
from affexion_core.exchange._cells import Cell
from affexion_core.exchange._rows import (
    CLIP_COLUMNS,
    DECISION_COLUMNS,
    DIMENSIONS,
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

if TYPE_CHECKING:
    import audformat
    import pandas as pd

T = TypeVar("T")

INFO = FormatInfo(
    name="audformat",
    title="audformat",
    writes="db.yaml and tables as Parquet: files, votes (a column for each rater), clips, judgements, decisions",
    reads="such a folder, or any audformat database whose tables have columns with a label scheme",
    table="db.yaml",
    homepage="https://audeering.github.io/audformat",
)
_OURS = "affexion"
# A column a rater and a row a clip; beyond so many raters the table would be mostly empty.
_MOST_RATERS = 300


def write(bundle: Bundle, folder: Path) -> None:
    """Write the database into a folder that is there; the same bundle gives the same bytes."""
    import audformat

    licences = sorted({clip.provenance.licence or "unknown" for clip in bundle.clips})
    db = audformat.Database(
        name=bundle.name or "labels",
        source="Affexion",
        usage=audformat.define.Usage.OTHER,
        languages=_languages(bundle),
        description=bundle.description or f"Labels of {bundle.name or 'clips'}, exported by Affexion.",
        license=licences[0] if len(licences) == 1 else "several, see README.md",
        meta={_OURS: json.dumps(about(bundle))},
    )
    for scheme in bundle.schemes:
        if scheme.labels:
            db.schemes[scheme.name] = audformat.Scheme("str", labels=list(scheme.labels))
        else:
            db.schemes[scheme.name] = audformat.Scheme("float", minimum=scheme.low, maximum=scheme.high)
    _add_clips(db, bundle)
    _add_votes(db, bundle)
    _add_exact(db, bundle)
    db.save(str(folder), storage_format="parquet")


def _languages(bundle: Bundle) -> list[str]:
    """Name the languages as audformat does, by ISO 639-3; those it doesn't know are left out."""
    import audformat

    names = set()
    for language in {clip.language for clip in bundle.clips if clip.language}:
        try:
            names.add(audformat.utils.map_language(language.split("-")[0]))
        except ValueError:
            continue
    return sorted(names)


def _index(bundle: Bundle, keys: Sequence[str]) -> pd.Index:
    import audformat

    clips = {clip.key: clip for clip in bundle.clips}
    chosen = [clips[key] for key in keys]
    files = [clip.file for clip in chosen]
    if not _has_spans(bundle):
        return audformat.filewise_index(files)
    import pandas as pd

    starts = [pd.Timedelta(seconds=clip.start or 0.0) for clip in chosen]
    ends = [pd.NaT if clip.end is None else pd.Timedelta(seconds=clip.end) for clip in chosen]
    return audformat.segmented_index(files, starts, ends)


def _has_spans(bundle: Bundle) -> bool:
    return any(clip.start is not None or clip.end is not None for clip in bundle.clips)


def _add_clips(db: audformat.Database, bundle: Bundle) -> None:
    """Add the table of clips, with the label that counts."""
    import audformat

    table = audformat.Table(_index(bundle, [clip.key for clip in bundle.clips]), description="Each clip, and its label")
    db["segments" if _has_spans(bundle) else "files"] = table
    settled = {row.clip: row.label for row in bundle.settled}
    if settled and bundle.scheme is not None and bundle.scheme.name in db.schemes:
        db.raters["consensus"] = audformat.Rater(audformat.define.RaterType.VOTE, description="The label that counts")
        known = set(db.schemes[bundle.scheme.name].labels or ())
        labels = [settled.get(clip.key) for clip in bundle.clips]
        table["label"] = audformat.Column(scheme_id=bundle.scheme.name, rater_id="consensus")
        table["label"].set([label if label in known else None for label in labels])
    for name in ("id", "speaker", "language", "transcript", "duration"):
        values = [getattr(clip, name) for clip in bundle.clips]
        if any(value is not None for value in values):
            table[name] = audformat.Column()
            table[name].set(values)


def _add_votes(db: audformat.Database, bundle: Bundle) -> None:
    """Add a table with a column for each rater's present judgements under each scheme."""
    import audformat

    replaced = {made.replaces for made in bundle.judgements}
    cells: dict[tuple[str, str], dict[str, Any]] = {}
    for made in bundle.judgements:
        if made.withdrawn or made.take or made.id in replaced or made.rater is None:
            continue
        said = dict(made.dimensions) | ({} if made.value is None or made.scheme is None else {made.scheme: made.value})
        for scheme, value in said.items():
            cells.setdefault((scheme, made.rater), {})[made.clip] = value
    raters = sorted({rater for _, rater in cells})
    if not cells or len(raters) > _MOST_RATERS:
        return
    known = {clip.key for clip in bundle.clips}
    keys = [key for key in known if any(key in column for column in cells.values())]
    table = audformat.Table(_index(bundle, sorted(keys)), description="A column for each scheme and rater")
    db["votes"] = table
    ids = {rater: f"rater-{number}" for number, rater in enumerate(raters, start=1)}
    for rater, id in ids.items():
        db.raters[id] = audformat.Rater(audformat.define.RaterType.HUMAN, description=rater)
    for scheme, rater in sorted(cells):
        column = audformat.Column(scheme_id=scheme, rater_id=ids[rater])
        table[f"{scheme}.{ids[rater]}"] = column
        column.set([cells[scheme, rater].get(key) for key in sorted(keys)])


def _add_exact(db: audformat.Database, bundle: Bundle) -> None:
    """Add the misc tables that hold everything as it is."""
    files = bundle.files()
    settled, labels = {row.clip: row for row in bundle.settled}, bundle.labels()
    shares = [SHARE + label for label in labels]
    clips = [
        {**clip_row(clip), **(settled_row(settled[clip.key], labels) if clip.key in settled else {})}
        for clip in bundle.clips
    ]
    _add_misc(db, "clips", (*CLIP_COLUMNS, *SETTLED_COLUMNS, *shares), clips)
    judgements = [judgement_row(made, files) for made in bundle.judgements]
    _add_misc(db, "judgements", judgement_columns(bundle), judgements)
    _add_misc(db, "decisions", DECISION_COLUMNS, [decision_row(made) for made in bundle.decisions])


def _add_misc(db: audformat.Database, name: str, columns: Sequence[str], rows: Sequence[Mapping[str, Cell]]) -> None:
    import audformat
    import pandas as pd

    if not rows:
        return
    table = audformat.MiscTable(pd.Index(range(len(rows)), dtype="Int64", name="row"))
    db[name] = table
    for column in columns:
        values = [row.get(column) for row in rows]
        if column == "label":  # labels and numbers in one column
            values = [repr(value) if isinstance(value, float) else value for value in values]
        if any(value is not None for value in values):
            table[column] = audformat.Column()
            table[column].set(values)


def read(path: Path) -> Bundle:
    """Read an audformat database: the folder, or its db.yaml.

    Of one made elsewhere, every column with a label scheme is read, its rater named by the column's rater.

    Raises
    ------
    LabelError
        If there is no db.yaml, it or a table can't be read, or no column has labels.
    """
    with open_database(path if path.is_dir() else path.parent) as db:
        ours = db.meta.get(_OURS)
        return _foreign(db) if ours is None else _ours(db, ours)


def _ours(db: audformat.Database, described: object) -> Bundle:
    try:
        values = json.loads(str(described))
    except ValueError as error:
        raise LabelError(f"db.yaml has a damaged entry {_OURS} ({error}); export again.") from error
    bundle = with_about(Bundle(), values, "db.yaml")
    numeric = [scheme.name for scheme in bundle.schemes if not scheme.labels]
    problems: list[Problem] = []
    clips = _each(db, "clips", lambda row, _: (clip_of(row), settled_of(row.get("clip") or "", row)), problems)
    return replace(
        bundle,
        clips=tuple(clip for clip, _ in clips),
        settled=tuple(found for _, found in clips if found is not None),
        judgements=tuple(_each(db, "judgements", lambda row, place: judgement_of(row, place, numeric), problems)),
        decisions=tuple(_each(db, "decisions", lambda row, _: decision_of(row), problems)),
        problems=tuple(problems),
    )


def _each(
    db: audformat.Database, name: str, make: Callable[[Mapping[str, str], str], T], problems: list[Problem]
) -> list[T]:
    if name not in db.misc_tables:
        return []
    frame = db[name].get()
    made = []
    for number, cells in enumerate(zip(*(frame[column] for column in frame.columns), strict=True), start=1):
        row = {column: _cell(value) for column, value in zip(frame.columns, cells, strict=True)}
        try:
            made.append(make(row, f"{name}, row {number}"))
        except LabelError as error:
            problems.append(Problem(f"{name}, row {number}", str(error)))
    return made


def _cell(value: Any) -> str:
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(float(value)) if isinstance(value, float) else str(value)


def _foreign(db: audformat.Database) -> Bundle:
    judgements = [made for name in db.tables for made in _columns(db, name)]
    if not judgements:
        raise LabelError("The database has no column with a label scheme or a dimension (arousal, valence, dominance).")
    return Bundle(name=db.name, judgements=tuple(judgements))


def _columns(db: audformat.Database, name: str) -> Iterable[Judgement]:
    table = db[name]
    frame = table.get()
    files = [str(file) for file in frame.index.get_level_values("file")]
    spans = frame.index.nlevels > 1 and not (
        (frame.index.get_level_values("start").total_seconds() == 0).all()
        and frame.index.get_level_values("end").isna().all()
    )
    if spans:
        raise LabelError(
            f"Table {name!r} labels parts of files; export them as files of their own, or import their clips first."
        )
    for column, header in table.columns.items():
        scheme = db.schemes.get(header.scheme_id) if header.scheme_id else None
        dimension = header.scheme_id in DIMENSIONS
        if scheme is None or (not dimension and (not scheme.labels or scheme.dtype != "str")):
            continue
        rater = db.raters.get(header.rater_id)
        who = None if rater is None else str(rater.description or header.rater_id)
        for file, value in zip(files, frame[column], strict=True):
            cell = _cell(value)
            if cell:
                place = f"table {name}, column {column}, {file}"
                yield Judgement(
                    file,
                    who,
                    float(cell) if dimension else cell,
                    scheme=str(header.scheme_id) if dimension else None,
                    place=place,
                )
