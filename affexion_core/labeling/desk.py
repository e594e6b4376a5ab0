"""A rater at work in a project: who they are, what is asked, and the lock that lets one step happen at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection

from affexion_core.errors import RightsError
from affexion_core.labeling.people import Person, require_now
from affexion_core.labeling.projects import Project, project_of
from affexion_core.store.projects import require_project


@dataclass(frozen=True)
class Desk:
    """A rater at a project, within a transaction that has locked it."""

    connection: Connection
    project: Project
    rater: str
    now: float

    @property
    def lease_end(self) -> float:
        """When a lease that begins now ends, in unix seconds."""
        return self.now + 60 * self.project.settings.lease_minutes


def sit_down(connection: Connection, project: str, person: Person, now: float | None) -> Desk:
    """Lock a project for a rater.

    Raises
    ------
    RightsError
        If they may not label, or not in this project.
    """
    rater = require_now(connection, person, "label")
    found = project_of(require_project(connection, project, lock=True))
    if found.raters and rater.name not in found.raters:
        raise RightsError(f"{rater.name} isn't among the raters of project {project!r}; an owner can add them.")
    return Desk(connection, found, rater.name, time.time() if now is None else now)


def closed_words(project: Project) -> str | None:
    """Say that a project is closed; None if it is open."""
    return None if project.state == "open" else f"Project {project.name!r} is closed; an owner can open it again."
