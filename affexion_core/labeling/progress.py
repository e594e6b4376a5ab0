"""What a rater has done: their own answers, and how far they are. Nothing here tells of others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from affexion_core.errors import ConfigError
from affexion_core.labeling.answers import Answer
from affexion_core.labeling.people import Person, require_now
from affexion_core.labeling.projects import project_of
from affexion_core.store.assignments import count_answered, count_left
from affexion_core.store.judgements import count_since, recent_judgements, recent_seconds
from affexion_core.store.projects import require_project
from affexion_core.store.session import Store, reading
from affexion_core.types import Annotation

# The median time is that of so many newest answers: of how a rater works now.
_NEWEST = 200


@dataclass(frozen=True)
class PastAnswer:
    """An answer as it counts now: its ``id`` is that of the newest correction; ``at`` is ISO 8601 UTC."""

    answer: Answer
    at: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """How far a rater is.

    ``done`` counts what they answered; ``left`` the clips they hold or could still get, of which others may take some;
    ``today`` what they answered since midnight on this machine's clock; ``seconds_median`` how long their newest
    answers took, None where that isn't known.
    """

    done: int
    left: int
    today: int
    seconds_median: float | None


def past_answers(store: Store, project: str, person: Person, limit: int = 20) -> tuple[PastAnswer, ...]:
    """List a rater's own answers, newest first, as they count now; those taken back are gone.

    Raises
    ------
    NotFoundError
        If there is no such project.
    RightsError
        If they aren't among the people of the workspace.
    """
    if limit < 0:
        raise ConfigError(f"limit = {limit} can't be negative.")
    with reading(store) as connection:
        rater = require_now(connection, person, "view")
        found = project_of(require_project(connection, project))
        dimensions = found.settings.dimensions
        made = recent_judgements(connection, project, found.scheme.name, dimensions, rater.name, limit)
    return tuple(PastAnswer(_answer(each, beside), each.created, each.flags) for each, beside in made)


def _answer(made: Annotation, beside: tuple[Annotation, ...]) -> Answer:
    same = ("id", "clip_id", "second", "unclear", "confidence", "intensity", "comment", "seconds", "heard", "replaces")
    numbers = {each.scheme: float(each.value) for each in beside if each.value is not None}
    return Answer(**{name: getattr(made, name) for name in same}, label=made.value, dimensions=numbers)


def progress(store: Store, project: str, person: Person, now: float | None = None) -> Progress:
    """Say how far a rater is in a project.

    Raises
    ------
    NotFoundError, RightsError
        As `past_answers`.
    """
    moment = time.time() if now is None else now
    midnight = datetime.fromtimestamp(moment).astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight.astimezone(UTC).isoformat(timespec="microseconds")
    with reading(store) as connection:
        rater = require_now(connection, person, "view").name
        scheme = require_project(connection, project).scheme.name
        seconds = recent_seconds(connection, project, scheme, rater, _NEWEST)
        return Progress(
            done=count_answered(connection, project, rater),
            left=count_left(connection, project, rater),
            today=count_since(connection, project, scheme, rater, since),
            seconds_median=median(seconds) if seconds else None,
        )
