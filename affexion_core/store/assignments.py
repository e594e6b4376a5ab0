"""Who holds, skipped or answered which clip of a project, as rows. The rules stand in `affexion_core.labeling.queue`.

A clip's ``taken`` is always the number of people who hold it or answered it for the first time, and is changed here
alone, in the statements' own transaction. Callers lock the project first (`store.projects.require_project`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, text, update

from affexion_core.store.rows import dialect_insert
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.store.schema import assignment as assignment_table
from affexion_core.store.schema import project_clip, project_rater

# Further than any clip: nothing waits.
END = 2**31 - 1
# At most so many clips are looked at for one draw.
_LOOK = 50

_clip = project_clip.c
_given = assignment_table.c
_had = assignment_table.alias("had").c
# In the words of the partial indexes, see `store.schema`.
_OPEN = text("gold IS NULL AND taken < wanted")
_GOLD = text("gold IS NOT NULL")


@dataclass(frozen=True)
class Given:
    """A clip given to a rater: ``state`` is held, lost, skipped or answered; ``held_until`` in unix seconds."""

    clip_id: str
    rater: str
    take: int
    state: str
    drawn: int
    held_until: float


_COLUMNS = (_given.clip_id, _given.rater, _given.take, _given.state, _given.drawn, _given.held_until)


def counts(take: int, state: str) -> bool:
    """Say whether such an assignment is one of a clip's ``taken``."""
    return take == 0 and state in ("held", "answered")


def expire(connection: Connection, project: str, now: float) -> int:
    """Take back what was held longer than its lease; give how many that were."""
    over = (_given.project == project) & (_given.state == "held") & (_given.held_until < now)
    lost = update(assignment_table).where(over).values(state="lost", counted=False)
    rows = connection.execute(lost.returning(_given.clip_id, _given.take)).all()
    _freed(connection, project, Counter(clip_id for clip_id, take in rows if take == 0))
    return len(rows)


def let_go(connection: Connection, project: str, rater: str, clip_ids: Sequence[str]) -> int:
    """Take back clips that a rater holds; give how many that were."""
    mine = (_given.project == project) & (_given.rater == rater) & (_given.state == "held")
    lost = update(assignment_table).where(mine, _given.clip_id.in_(clip_ids)).values(state="lost", counted=False)
    rows = connection.execute(lost.returning(_given.clip_id, _given.take)).all()
    _freed(connection, project, Counter(clip_id for clip_id, take in rows if take == 0))
    return len(rows)


def _freed(connection: Connection, project: str, clips: Mapping[str, int]) -> None:
    """Count clips as taken by fewer people, and let the raters who may have them look there again."""
    if not clips:
        return
    _add_taken(connection, project, {clip_id: -n for clip_id, n in clips.items()})
    place = select(_clip.position).where(_clip.project == project, _clip.clip_id == bindparam("key")).scalar_subquery()
    behind = update(project_rater).where(
        project_rater.c.project == project,
        project_rater.c.frontier > place,
        ~_has(project, bindparam("key"), project_rater.c.rater),
    )
    connection.execute(behind.values(frontier=place), [{"key": clip_id} for clip_id in sorted(clips)])


def _add_taken(connection: Connection, project: str, added: Mapping[str, int]) -> None:
    made = update(project_clip).where(_clip.project == project, _clip.clip_id == bindparam("key"))
    rows = [{"key": clip_id, "n": n} for clip_id, n in sorted(added.items())]
    connection.execute(made.values(taken=_clip.taken + bindparam("n")), rows)


def _has(project: str, clip_id: ColumnElement, rater: ColumnElement | str) -> ColumnElement[bool]:
    """Ask whether a rater had a clip for the first time and didn't lose it."""
    where = (_had.project == project) & (_had.clip_id == clip_id) & (_had.rater == rater)
    return select(_had.take).where(where, _had.take == 0, _had.state != "lost").exists()


def held_by(connection: Connection, project: str, rater: str) -> tuple[Given, ...]:
    """List what a rater holds, in the order drawn."""
    query = select(*_COLUMNS).where(_given.project == project, _given.rater == rater, _given.state == "held")
    return tuple(Given(**row) for row in connection.execute(query.order_by(_given.drawn)).mappings())


def given_to(connection: Connection, project: str, rater: str, clip_id: str) -> tuple[Given, ...]:
    """List what became of a clip with a rater, by take; empty if they never had it."""
    query = select(*_COLUMNS).where(_given.project == project, _given.clip_id == clip_id, _given.rater == rater)
    return tuple(Given(**row) for row in connection.execute(query.order_by(_given.take)).mappings())


def renew(connection: Connection, project: str, rater: str, until: float) -> None:
    """Extend the leases of all that a rater holds."""
    mine = (_given.project == project) & (_given.rater == rater) & (_given.state == "held")
    connection.execute(update(assignment_table).where(mine).values(held_until=until))


def rater_place(connection: Connection, project: str, rater: str) -> tuple[int, int]:
    """Give how many clips a rater has drawn, and the frontier: no clip before it waits for them."""
    mine = (project_rater.c.project == project) & (project_rater.c.rater == rater)
    row = connection.execute(select(project_rater.c.drawn, project_rater.c.frontier).where(mine)).one_or_none()
    if row is not None:
        return row.drawn, row.frontier
    connection.execute(insert(project_rater).values(project=project, rater=rater, drawn=0, frontier=0))
    return 0, 0


def save_rater_place(connection: Connection, project: str, rater: str, drawn: int, frontier: int) -> None:
    """Keep how far a rater has come."""
    mine = (project_rater.c.project == project) & (project_rater.c.rater == rater)
    connection.execute(update(project_rater).where(mine).values(drawn=drawn, frontier=frontier))


def open_clips(
    connection: Connection, project: str, rater: str, overlap: int, frontier: int
) -> tuple[tuple[str, int], ...]:
    """List the next clips that lack some of their overlap and are free for a rater: ``(id, position)`` by position."""
    query = (
        select(_clip.clip_id, _clip.position)
        .where(_clip.project == project, _OPEN, _clip.taken < overlap, _clip.position >= frontier)
        .where(~_has(project, _clip.clip_id, rater))
        .order_by(_clip.position)
        .limit(_LOOK)
    )
    return tuple((id, position) for id, position in connection.execute(query))


def contested_clips(connection: Connection, project: str, rater: str, overlap: int) -> tuple[tuple[str, float], ...]:
    """List clips that have their overlap and want more, free for a rater: ``(id, priority)``, highest first."""
    query = (
        select(_clip.clip_id, _clip.priority)
        .where(_clip.project == project, _OPEN, _clip.taken >= overlap)
        .where(~_has(project, _clip.clip_id, rater))
        .order_by(_clip.priority.desc(), _clip.position.desc())
        .limit(_LOOK)
    )
    return tuple((id, priority) for id, priority in connection.execute(query))


def unseen_gold(connection: Connection, project: str, rater: str) -> list[str]:
    """List the hidden checks that a rater didn't have yet."""
    query = select(_clip.clip_id).where(_clip.project == project, _GOLD, ~_has(project, _clip.clip_id, rater))
    return list(connection.execute(query).scalars())


def repeatable(connection: Connection, project: str, scheme: str, rater: str, after: int, within: int) -> list[str]:
    """List clips for a hidden repeat: answered first between ``after`` and ``within`` answers ago, and not since.

    Hidden checks aren't among them: they come to a rater once.
    """
    made = annotation_table.c
    # the corrections of an answer are no answers of their own
    mine = (made.project == project) & (made.rater == rater) & (made.scheme == scheme) & made.replaces.is_(None)
    answers = (
        select(made.clip_id, made.take).where(mine).order_by(made.created.desc()).offset(after).limit(within - after)
    ).subquery()
    had = (_had.project == project) & (_had.clip_id == answers.c.clip_id) & (_had.rater == rater)
    query = (
        select(answers.c.clip_id)
        .join(project_clip, (_clip.project == project) & (_clip.clip_id == answers.c.clip_id))
        .where(answers.c.take == 0, _clip.gold.is_(None))
        .where(select(_had.take).where(had, _had.take == 0, _had.state == "answered").exists())
        .where(~select(_had.take).where(had, _had.take == 1, _had.state != "lost").exists())
    )
    return list(connection.execute(query).scalars())


def hold(connection: Connection, project: str, given: Given) -> None:
    """Give a clip to a rater who doesn't hold it: for the first time, or again after it was lost."""
    values = {"state": "held", "counted": given.take == 0, "drawn": given.drawn, "held_until": given.held_until}
    keys = {"project": project, "clip_id": given.clip_id, "rater": given.rater, "take": given.take}
    made = dialect_insert(connection, assignment_table).values(**keys, **values)
    connection.execute(made.on_conflict_do_update(index_elements=list(keys), set_=values))
    if given.take == 0:
        _add_taken(connection, project, {given.clip_id: 1})


def change_state(connection: Connection, project: str, given: Given, state: str, held_until: float = 0.0) -> None:
    """Change what became of a clip with a rater, and the clip's count with it."""
    before, after = counts(given.take, given.state), counts(given.take, state)
    this = (_given.clip_id == given.clip_id) & (_given.rater == given.rater) & (_given.take == given.take)
    changed = update(assignment_table).where(_given.project == project, this)
    connection.execute(changed.values(state=state, counted=after, held_until=held_until or given.held_until))
    if after > before:
        _add_taken(connection, project, {given.clip_id: 1})
    elif before > after:
        _freed(connection, project, {given.clip_id: 1})


def count_answered(connection: Connection, project: str, rater: str) -> int:
    """Count what a rater has answered, hidden repeats included."""
    mine = (_given.project == project) & (_given.rater == rater) & (_given.state == "answered")
    return connection.scalar(select(func.count()).select_from(assignment_table).where(mine)) or 0


def count_left(connection: Connection, project: str, rater: str) -> int:
    """Count the clips that a rater holds or could get: those open, and hidden checks, that they didn't have yet."""
    held = select(func.count()).where(_given.project == project, _given.rater == rater, _given.state == "held")
    total = connection.scalar(held) or 0
    # what isn't mine is counted without looking at each clip: all, less those that are
    mine = (
        select(func.count())
        .select_from(assignment_table)
        .join(project_clip, (_clip.project == _given.project) & (_clip.clip_id == _given.clip_id))
        .where(_given.project == project, _given.rater == rater, _given.take == 0, _given.state != "lost")
    )
    for which in (_OPEN, _GOLD):
        among = select(func.count()).select_from(project_clip).where(_clip.project == project, which)
        total += (connection.scalar(among) or 0) - (connection.scalar(mine.where(which)) or 0)
    return total
