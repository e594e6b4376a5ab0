"""Runs and their evaluations: what the pages list without opening run folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args

from sqlalchemy import Connection, RowMapping, delete, func, or_, select

from affexion_core.errors import ConfigError, NotFoundError, StoreError, allowed
from affexion_core.store.rows import json_ready, upsert
from affexion_core.store.schema import evaluation as evaluation_table
from affexion_core.store.schema import run as run_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import PART_KINDS, Run, RunKind


@dataclass(frozen=True)
class EvaluationRecord:
    """One evaluation of a run: its ``name`` is unique in the run.

    ``part`` says which clips of ``dataset`` were predicted; ``stamp`` whether the figures are clean, leaky or not
    verifiable; ``created`` is ISO 8601 UTC; ``summary`` holds the headline figures.
    """

    run_id: str
    name: str
    dataset: str
    part: str
    created: str
    stamp: str
    summary: Mapping[str, Any]


def save_run(store: Store, run: Run) -> None:
    """Save a run, replacing the one with the same id.

    Raises
    ------
    ConfigError
        If its kind isn't one of `RunKind`.
    StoreError
        If the summary holds what JSON can't, such as NaN (write None instead).
    """
    if run.kind not in get_args(RunKind):
        raise ConfigError(f"Run {run.id} has the kind {run.kind!r}; choose {allowed(get_args(RunKind))}.")
    row = {field.name: getattr(run, field.name) for field in fields(Run)}
    summary = json_ready(dict(run.summary), f"The summary of run {run.id}")
    with writing(store) as connection:
        upsert(connection, run_table, row | {"labels": list(run.labels), "summary": summary})


def get_run(store: Store, key: str) -> Run:
    """Get a run by its id, its name, or the beginning of its id where only one begins so.

    Raises
    ------
    NotFoundError
        If there is none; the message lists the newest.
    StoreError
        If several fit.
    """
    with reading(store) as connection:
        begins = func.substr(run_table.c.id, 1, len(key)) == key
        query = select(run_table).where(or_(begins, run_table.c.name == key)).order_by(*_NEWEST)
        rows = connection.execute(query).mappings().all()
        chosen = (
            [row for row in rows if row["id"] == key]
            or [row for row in rows if row["name"] == key]
            or (list(rows) if key else [])
        )
        if not chosen:
            raise _no_run(connection, key)
    if len(chosen) > 1:
        ids = ", ".join(row["id"] for row in chosen[:5]) + (", …" if len(chosen) > 5 else "")
        raise StoreError(f"{len(chosen)} runs fit {key!r}: {ids}; give one of these ids.")
    return _run(chosen[0])


_NEWEST = (run_table.c.created.desc(), run_table.c.id.desc())


def _no_run(connection: Connection, key: str) -> NotFoundError:
    newest = connection.execute(select(run_table.c.id, run_table.c.name).order_by(*_NEWEST).limit(10)).all()
    shown = ", ".join(f"{id} ({name})" if name else id for id, name in newest)
    total = connection.scalar(select(func.count()).select_from(run_table)) or 0
    there = f"choose {shown}" + (f" or one of {total - 10} older ones" if total > 10 else "")
    return NotFoundError(f"There is no run {key!r}; {there if newest else 'there are none yet, train one first'}.")


def _run(row: RowMapping) -> Run:
    return Run(**{**row, "labels": tuple(row["labels"])})


def list_runs(store: Store, kind: RunKind | None = None) -> tuple[Run, ...]:
    """List runs, newest first: all but the parts of others (folds, trials), or all of one kind.

    Raises
    ------
    ConfigError
        If ``kind`` isn't one of `RunKind`.
    """
    if kind is not None and kind not in get_args(RunKind):
        raise ConfigError(f"There is no kind of run {kind!r}; choose {allowed(get_args(RunKind))}.")
    of_kind = run_table.c.kind.not_in(PART_KINDS) if kind is None else run_table.c.kind == kind
    query = select(run_table).where(of_kind).order_by(*_NEWEST)
    with reading(store) as connection:
        return tuple(_run(row) for row in connection.execute(query).mappings())


def delete_run(store: Store, id: str) -> None:
    """Delete a run with its evaluations and its parts; folders on disk stay. `NotFoundError` lists the newest runs."""
    with writing(store) as connection:
        # parts first: a run found by its parent goes with it
        connection.execute(delete(run_table).where(run_table.c.parent == id))
        if not connection.execute(delete(run_table).where(run_table.c.id == id)).rowcount:
            raise _no_run(connection, id)


def save_evaluation(store: Store, record: EvaluationRecord) -> None:
    """Save an evaluation of a run, replacing the one of the same run and name.

    Raises
    ------
    NotFoundError
        If there is no such run.
    StoreError
        If the summary holds what JSON can't, such as NaN (write None instead).
    """
    row = {field.name: getattr(record, field.name) for field in fields(EvaluationRecord)}
    row["summary"] = json_ready(dict(record.summary), f"The summary of evaluation {record.name!r}")
    with writing(store) as connection:
        if connection.scalar(select(run_table.c.id).where(run_table.c.id == record.run_id)) is None:
            raise _no_run(connection, record.run_id)
        upsert(connection, evaluation_table, row)


def list_evaluations(store: Store, run_id: str | None = None) -> tuple[EvaluationRecord, ...]:
    """List evaluations, newest first, all or of one run; `NotFoundError` if there is no such run."""
    table = evaluation_table
    query = select(table).order_by(table.c.created.desc(), table.c.run_id, table.c.name)
    if run_id is not None:
        query = query.where(table.c.run_id == run_id)
    with reading(store) as connection:
        rows: Sequence[RowMapping] = connection.execute(query).mappings().all()
        known = select(run_table.c.id).where(run_table.c.id == run_id)
        if run_id is not None and not rows and connection.scalar(known) is None:
            raise _no_run(connection, run_id)
    return tuple(EvaluationRecord(**row) for row in rows)
