"""Clips: add them, find them, count them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, RowMapping, Select, bindparam, func, select, update

from affexion_core.errors import ConfigError, NotFoundError, allowed
from affexion_core.store.names import require_dataset
from affexion_core.store.rows import chunks, clip_of, clip_values, folded, insert_new, now, searchable
from affexion_core.store.schema import BY_COUNTED, dataset, dataset_clip
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.store.takedowns import refuse_taken_down
from affexion_core.types import ORIGINS, Clip, Origin

ORDERS = ("id", "file", "origin", "corpus", "speaker", "language", "transcript", "duration", "added", "label")
_FACETS = ("origin", "corpus", "speaker", "language")
_FILLED = ("speaker", "language", "transcript", "attributes", "provenance", "licence", "searchable")


@dataclass(frozen=True)
class AddedClips:
    """Ids of the clips that were new, and of those already there, each once and in the order given."""

    added: tuple[str, ...]
    present: tuple[str, ...]


@dataclass(frozen=True)
class ClipQuery:
    """Which clips to find; None asks nothing.

    ``label`` is a label in ``dataset``, or in any dataset where that is None. ``text`` is looked for in file name,
    transcript and speaker, whatever the case. ``order`` is one of `ORDERS` (``label`` needs a dataset; unknown
    values come last), with ties in the order of ids. ``limit`` None gives all.

    Raises
    ------
    ConfigError
        If origin or order isn't one of the choices, or limit or offset is negative.
    """

    dataset: str | None = None
    origin: Origin | None = None
    label: str | None = None
    speaker: str | None = None
    corpus: str | None = None
    language: str | None = None
    text: str | None = None
    order: str = "id"
    descending: bool = False
    limit: int | None = 100
    offset: int = 0

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ConfigError(f"Clips can't be ordered by {self.order!r}; choose {allowed(ORDERS)}.")
        if self.order == "label" and self.dataset is None:
            raise ConfigError("Ordering by label needs a dataset, since a clip may have another label in each.")
        if self.origin is not None and self.origin not in ORIGINS:
            raise ConfigError(f"There is no origin {self.origin!r}; choose {allowed(ORIGINS)}.")
        if self.offset < 0 or (self.limit is not None and self.limit < 0):
            raise ConfigError(f"limit = {self.limit} and offset = {self.offset} can't be negative.")


@dataclass(frozen=True)
class ClipRow:
    """A clip and the labels it has: dataset name → label."""

    clip: Clip
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ClipPage:
    """One page of found clips; ``total`` counts all that match."""

    rows: tuple[ClipRow, ...]
    total: int


def add_clips(store: Store, clips: Sequence[Clip], import_id: str | None = None) -> AddedClips:
    """Add clips, new ones as brought by an import; those whose id is there stay as they are. All are saved, or none.

    Raises
    ------
    ConfigError
        If a clip's origin isn't one of `ORIGINS`.
    StoreError
        If a recording was taken down, or the database can't be written.
    """
    wrong = next((clip for clip in clips if clip.origin not in ORIGINS), None)
    if wrong is not None:
        raise ConfigError(f"Clip {wrong.id} has the origin {wrong.origin!r}; choose {allowed(ORIGINS)}.")
    if not clips:
        return AddedClips((), ())
    added = now()
    with writing(store) as connection:
        refuse_taken_down(connection, [clip.sha256 for clip in clips])
        new = insert_new(
            connection, clip_table, [{**clip_values(clip, added), "import_id": import_id} for clip in clips]
        )
    ids = tuple(dict.fromkeys(clip.id for clip in clips))
    return AddedClips(tuple(i for i in ids if i in new), tuple(i for i in ids if i not in new))


def fill_clips(store: Store, clips: Iterable[Clip]) -> int:
    """Add to clips that are there what isn't known of them yet: speaker, language, transcript, attributes, provenance.

    What is known stays as it is, attribute by attribute and field by field. Clips that aren't there, or that are there
    with the other origin, are passed over. All are saved, or none.

    Returns
    -------
    int
        How many clips know more now.

    Raises
    ------
    StoreError
        If attributes or provenance hold what JSON can't, or the database can't be written.
    """
    news = [clip_values(clip, added="") for clip in clips]
    changed: dict[str, dict[str, Any]] = {}
    with writing(store) as connection:
        there = _rows_to_fill(connection, dict.fromkeys(new["id"] for new in news))
        for new in news:
            known = there.get(new["id"])
            if known is None or known["origin"] != new["origin"]:
                continue
            filled = _filled(known, new)
            if filled != known:
                there[new["id"]] = changed[new["id"]] = filled
        if changed:
            made = update(clip_table).where(clip_table.c.id == bindparam("key"))
            made = made.values({name: bindparam(f"new_{name}") for name in _FILLED})
            rows = [
                {"key": id, **{f"new_{name}": row[name] for name in _FILLED}} for id, row in sorted(changed.items())
            ]
            connection.execute(made, rows)
    return len(changed)


def _rows_to_fill(connection: Connection, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Read clips and hold them, always in the order of ids, so that two who fill can't wait for each other."""
    columns = [clip_table.c[name] for name in ("id", "origin", "file", *_FILLED)]
    rows: dict[str, Mapping[str, Any]] = {}
    for part in chunks(sorted(ids)):
        query = select(*columns).where(clip_table.c.id.in_(part)).order_by(clip_table.c.id).with_for_update()
        rows.update((row["id"], dict(row)) for row in connection.execute(query).mappings())
    return rows


def _filled(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    filled = _with_missing(known, {name: new[name] for name in ("speaker", "language", "transcript")})
    for name in ("attributes", "provenance"):
        filled[name] = _with_missing(known[name], new[name])
    filled["licence"] = filled["provenance"].get("licence")
    return filled | {"searchable": searchable(filled["file"], filled["transcript"], filled["speaker"])}


def _with_missing(known: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Take from ``new`` what ``known`` lacks. Zero and False are known values, an empty text is none."""
    lacking = {name: value for name, value in new.items() if _is_known(value) and not _is_known(known.get(name))}
    return {**known, **lacking}


def _is_known(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value not in (None, {})


def get_clip(store: Store, id: str) -> Clip:
    """Load one clip; `NotFoundError` if there is none with this id."""
    return get_clips(store, [id])[0]


def get_clips(store: Store, ids: Iterable[str]) -> tuple[Clip, ...]:
    """Load clips in the order asked; `NotFoundError` if one is missing."""
    wanted = list(ids)
    found: dict[str, Clip] = {}
    with reading(store) as connection:
        for part in chunks(dict.fromkeys(wanted)):
            rows = connection.execute(select(clip_table).where(clip_table.c.id.in_(part))).mappings()
            found.update((row["id"], clip_of(row)) for row in rows)
        missing = [i for i in dict.fromkeys(wanted) if i not in found]
        if missing:
            total = connection.scalar(select(func.count()).select_from(clip_table))
            raise NotFoundError(missing_clips(missing, total or 0))
    return tuple(found[i] for i in wanted)


def missing_clips(missing: Sequence[str], total: int) -> str:
    """Say which clips aren't there; a list of all would help nobody."""
    shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
    return f"No clip {shown} in the workspace, which has {total} clips; import the audio first or search the library."


def find_clips(store: Store, query: ClipQuery) -> ClipPage:
    """Find clips, one page of them, in three queries at most.

    Raises
    ------
    NotFoundError
        If the query names a dataset that isn't there.
    """
    conditions = _conditions(query)
    with reading(store) as connection:
        rows, total = _page_and_total(connection, query, conditions)
        if not total and query.dataset is not None:
            require_dataset(connection, query.dataset)
        clips = [clip_of(row) for row in rows]
        labels = _labels(connection, [clip.id for clip in clips])
    return ClipPage(tuple(ClipRow(clip, labels.get(clip.id, {})) for clip in clips), total)


def _source(query: ClipQuery) -> FromClause:
    if query.dataset is None:
        return clip_table
    return clip_table.join(dataset_clip, dataset_clip.c.clip_id == clip_table.c.id)


def _conditions(query: ClipQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        clip_table.c[name] == getattr(query, name) for name in _FACETS if getattr(query, name) is not None
    ]
    if query.dataset is not None:
        chosen = select(dataset.c.id).where(dataset.c.name == query.dataset).scalar_subquery()
        conditions.append(dataset_clip.c.dataset_id == chosen)
        if query.label is not None:
            conditions.append(dataset_clip.c.label == query.label)
    elif query.label is not None:
        conditions.append(
            clip_table.c.id.in_(select(dataset_clip.c.clip_id).where(dataset_clip.c.label == query.label))
        )
    if query.text and _looks_into_texts(query):
        conditions.append(clip_table.c.searchable.contains(folded(query.text.strip()), autoescape=True))
    return conditions


def _page_and_total(
    connection: Connection, query: ClipQuery, conditions: Sequence[ColumnElement[bool]]
) -> tuple[Sequence[RowMapping], int]:
    count = select(func.count()).select_from(_source(query)).where(*conditions)
    if not _looks_into_texts(query):
        total = connection.scalar(count) or 0
        return (connection.execute(_page(query, conditions)).mappings().all() if total else []), total
    rows = connection.execute(_page(query, conditions)).mappings().all()
    # a page beyond the last one has no row to say how many there are
    return rows, rows[0]["total"] if rows else (connection.scalar(count) or 0)


def _looks_into_texts(query: ClipQuery) -> bool:
    return bool(query.text and query.text.strip())


def _page(query: ClipQuery, conditions: Sequence[ColumnElement[bool]]) -> Select:
    """Sort the ids alone, then fetch the wide rows of one page: faster than sorting whole rows.

    Texts are looked into once: then each row says in ``total`` how many were found. Without texts an index may give the
    page at once, and counting is quicker apart.
    """
    key = dataset_clip.c.label if query.order == "label" else clip_table.c[query.order]
    found = select(clip_table.c.id, key.label("key")).select_from(_source(query)).where(*conditions)
    whole, by = select(clip_table), _directed(key, clip_table.c.id, query.descending)
    if _looks_into_texts(query):
        once = found.cte("found").prefix_with("MATERIALIZED")
        whole = whole.add_columns(select(func.count()).select_from(once).scalar_subquery().label("total"))
        found, by = select(once.c.id, once.c.key), _directed(once.c.key, once.c.id, query.descending)
    ids = found.order_by(*by).limit(query.limit).offset(query.offset).subquery()
    whole = whole.join_from(clip_table, ids, ids.c.id == clip_table.c.id)
    return whole.order_by(*_directed(ids.c.key, ids.c.id, query.descending))


def _directed(key: ColumnElement, id: ColumnElement, descending: bool) -> list[ColumnElement]:
    directed = key.desc() if descending else key.asc()
    # said only where it matters: SQLite then doesn't use an index
    nullable = getattr(key, "nullable", True)
    return [directed.nulls_last() if nullable else directed, id.desc() if descending else id.asc()]


def _labels(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    labels: dict[str, dict[str, str]] = {}
    for part in chunks(ids):
        rows = connection.execute(
            select(dataset_clip.c.clip_id, dataset.c.name, dataset_clip.c.label)
            .join(dataset, dataset.c.id == dataset_clip.c.dataset_id)
            .where(dataset_clip.c.clip_id.in_(part))
            .order_by(dataset.c.name)
        )
        for id, name, label in rows:
            labels.setdefault(id, {})[name] = label
    return labels


def facets(store: Store, dataset: str | None = None) -> dict[str, dict[str, int]]:
    """Count clips by origin, corpus, speaker, language and label, in the whole workspace or one dataset.

    Values are sorted; clips whose value isn't known are not counted.

    Raises
    ------
    NotFoundError
        If there is no such dataset.
    """
    columns = [clip_table.c[name] for name in _FACETS]
    combined = select(*columns, func.count()).group_by(*columns)
    labels = select(dataset_clip.c.label, func.count(dataset_clip.c.clip_id.distinct())).group_by(dataset_clip.c.label)
    found: dict[str, Counter[str]] = {name: Counter() for name in (*_FACETS, "label")}
    with reading(store) as connection:
        if dataset is not None:
            member = dataset_clip.c.dataset_id == require_dataset(connection, dataset)["id"]
            combined = combined.join(dataset_clip, dataset_clip.c.clip_id == clip_table.c.id).where(member)
            combined = combined.with_hint(clip_table, BY_COUNTED, "sqlite")
            labels = labels.where(member)
        for *values, n in connection.execute(combined).all():
            for name, value in zip(_FACETS, values, strict=True):
                found[name][value] += n
        found["label"].update({label: n for label, n in connection.execute(labels)})
    return {name: dict(sorted((k, n) for k, n in counts.items() if k is not None)) for name, counts in found.items()}


def known_clips(store: Store, ids: Iterable[str]) -> set[str]:
    """Tell which of some ids belong to clips of the library."""
    found: set[str] = set()
    with reading(store) as connection:
        for part in chunks(dict.fromkeys(ids)):
            found.update(connection.execute(select(clip_table.c.id).where(clip_table.c.id.in_(part))).scalars())
    return found
