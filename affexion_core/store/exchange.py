"""Labels on their way out and in: all that was said of clips, read at one moment and written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, tuple_

from affexion_core.errors import LabelError
from affexion_core.store.datasets import put_dataset
from affexion_core.store.decisions import decision_of
from affexion_core.store.labels import annotation_of, annotation_values, put_scheme
from affexion_core.store.names import require_scheme
from affexion_core.store.projects import ProjectRow, append_clips, insert_project, require_project
from affexion_core.store.rows import chunks, clip_of, clip_values, insert_new, now
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import decision as decision_table
from affexion_core.store.schema import project as project_table
from affexion_core.store.schema import project_clip
from affexion_core.store.schema import scheme as scheme_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.store.takedowns import refuse_taken_down
from affexion_core.types import Annotation, Clip, Decision, Origin, Scheme

_DECISION = ("id", "clip_id", "scheme", "label", "decided_by", "reason", "created", "project", "withdrawn")


@dataclass(frozen=True)
class MemberProject:
    """A project with those of its clips that are asked about, in its order, and the known answers of hidden checks."""

    row: ProjectRow
    gold: Mapping[str, str | None]


@dataclass(frozen=True)
class RawLabels:
    """All that was said of some clips, by clip and time: corrected and withdrawn judgements included."""

    annotations: tuple[Annotation, ...]
    decisions: tuple[Decision, ...]
    schemes: tuple[Scheme, ...]
    projects: tuple[MemberProject, ...]


@dataclass(frozen=True)
class IncomingDataset:
    """A dataset to make or extend, as in `datasets.save_dataset`."""

    name: str
    origin: Origin
    scheme: Scheme
    items: tuple[tuple[str, str], ...]
    label_map: str | None = None
    description: str = ""
    votes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    datasheet: str | None = None


@dataclass(frozen=True)
class Incoming:
    """What an import brings, checked against the workspace: ``schemes`` as they will be, the rest as far as new."""

    schemes: tuple[Scheme, ...] = ()
    clips: tuple[Clip, ...] = ()
    projects: tuple[MemberProject, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    decisions: tuple[Decision, ...] = ()
    dataset: IncomingDataset | None = None


def raw_labels(store: Store, clip_ids: Iterable[str], project: str | None = None) -> RawLabels:
    """Read all that was said of clips; with a project, what was said in it, and decisions that hold everywhere."""
    ids = list(dict.fromkeys(clip_ids))
    with reading(store) as connection:
        annotations = [annotation_of(row) for row in _of_clips(connection, annotation_table, ids, project)]
        decisions = [decision_of(row) for row in _of_clips(connection, decision_table, ids, project, general=True)]
        names = {made.project for made in annotations} | {made.project for made in decisions} | {project}
        projects = tuple(_member_project(connection, name, ids) for name in sorted(filter(None, names)))
        schemes = {made.scheme for made in annotations} | {made.scheme for made in decisions}
        schemes |= {held.row.scheme.name for held in projects}
        found = tuple(require_scheme(connection, name) for name in sorted(schemes))
    return RawLabels(
        tuple(sorted(annotations, key=lambda made: (made.clip_id, made.created, made.id))),
        tuple(sorted(decisions, key=lambda made: (made.clip_id, made.created, made.id))),
        found,
        projects,
    )


def _of_clips(
    connection: Connection, table: Any, ids: Sequence[str], project: str | None, general: bool = False
) -> Iterable[Any]:
    query = select(table)
    if project is not None:
        mine = table.c.project == project
        query = query.where(mine | table.c.project.is_(None) if general else mine)
    for part in chunks(ids):
        yield from connection.execute(query.where(table.c.clip_id.in_(part))).mappings()


def _member_project(connection: Connection, name: str, ids: Sequence[str]) -> MemberProject:
    query = select(project_clip.c.clip_id, project_clip.c.gold).where(project_clip.c.project == name)
    rows = connection.execute(query.order_by(project_clip.c.position)).all()
    wanted = set(ids)
    return MemberProject(require_project(connection, name), {id: gold for id, gold in rows if id in wanted})


def every_clip(store: Store) -> tuple[Clip, ...]:
    """Load all clips of the library, in the order of their ids."""
    with reading(store) as connection:
        return tuple(map(clip_of, connection.execute(select(clip_table).order_by(clip_table.c.id)).mappings()))


def every_scheme(store: Store) -> dict[str, Scheme]:
    """Load all schemes by name."""
    with reading(store) as connection:
        names = connection.execute(select(scheme_table.c.name).order_by(scheme_table.c.name)).scalars().all()
        return {name: require_scheme(connection, name) for name in names}


def project_names(store: Store) -> frozenset[str]:
    """Name all projects."""
    with reading(store) as connection:
        return frozenset(connection.execute(select(project_table.c.name)).scalars())


def known_raters(store: Store, names: Iterable[str]) -> frozenset[str]:
    """Say of which of these raters there are judgements."""
    with reading(store) as connection:
        return frozenset(
            name
            for part in chunks(dict.fromkeys(names))
            for name in connection.execute(
                select(annotation_table.c.rater).where(annotation_table.c.rater.in_(part)).distinct()
            ).scalars()
        )


def annotations_by_id(store: Store, ids: Iterable[str]) -> dict[str, Annotation]:
    """Find judgements by their ids; those that aren't there are left out."""
    found = _where(store, annotation_table, annotation_table.c.id, ids)
    return {row["id"]: annotation_of(row) for row in found}


def replaced_ids(store: Store, ids: Iterable[str]) -> dict[str, str]:
    """Say which judgements replace these: id → id of the one that replaces it."""
    return {row["replaces"]: row["id"] for row in _where(store, annotation_table, annotation_table.c.replaces, ids)}


def first_judgements(store: Store, keys: Iterable[tuple[str, str, str, str, int]]) -> dict[tuple[Any, ...], str]:
    """Find first judgements in projects by project, scheme, clip, rater and take: key → id."""
    columns = tuple(annotation_table.c[name] for name in ("project", "scheme", "clip_id", "rater", "take"))
    found: dict[tuple[Any, ...], str] = {}
    with reading(store) as connection:
        for part in chunks(dict.fromkeys(keys), 1000):
            query = select(annotation_table.c.id, *columns).where(annotation_table.c.replaces.is_(None))
            for row in connection.execute(query.where(tuple_(*columns).in_(part))):
                found[tuple(row)[1:]] = row.id
    return found


def decisions_by_id(store: Store, ids: Iterable[str]) -> dict[str, Decision]:
    """Find decisions by their ids; those that aren't there are left out."""
    return {row["id"]: decision_of(row) for row in _where(store, decision_table, decision_table.c.id, ids)}


def _where(store: Store, table: Any, column: Any, values: Iterable[str]) -> list[Any]:
    with reading(store) as connection:
        return [
            row
            for part in chunks(dict.fromkeys(values))
            for row in connection.execute(select(table).where(column.in_(part))).mappings().all()
        ]


def save_incoming(store: Store, incoming: Incoming) -> frozenset[str]:
    """Write what an import brings: all of it, or nothing.

    Returns
    -------
    frozenset of str
        Ids of the judgements that were new.

    Raises
    ------
    LabelError
        If labels don't fit a scheme or dataset that was changed meanwhile.
    StoreError
        If the database can't be written.
    """
    with writing(store) as connection:
        for scheme in incoming.schemes:
            put_scheme(connection, scheme)
        added = now()
        refuse_taken_down(connection, [clip.sha256 for clip in incoming.clips])
        insert_new(connection, clip_table, [clip_values(clip, added) for clip in incoming.clips])
        for project in incoming.projects:
            if insert_project(connection, project.row):
                # nobody is asked about these clips: they were judged elsewhere
                known = {id: gold for id, gold in project.gold.items() if gold is not None}
                append_clips(connection, project.row.name, list(project.gold), wanted=0, gold=known)
        schemes = {scheme.name: scheme for scheme in incoming.schemes}
        new: set[str] = set()
        for wave in corrections_last(incoming.annotations):
            rows = [annotation_values(made, schemes[made.scheme]) for made in wave]
            new |= insert_new(connection, annotation_table, rows)
        insert_new(
            connection,
            decision_table,
            [{name: getattr(made, name) for name in _DECISION} for made in incoming.decisions],
        )
        if incoming.dataset is not None:
            made = incoming.dataset
            put_dataset(
                connection,
                *(made.name, made.origin, made.scheme, made.items, made.label_map, made.description),
                *(made.votes, made.recipe, made.datasheet),
            )
    return frozenset(new)


def corrections_last(annotations: Sequence[Annotation]) -> list[list[Annotation]]:
    """Sort judgements into waves, so that each is written after the one it replaces. No chain may go round."""
    left = {made.id: made for made in annotations}
    waves: list[list[Annotation]] = []
    while left:
        wave = [made for made in left.values() if made.replaces not in left]
        if not wave:
            raise LabelError(f"Judgement {next(iter(left))} is a correction of itself, by a detour; export again.")
        waves.append(wave)
        for made in wave:
            del left[made.id]
    return waves
