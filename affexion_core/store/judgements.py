"""The judgements of one rater in a project: chains of corrections, read and written within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from affexion_core.store.labels import annotation_of, annotation_values
from affexion_core.store.rows import insert_new
from affexion_core.store.schema import annotation as annotation_table
from affexion_core.types import Annotation, Scheme

_made = annotation_table.c
# made once: an alias of a wide table takes longer to make than the query to run
_newer = annotation_table.alias("newer").c


def find_judgement(connection: Connection, id: str) -> Annotation | None:
    """Find a judgement by its id."""
    row = connection.execute(select(annotation_table).where(_made.id == id)).mappings().one_or_none()
    return None if row is None else annotation_of(row)


def _newest() -> ColumnElement[bool]:
    """Ask for ends of chains: what no other judgement replaces."""
    return ~select(_newer.id).where(_newer.replaces == _made.id).exists()


def chain_ends(
    connection: Connection, project: str, schemes: Iterable[str], rater: str, clip_id: str, take: int
) -> dict[str, Annotation]:
    """Give a rater's newest judgement of a clip under each scheme, withdrawals included: scheme name → judgement."""
    query = select(annotation_table).where(
        *(_made.clip_id == clip_id, _made.scheme.in_(list(schemes)), _made.project == project),
        *(_made.rater == rater, _made.take == take, _newest()),
    )
    return {row["scheme"]: annotation_of(row) for row in connection.execute(query).mappings()}


def insert_judgements(connection: Connection, made: Sequence[Annotation], schemes: Mapping[str, Scheme]) -> None:
    """Add judgements whose clips, schemes and values the caller has checked."""
    insert_new(connection, annotation_table, [annotation_values(each, schemes[each.scheme]) for each in made])


def last_created(connection: Connection, project: str, rater: str) -> str | None:
    """Say when a rater last judged in a project (ISO 8601 UTC)."""
    mine = (_made.project == project) & (_made.rater == rater)
    return connection.scalar(select(func.max(_made.created)).where(mine))


def recent_judgements(
    connection: Connection, project: str, scheme: str, others: Sequence[str], rater: str, limit: int
) -> tuple[tuple[Annotation, tuple[Annotation, ...]], ...]:
    """List what a rater says now, newest first: each judgement under the scheme with those under the ``others``."""
    mine = (_made.project == project) & (_made.rater == rater) & ~_made.withdrawn & _newest()
    query = select(annotation_table).where(mine, _made.scheme == scheme).order_by(_made.created.desc()).limit(limit)
    found = [annotation_of(row) for row in connection.execute(query).mappings()]
    more: dict[tuple[str, int], list[Annotation]] = {}
    if others and found:
        clips = sorted({each.clip_id for each in found})
        beside = select(annotation_table).where(mine, _made.scheme.in_(list(others)), _made.clip_id.in_(clips))
        for row in connection.execute(beside.order_by(_made.scheme)).mappings():
            more.setdefault((row["clip_id"], row["take"]), []).append(annotation_of(row))
    return tuple((each, tuple(more.get((each.clip_id, each.take), ()))) for each in found)


def count_since(connection: Connection, project: str, scheme: str, rater: str, since: str) -> int:
    """Count a rater's answers from a time on (ISO 8601 UTC); corrections are none of their own."""
    mine = (_made.project == project) & (_made.rater == rater) & (_made.scheme == scheme)
    return connection.scalar(select(func.count()).where(mine, _made.replaces.is_(None), _made.created >= since)) or 0


def recent_seconds(connection: Connection, project: str, scheme: str, rater: str, limit: int) -> list[float]:
    """List how long a rater took for their newest answers, where that is known."""
    mine = (_made.project == project) & (_made.rater == rater) & (_made.scheme == scheme)
    query = select(_made.seconds).where(mine, _made.seconds.is_not(None)).order_by(_made.created.desc()).limit(limit)
    return [float(seconds) for seconds in connection.execute(query).scalars()]
