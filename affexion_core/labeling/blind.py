"""Raters judge alone: who may see what others said."""

from __future__ import annotations

from affexion_core.labeling.people import may
from affexion_core.labeling.progress import progress
from affexion_core.labeling.projects import get_project
from affexion_core.labeling.votes import projects_behind
from affexion_core.store.people import Person
from affexion_core.store.session import Store


def why_hidden(store: Store, name: str, person: Person | None) -> str | None:
    """Say why somebody may not see the votes on a project or dataset yet; None where they may.

    Adjudicators and owners may, and so may those who don't label in it. Raters may once no clip is left for them in any
    of the open projects that the judgements come from. Votes that came with a corpus hide from nobody.

    Raises
    ------
    NotFoundError
        If there is no such project or dataset.
    """
    behind = [get_project(store, project) for project in projects_behind(store, name)]
    if not behind or (person is not None and may(person, "adjudicate")):
        return None
    if person is None:
        return "Say who you are first: raters see what others said only once they have judged their own clips."
    for project in behind:
        labels = may(person, "label") and (not project.raters or person.name in project.raters)
        left = progress(store, project.name, person).left if labels and project.state == "open" else 0
        if left:
            return (
                f"{left} {'clip waits' if left == 1 else 'clips wait'} for you in the project {project.name}. "
                "What others said shows here once you have judged them, so that you judge on your own."
            )
    return None
