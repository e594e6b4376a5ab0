"""Labelling projects and their clips, as rows. The rules stand in `affexion_core.labeling.projects`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, text, update

from affexion_core.errors import NotFoundError, allowed
from affexion_core.store.clips import missing_clips
from affexion_core.store.names import require_scheme
from affexion_core.store.rows import chunks, insert_new
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.store.schema import assignment, project_clip, project_rater
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import dataset as dataset_table
from affexion_core.store.schema import project as project_table
from affexion_core.types import Scheme

_clip = project_clip.c
_made = annotation_table.c
# made once: an alias of a wide table takes longer to make than the query to run
_newer = annotation_table.alias("newer").c


@dataclass(frozen=True)
class ProjectRow:
    """A project as it is stored: ``settings`` as plain values."""

    name: str
    scheme: Scheme
    settings: Mapping[str, Any]
    raters: tuple[str, ...]
    state: str
    created: str
    created_by: str


@dataclass(frozen=True)
class ClipState:
    """A clip of a project: how many people it wants and has, its known answer, what a model says, and its place."""

    id: str
    position: int
    wanted: int
    taken: int
    gold: str | None
    priority: float


def require_project(connection: Connection, name: str, lock: bool = False) -> ProjectRow:
    """Get a project.

    Parameters
    ----------
    connection
        A transaction.
    name
        The project.
    lock
        Let no other transaction that locks the project in until this one ends. All that changes who holds what locks
        it, so that on PostgreSQL as on SQLite these steps happen one after the other.

    Raises
    ------
    NotFoundError
        Listing the projects there are.
    """
    query = select(project_table).where(project_table.c.name == name)
    # not the stronger lock: an annotation that refers to the project may be written meanwhile
    query = query.with_for_update(key_share=True) if lock else query
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        there = connection.execute(select(project_table.c.name)).scalars().all()
        raise NotFoundError(f"There is no project {name!r} in the workspace; choose {allowed(there)}.")
    kept = {key: row[key] for key in ("name", "settings", "state", "created", "created_by")}
    return ProjectRow(**kept, scheme=require_scheme(connection, row["scheme"]), raters=tuple(row["raters"]))


def all_projects(connection: Connection) -> tuple[ProjectRow, ...]:
    """List the projects, newest first."""
    names = select(project_table.c.name).order_by(project_table.c.created.desc(), project_table.c.name)
    return tuple(require_project(connection, name) for name in connection.execute(names).scalars().all())


def taken_name(connection: Connection, name: str) -> str | None:
    """Say what has a name already, ``project`` or ``dataset``; None if nothing has."""
    for kind, table in (("project", project_table), ("dataset", dataset_table)):
        if connection.scalar(select(table.c.name).where(table.c.name == name)) is not None:
            return kind
    return None


def insert_project(connection: Connection, row: ProjectRow) -> bool:
    """Add a project; False if another writer has just added one of the name."""
    values = {
        **{"name": row.name, "scheme": row.scheme.name, "settings": dict(row.settings), "raters": list(row.raters)},
        **{"state": row.state, "created": row.created, "created_by": row.created_by},
    }
    return bool(insert_new(connection, project_table, [values]))


def require_clips(connection: Connection, ids: Sequence[str]) -> None:
    """Refuse clips that aren't in the workspace; `NotFoundError` names them."""
    found: set[str] = set()
    for part in chunks(ids):
        found.update(connection.execute(select(clip_table.c.id).where(clip_table.c.id.in_(part))).scalars())
    missing = [id for id in ids if id not in found]
    if missing:
        total = connection.scalar(select(func.count()).select_from(clip_table)) or 0
        raise NotFoundError(missing_clips(missing, total))


def clips_of_project(connection: Connection, name: str) -> set[str]:
    """Give the ids of a project's clips."""
    return set(connection.execute(select(_clip.clip_id).where(_clip.project == name)).scalars())


def append_clips(connection: Connection, name: str, ids: Sequence[str], wanted: int, gold: Mapping[str, str]) -> None:
    """Add clips behind those a project has, in the order given."""
    if not ids:
        return
    last = connection.scalar(select(func.max(_clip.position)).where(_clip.project == name))
    begin = 0 if last is None else last + 1
    rows = [
        {"project": name, "clip_id": id, "position": begin + i, "wanted": wanted, "taken": 0, "gold": gold.get(id)}
        | {"priority": 0.0}
        for i, id in enumerate(ids)
    ]
    for part in chunks(rows):
        connection.execute(insert(project_clip), part)
    if connection.dialect.name == "postgresql":
        # the planner takes a table for small until it is told, and then looks through all of it for each clip
        connection.execute(text("ANALYZE project_clip"))
    # raters who had come to the end find the new clips
    behind = (project_rater.c.project == name) & (project_rater.c.frontier > begin)
    connection.execute(update(project_rater).where(behind).values(frontier=begin))


def change_project(connection: Connection, name: str, **values: Any) -> None:
    """Change columns of a project."""
    connection.execute(update(project_table).where(project_table.c.name == name).values(**values))


def clip_states(connection: Connection, name: str, ids: Iterable[str]) -> dict[str, ClipState]:
    """Get clips of a project by id; those that aren't in it are left out."""
    columns = (_clip.clip_id.label("id"), _clip.position, _clip.wanted, _clip.taken, _clip.gold, _clip.priority)
    found: dict[str, ClipState] = {}
    for part in chunks(ids):
        query = select(*columns).where(_clip.project == name, _clip.clip_id.in_(part))
        found.update((row["id"], ClipState(**row)) for row in connection.execute(query).mappings())
    return found


def update_clips(connection: Connection, name: str, column: str, values: Mapping[str, float]) -> None:
    """Set one column of clips: clip id → value."""
    if not values:
        return
    made = update(project_clip).where(_clip.project == name, _clip.clip_id == bindparam("key"))
    rows = [{"key": id, "new": value} for id, value in sorted(values.items())]
    connection.execute(made.values({column: bindparam("new")}), rows)


def current_votes(connection: Connection, name: str, scheme: str, ids: Iterable[str]) -> dict[str, list[str | None]]:
    """Give the first judgements of clips that stand now: clip id → labels, None for *unclear*."""
    votes: dict[str, list[str | None]] = {}
    for part in chunks(ids):
        query = select(_made.clip_id, _made.label).where(
            *(_made.clip_id.in_(part), _made.scheme == scheme, _made.project == name, _made.take == 0),
            ~_made.withdrawn,
            ~select(_newer.id).where(_newer.replaces == _made.id).exists(),
        )
        for clip_id, label in connection.execute(query):
            votes.setdefault(clip_id, []).append(label)
    return votes


@dataclass(frozen=True)
class Counts:
    """What there is and what is done in a project; ``raters`` counts the judgements of each, repeats included."""

    n_clips: int
    n_done: int
    raters: Mapping[str, int]


def count_project(connection: Connection, name: str) -> Counts:
    """Count clips, clips with all the judgements they want, and judgements by rater."""
    enough = select(func.count(), func.sum((_clip.taken >= _clip.wanted).cast(project_clip.c.taken.type)))
    n_clips, n_full = connection.execute(enough.where(_clip.project == name)).one()
    held = (
        select(assignment.c.clip_id, _clip.taken - _clip.wanted)
        .join(project_clip, (_clip.project == assignment.c.project) & (_clip.clip_id == assignment.c.clip_id))
        .where(assignment.c.project == name, assignment.c.state == "held", assignment.c.take == 0)
        .where(_clip.taken >= _clip.wanted)
    )
    rows = connection.execute(held).all()
    holders = Counter(clip_id for clip_id, _ in rows)
    # full only with what is still held
    waiting = {clip_id for clip_id, spare in rows if holders[clip_id] > spare}
    answered = select(assignment.c.rater, func.count()).where(
        assignment.c.project == name, assignment.c.state == "answered"
    )
    raters = connection.execute(answered.group_by(assignment.c.rater).order_by(assignment.c.rater))
    return Counts(n_clips, int(n_full or 0) - len(waiting), {rater: n for rater, n in raters})
