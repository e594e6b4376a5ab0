"""Decisions of adjudicators: rows that are only ever added. Which one counts follows from their times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select

from affexion_core.errors import LabelError, NotFoundError
from affexion_core.store.labels import check_value
from affexion_core.store.names import require_scheme
from affexion_core.store.rows import chunks, insert_new
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import decision as decision_table
from affexion_core.store.schema import project as project_table
from affexion_core.store.session import Store, writing
from affexion_core.types import Decision

_COLUMNS = ("id", "clip_id", "scheme", "label", "decided_by", "reason", "created", "project", "withdrawn")


def add_decision(store: Store, made: Decision) -> bool:
    """Save a decision; when this returns it is on the disk.

    Returns
    -------
    bool
        Whether it was new. One whose id is there already changes nothing, so sending again is harmless.

    Raises
    ------
    LabelError
        If the label isn't in the scheme, or no reason is given.
    NotFoundError
        If the clip, scheme or project isn't in the workspace.
    """
    with writing(store) as connection:
        return insert_decision(connection, made)


def insert_decision(connection: Connection, made: Decision) -> bool:
    """Add a decision within a writing transaction; see `add_decision`."""
    if not made.reason.strip():
        raise LabelError(f"The decision about clip {made.clip_id} needs a reason; write a few words.")
    scheme = require_scheme(connection, made.scheme)
    if made.label is not None:
        check_value(scheme, made.label, f"Decision about clip {made.clip_id}")
    if connection.scalar(select(clip_table.c.id).where(clip_table.c.id == made.clip_id)) is None:
        raise NotFoundError(f"There is no clip {made.clip_id} in the workspace; reload the page.")
    _require_project(connection, made.project)
    return bool(insert_new(connection, decision_table, [{name: getattr(made, name) for name in _COLUMNS}]))


def _require_project(connection: Connection, name: str | None) -> None:
    known = name is None or connection.scalar(select(project_table.c.name).where(project_table.c.name == name))
    if known is None:
        raise NotFoundError(f"There is no project {name!r} in the workspace; it may have been deleted.")


def decisions_in(
    connection: Connection, clip_ids: Iterable[str], scheme: str, project: str | None, general: bool = False
) -> tuple[Decision, ...]:
    """Find decisions within a transaction, oldest first, withdrawals included.

    Parameters
    ----------
    connection
        A transaction.
    clip_ids, scheme
        About which clips, under which scheme.
    project
        Those of this project; None for those that hold for every dataset.
    general
        With a project, give those that hold for every dataset as well.
    """
    where: ColumnElement[bool] = decision_table.c.project == project
    if project is None:
        where = decision_table.c.project.is_(None)
    elif general:
        where = or_(where, decision_table.c.project.is_(None))
    query = select(decision_table).where(decision_table.c.scheme == scheme, where)
    rows = [
        row
        for part in chunks(dict.fromkeys(clip_ids))
        for row in connection.execute(query.where(decision_table.c.clip_id.in_(part))).mappings()
    ]
    return tuple(sorted(map(decision_of, rows), key=lambda made: (made.created, made.id)))


def decision_of(row: RowMapping) -> Decision:
    """Make a decision of its row."""
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS}
    return Decision(**values)


def current_decisions(decisions: Iterable[Decision]) -> Mapping[str, Decision]:
    """Keep the newest decision of each clip, by clip id; a withdrawal takes back all before it."""
    newest: dict[str, Decision] = {}
    for made in sorted(decisions, key=lambda made: (made.created, made.id)):
        newest[made.clip_id] = made
    return {clip_id: made for clip_id, made in newest.items() if not made.withdrawn}
