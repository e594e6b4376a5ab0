"""Jobs: what is to be computed, what is being computed and by whom, and what became of it.

A job goes ``queued → running → done, failed, cancelled or interrupted``, and from the last three back to ``queued``.
Every start of a job gets a new ``token``: only who shows the token of the latest start may report progress or an end,
so a worker that stalled, was given up and woke again changes nothing (fencing). Times that decide whether somebody is
alive are unix seconds given by the caller; those for people are ISO 8601 UTC and set here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Update, case, delete, func, null, select, update

from affexion_core.errors import ConfigError, NotFoundError, StoreError, allowed
from affexion_core.store.job import ENDED, JOB_KINDS, JOB_STATES, STOPPED, Beat, Job, JobKind, JobState
from affexion_core.store.rows import json_ready
from affexion_core.store.rows import now as present
from affexion_core.store.schema import job as job_table
from affexion_core.store.session import Store, reading, writing

_table = job_table.c
_NEWEST = (_table.created.desc(), _table.id.desc())
# Says which process has a job; empty while none has it.
_NOBODY: dict[str, Any] = {"host": null(), "pid": null(), "pid_started": null(), "heartbeat": null()}


def add_job(
    store: Store,
    kind: JobKind,
    spec: Mapping[str, Any],
    run_id: str | None = None,
    parent: str | None = None,
    needs: Mapping[str, Any] | None = None,
) -> Job:
    """Queue a job. Under a parent that was cancelled it is cancelled at once.

    Parameters
    ----------
    store
        The open store.
    kind
        One of `JOB_KINDS`.
    spec
        What to compute, as JSON can hold it.
    run_id
        The run it makes or continues.
    parent
        Id of the job it is a part of.
    needs
        What it takes from the machine while it runs; None for nothing.

    Raises
    ------
    ConfigError
        If there is no such kind.
    NotFoundError
        If the parent isn't there.
    StoreError
        If ``spec`` or ``needs`` hold what JSON can't.
    """
    if kind not in JOB_KINDS:
        raise ConfigError(f"There is no kind of job {kind!r}; choose {allowed(JOB_KINDS)}.")
    made = datetime.now(UTC)
    id = f"{made:%Y%m%d-%H%M%S-%f}-{kind}-{secrets.token_hex(3)}"
    row: dict[str, Any] = {
        "id": id,
        "kind": kind,
        "state": "queued",
        "spec": json_ready(dict(spec), f"The spec of the {kind} job"),
        "run_id": run_id,
        "parent": parent,
        "needs": json_ready(dict(needs or {}), f"The needs of the {kind} job"),
        **{"done": 0, "total": 0, "words": "", "attempt": 0, "token": 0, "cancel": False},
        "created": made.isoformat(timespec="microseconds"),
    }
    with writing(store) as connection:
        if parent is not None:
            # locked, so that a cancellation of the parent either is seen here or sees this job
            above = _locked(connection, parent)
            if above["cancel"] or above["state"] == "cancelled":
                row |= {"state": "cancelled", "reason": f"its parent {parent} was cancelled", "finished": present()}
        connection.execute(job_table.insert().values(row))
        return _job(_required(connection, id))


def get_job(store: Store, id: str) -> Job:
    """Get a job by its id, or by the beginning of its id where only one begins so.

    Raises
    ------
    NotFoundError
        If there is none; the message lists the newest.
    StoreError
        If several begin so.
    """
    begins = func.substr(_table.id, 1, len(id)) == id
    with reading(store) as connection:
        rows = connection.execute(select(job_table).where(begins).order_by(*_NEWEST)).mappings().all() if id else []
        chosen = [row for row in rows if row["id"] == id] or list(rows)
        if not chosen:
            raise _no_job(connection, id)
    if len(chosen) > 1:
        ids = ", ".join(row["id"] for row in chosen[:5]) + (", …" if len(chosen) > 5 else "")
        raise StoreError(f"{len(chosen)} jobs begin with {id!r}: {ids}; give one of these ids.")
    return _job(chosen[0])


def list_jobs(
    store: Store,
    states: Iterable[JobState] | None = None,
    parent: str | None = None,
    kind: JobKind | None = None,
    limit: int | None = None,
) -> tuple[Job, ...]:
    """List jobs, newest first; None asks nothing, empty ``states`` find none.

    Raises
    ------
    ConfigError
        If a state or the kind isn't one of the choices, or ``limit`` is negative.
    """
    query = select(job_table).order_by(*_NEWEST).limit(limit)
    if limit is not None and limit < 0:
        raise ConfigError(f"limit = {limit} can't be negative.")
    if states is not None:
        wanted = [states] if isinstance(states, str) else list(states)
        for state in wanted:
            _check_state(state, JOB_STATES)
        query = query.where(_table.state.in_(wanted))
    if parent is not None:
        query = query.where(_table.parent == parent)
    if kind is not None:
        if kind not in JOB_KINDS:
            raise ConfigError(f"There is no kind of job {kind!r}; choose {allowed(JOB_KINDS)}.")
        query = query.where(_table.kind == kind)
    with reading(store) as connection:
        return tuple(_job(row) for row in connection.execute(query).mappings())


def claim_job(store: Store, id: str, host: str, now: float) -> Job | None:
    """Take a queued job and start it; of any number who try at once, one gets it.

    Parameters
    ----------
    store
        The open store.
    id
        The job's whole id.
    host
        The machine it will run on.
    now
        Unix seconds: the first sign of life.

    Returns
    -------
    Job or None
        The job with its new ``token``; None if it isn't queued, isn't there, or is to be cancelled, which it then is.
    """
    queued = update(job_table).where(_table.id == id, _table.state == "queued")
    claim = queued.where(_table.cancel.is_(False)).values(
        **_NOBODY
        | {"state": "running", "attempt": _table.attempt + 1, "token": _table.token + 1}
        | {"host": host, "heartbeat": now, "started": present(), "finished": null()},
    )
    with writing(store) as connection:
        row = connection.execute(claim.returning(job_table)).mappings().one_or_none()
        if row is None:
            connection.execute(queued.where(_table.cancel.is_(True)).values(state="cancelled", finished=present()))
    return _job(row) if row is not None else None


def note_process(store: Store, id: str, token: int, pid: int, pid_started: float) -> bool:
    """Note which process runs a job; False if ``token`` is not its latest start or it isn't running.

    ``pid_started`` (unix seconds) tells the process from a later one that got the same number.
    """
    with writing(store) as connection:
        noted = _running(id, token).values(pid=pid, pid_started=pid_started)
        return connection.execute(noted).rowcount == 1


def beat(
    store: Store,
    id: str,
    token: int,
    now: float,
    done: int | None = None,
    total: int | None = None,
    words: str | None = None,
) -> Beat:
    """Give a sign of life, with progress where it isn't None.

    Returns
    -------
    Beat
        ``mine`` is False, and nothing is changed, if ``token`` is not the latest start or the job isn't running.
    """
    told = {"done": done, "total": total, "words": words}
    values = {"heartbeat": now} | {name: value for name, value in told.items() if value is not None}
    with writing(store) as connection:
        cancel = connection.scalar(_running(id, token).values(**values).returning(_table.cancel))
    return Beat(mine=cancel is not None, cancel=bool(cancel))


def end_job(store: Store, id: str, token: int, state: JobState, reason: str | None = None) -> bool:
    """Report the end of a job; False, and nothing is changed, if ``token`` is not its latest start or it isn't running.

    Raises
    ------
    ConfigError
        If ``state`` isn't one in which a job has ended.
    """
    _check_state(state, ENDED)
    with writing(store) as connection:
        ended = _running(id, token).values(state=state, reason=reason, finished=present())
        return connection.execute(ended).rowcount == 1


def cancel_job(store: Store, id: str) -> Job:
    """Cancel a job and all below it: at once where queued, by asking where running; what has ended stays as it is.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    with writing(store) as connection:
        ids = [row["id"] for row in _family(connection, id)]
        these = update(job_table).where(_table.id.in_(ids))
        connection.execute(these.where(_table.state == "running").values(cancel=True))
        connection.execute(
            these.where(_table.state == "queued").values(
                state="cancelled", finished=present(), reason="cancelled while it waited"
            )
        )
        return _job(_required(connection, id))


def requeue_job(store: Store, id: str, reason: str | None = None, reset_attempts: bool = False) -> Job:
    """Put a job that failed, was cancelled or interrupted back into the queue, and all below it that aren't done.

    One that is queued already stays so. Progress is kept: what goes on starts from its checkpoints.

    Parameters
    ----------
    store
        The open store.
    id
        The job's whole id.
    reason
        Why, kept with the job; None keeps the reason it has.
    reset_attempts
        Count attempts from zero again.

    Raises
    ------
    NotFoundError
        If there is no such job.
    StoreError
        If it is running or done, or one below it was told to stop and hasn't yet; nothing is changed then.
    """
    with writing(store) as connection:
        family = _family(connection, id)
        _check_requeue(id, family)
        values: dict[str, Any] = _NOBODY | {"state": "queued", "cancel": False, "finished": null()}
        values |= {"reason": reason} if reason is not None else {}
        values |= {"attempt": 0} if reset_attempts else {}
        stopped = update(job_table).where(_table.id.in_([row["id"] for row in family]), _table.state.in_(STOPPED))
        connection.execute(stopped.values(**values))
        return _job(_required(connection, id))


def _check_requeue(id: str, family: Sequence[RowMapping]) -> None:
    state = next(row["state"] for row in family if row["id"] == id)
    if state == "running":
        raise StoreError(f"Job {id} is running; cancel it first to start it again.")
    if state == "done":
        raise StoreError(f"Job {id} is done; start a new one to compute it again.")
    stopping = next((row["id"] for row in family if row["state"] == "running" and row["cancel"]), None)
    if stopping is not None:
        raise StoreError(f"Job {stopping} below {id} is still stopping; try again when it has stopped.")


def lose_job(store: Store, id: str, token: int, reason: str, max_attempts: int = 3) -> Job:
    """Give up on a running job's worker: queue the job again, or let it fail after ``max_attempts``.

    A job that was to be cancelled is cancelled. Nothing changes if ``token`` is not its latest start or it isn't
    running; whoever held the token can't report for the job any more.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    attempts = "1 attempt" if max_attempts == 1 else f"{max_attempts} attempts"
    again = ~_table.cancel & (_table.attempt < max_attempts)
    gave_up = ~_table.cancel & (_table.attempt >= max_attempts)
    # the process that was lost stays noted where the job ends here, for people; a queued job has none
    nobody = {name: case((again, nothing), else_=_table[name]) for name, nothing in _NOBODY.items()}
    lost = _running(id, token).values(
        **nobody,
        state=case((_table.cancel, "cancelled"), (again, "queued"), else_="failed"),
        reason=case((gave_up, f"stopped after {attempts}: {reason}"), else_=reason),
        finished=case((again, null()), else_=present()),
    )
    with writing(store) as connection:
        connection.execute(lost)
        return _job(_required(connection, id))


def delete_job(store: Store, id: str) -> None:
    """Delete a job and all below it; run folders stay.

    Raises
    ------
    NotFoundError
        If there is no such job.
    StoreError
        If it or one below it is running; nothing is deleted then.
    """
    with writing(store) as connection:
        running = [row["id"] for row in _family(connection, id) if row["state"] == "running"]
        if running:
            raise StoreError(f"Job {running[0]} is running; cancel it first, and delete it when it has stopped.")
        connection.execute(delete(job_table).where(_table.id == id))  # those below go with it


def _running(id: str, token: int) -> Update:
    """Begin the one statement by which a worker changes its job: it finds no row once the job isn't the worker's."""
    return update(job_table).where(_table.id == id, _table.token == token, _table.state == "running")


def _family(connection: Connection, id: str) -> list[RowMapping]:
    """Lock a job and all below it, level by level.

    Who adds a job locks its parent, so once a level is locked, the next can't grow. Always from above and in the order
    of ids, so that two who do this can't wait for each other.
    """
    family = level = [_locked(connection, id)]
    while level:
        query = select(job_table).where(_table.parent.in_([row["id"] for row in level])).order_by(_table.id)
        level = list(connection.execute(query.with_for_update()).mappings())
        family = family + level
    return family


def _locked(connection: Connection, id: str) -> RowMapping:
    return _required(connection, id, lock=True)


def _required(connection: Connection, id: str, lock: bool = False) -> RowMapping:
    query = select(job_table).where(_table.id == id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        raise _no_job(connection, id)
    return row


def _no_job(connection: Connection, id: str) -> NotFoundError:
    newest = connection.execute(select(_table.id, _table.state).order_by(*_NEWEST).limit(5)).all()
    shown = ", ".join(f"{id} ({state})" for id, state in newest)
    total = connection.scalar(select(func.count()).select_from(job_table)) or 0
    there = f"choose {shown}" + (f" or one of {total - 5} older ones" if total > 5 else "")
    return NotFoundError(f"There is no job {id!r}; {there if newest else 'there are none yet'}.")


def _check_state(state: str, choices: Sequence[JobState]) -> None:
    if state not in choices:
        raise ConfigError(f"{state!r} is no state to ask for here; choose {allowed(choices)}.")


def _job(row: RowMapping) -> Job:
    return Job(**row)
