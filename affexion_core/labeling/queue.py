"""The queue of a project: give raters clips, take their answers in, and keep count.

Who gets what: a rater goes through the project's shuffle in blocks of 50 clips, in an order of their own within each,
and gets every clip that still lacks somebody (``taken`` < ``overlap``), never twice. Hidden checks and hidden repeats
are mixed in at seeded places. When no such clip is left, clips that want more people than the overlap come, highest
priority first; then the hidden checks not met yet. A clip that a rater skipped doesn't come back to them; one they lost
(lease over, or released) does.

A clip is held for a rater for ``lease_minutes``. Leases end when somebody draws, not by themselves, so an answer that
comes late counts as long as nobody took the place; else it is kept as an extra vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from affexion_core.errors import ConfigError, StoreError
from affexion_core.labeling.answers import UNCLEAR_REASONS, Answer
from affexion_core.labeling.desk import Desk, closed_words, sit_down
from affexion_core.labeling.intake import Receipt, submit, withdraw
from affexion_core.labeling.people import Person
from affexion_core.labeling.progress import PastAnswer, Progress, past_answers, progress
from affexion_core.labeling.routing import REPEAT_AFTER, REPEAT_WITHIN, first_block, order_key, place
from affexion_core.store import assignments
from affexion_core.store.assignments import Given
from affexion_core.store.session import Store, writing

__all__ = [
    "UNCLEAR_REASONS",
    "Answer",
    "PastAnswer",
    "Progress",
    "Receipt",
    "Task",
    "draw",
    "past_answers",
    "progress",
    "release",
    "submit",
    "withdraw",
]

MOST_HELD = 50


@dataclass(frozen=True)
class Task:
    """A clip to judge. ``take`` is 1 for a hidden repeat, so only ``clip_id`` may reach a browser."""

    clip_id: str
    take: int
    held_until: float


def draw(store: Store, project: str, person: Person, n: int = 4, now: float | None = None) -> tuple[Task, ...]:
    """Give a rater clips: what they hold, in the order drawn and with leases renewed, topped up to ``n``.

    Parameters
    ----------
    store
        The open store.
    project
        The project's name.
    person
        The rater.
    n
        How many clips to hold at once, 1 to 50. Those held already all come back, even if they are more.
    now
        Unix seconds; None for the present.

    Returns
    -------
    tuple of Task
        Fewer than ``n`` where no more are left for this rater; empty at the end.

    Raises
    ------
    RightsError
        If they may not label in this project.
    StoreError
        If the project is closed.
    NotFoundError
        If there is no such project.
    """
    if not 1 <= n <= MOST_HELD:
        raise ConfigError(f"n = {n} clips can't be drawn at once; choose 1 to {MOST_HELD}.")
    with writing(store) as connection:
        desk = sit_down(connection, project, person, now)
        closed = closed_words(desk.project)
        if closed:
            raise StoreError(closed)
        assignments.expire(connection, project, desk.now)
        held = list(assignments.held_by(connection, project, desk.rater))
        assignments.renew(connection, project, desk.rater, desk.lease_end)
        if len(held) < n:
            held += _draw_more(desk, n - len(held))
        return tuple(Task(given.clip_id, given.take, desk.lease_end) for given in held)


def _draw_more(desk: Desk, n: int) -> list[Given]:
    drawn, frontier = before = assignments.rater_place(desk.connection, desk.project.name, desk.rater)
    new: list[Given] = []
    while len(new) < n:
        clip_id, take, frontier = _choose(desk, drawn, frontier)
        if clip_id is None:
            break
        given = Given(clip_id, desk.rater, take, "held", drawn, desk.lease_end)
        assignments.hold(desk.connection, desk.project.name, given)
        new.append(given)
        drawn += 1
    if (drawn, frontier) != before:
        assignments.save_rater_place(desk.connection, desk.project.name, desk.rater, drawn, frontier)
    return new


def _choose(desk: Desk, drawn: int, frontier: int) -> tuple[str | None, int, int]:
    """Choose the next clip of a rater: ``(clip id or None, take, frontier)``."""
    settings, name = desk.project.settings, desk.project.name
    meant = place(settings.seed, desk.rater, drawn, settings.gold_share, settings.repeat_share)
    if meant == "repeat":
        scheme = desk.project.scheme.name
        again = assignments.repeatable(desk.connection, name, scheme, desk.rater, REPEAT_AFTER, REPEAT_WITHIN)
        if again:
            return _own_first(desk, again), 1, frontier
    gold = assignments.unseen_gold(desk.connection, name, desk.rater) if meant == "gold" else []
    if gold:
        return _own_first(desk, gold), 0, frontier
    found = assignments.open_clips(desk.connection, name, desk.rater, settings.overlap, frontier)
    if found:
        return _own_first(desk, first_block(found)), 0, found[0][1]
    contested = assignments.contested_clips(desk.connection, name, desk.rater, settings.overlap)
    highest = [id for id, priority in contested if priority == contested[0][1]]
    last = highest or assignments.unseen_gold(desk.connection, name, desk.rater)
    return _own_first(desk, last) if last else None, 0, assignments.END


def _own_first(desk: Desk, ids: Iterable[str]) -> str:
    """Take the clip that comes first in the rater's own order."""
    return min(ids, key=lambda id: (order_key(desk.project.settings.seed, desk.rater, id), id))


def release(store: Store, project: str, person: Person, clip_ids: Sequence[str], now: float | None = None) -> int:
    """Give clips back that a rater holds, so that others get them at once; give how many that were.

    Raises
    ------
    RightsError, NotFoundError
        As `draw`; a closed project takes clips back.
    """
    with writing(store) as connection:
        desk = sit_down(connection, project, person, now)
        return assignments.let_go(connection, project, desk.rater, list(clip_ids))
