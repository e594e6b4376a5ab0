"""Labelling projects: what is asked of whom about which clips."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection

from affexion_core.config import build, config_class, plain
from affexion_core.errors import ConfigError, LabelError, NotFoundError, StoreError, allowed
from affexion_core.labeling.people import Person, require_now
from affexion_core.labeling.routing import people_wanted, shuffled
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.labels import check_value, save_scheme
from affexion_core.store.people import require_person
from affexion_core.store.projects import (
    ProjectRow,
    all_projects,
    append_clips,
    change_project,
    clip_states,
    clips_of_project,
    count_project,
    current_votes,
    insert_project,
    require_clips,
    require_project,
    taken_name,
    update_clips,
)
from affexion_core.store.rows import chunks, now
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Scheme

# Numeric schemes from 1 to 7 that a project may ask for beside its own.
DIMENSIONS = ("arousal", "valence", "dominance")
# So many clips are given a priority in one transaction, so that raters don't wait behind it.
_AT_ONCE = 500


@config_class
class ProjectSettings:
    """What a project asks of its raters, and how its queue works."""

    overlap: Annotated[int, Field(ge=1, le=20, description="Different people who judge each clip.")] = 3
    extra_raters: Annotated[
        int,
        Field(ge=0, le=10, description="More people a clip may get while no answer has more than half of the votes."),
    ] = 2
    gold_share: Annotated[
        float,
        Field(ge=0, le=0.5, description="Share of draws that are hidden checks, as long as there are unseen ones."),
    ] = 0.05
    repeat_share: Annotated[
        float, Field(ge=0, le=0.5, description="Share of draws that are hidden repeats of the rater's own clips.")
    ] = 0.05
    lease_minutes: Annotated[
        float, Field(gt=0, le=1440, description="Minutes a clip is kept for a rater who doesn't answer.")
    ] = 10
    must_listen: Annotated[bool, Field(description="Answers open once 90 % of the clip was heard.")] = True
    dimensions: Annotated[
        tuple[str, ...], Field(description="Also asked, from 1 to 7: arousal, valence, dominance.")
    ] = ()
    intensity: Annotated[bool, Field(description="Ask how strong it is, from 1 to 5.")] = False
    confidence: Annotated[bool, Field(description="Ask how sure the rater is, from 1 to 5.")] = True
    comment: Annotated[bool, Field(description="Offer a comment.")] = True
    second_label: Annotated[bool, Field(description="Offer a second label heard as well.")] = True
    instructions: Annotated[str, Field(max_length=20_000, description="What raters read before they begin.")] = ""
    seed: Annotated[int, Field(ge=0, lt=2**31, description="Same seed, same order of clips for each rater.")] = 0

    def __post_init__(self) -> None:
        wrong = next((name for name in self.dimensions if name not in DIMENSIONS), None)
        if wrong is not None:
            raise ConfigError(f"There is no dimension {wrong!r}; choose {allowed(DIMENSIONS)}.", change=("dimensions",))
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ConfigError("A dimension is named twice; name each once.", change=("dimensions",))


@dataclass(frozen=True)
class Project:
    """Clips to be judged under a scheme.

    ``raters`` names those who may label; empty for everyone whose role allows it. ``state`` is ``open`` or ``closed``;
    ``created`` ISO 8601 UTC.
    """

    name: str
    scheme: Scheme
    settings: ProjectSettings
    raters: tuple[str, ...]
    state: str
    created: str
    created_by: str


@dataclass(frozen=True)
class ProjectSummary:
    """A project and how far it is.

    ``n_done`` counts clips with all the judgements they want; ``n_judgements`` and ``raters`` count judgements,
    hidden repeats included.
    """

    project: Project
    n_clips: int
    n_done: int
    n_judgements: int
    raters: Mapping[str, int]


def project_of(row: ProjectRow) -> Project:
    """Make a project of its row."""
    settings = build(ProjectSettings, row.settings)
    return Project(row.name, row.scheme, settings, row.raters, row.state, row.created, row.created_by)


def create_project(
    store: Store,
    by: Person,
    name: str,
    scheme: Scheme,
    clip_ids: Iterable[str],
    settings: ProjectSettings | None = None,
    raters: Sequence[str] = (),
    gold: Mapping[str, str] | None = None,
) -> Project:
    """Make a project; all of it is saved, or nothing but the scheme.

    Parameters
    ----------
    store
        The open store.
    by
        An owner.
    name
        Not that of another project or of a dataset.
    scheme
        What a judgement may say. Saved with the workspace.
    clip_ids
        The clips, whose order doesn't matter.
    settings
        None for the defaults.
    raters
        Names of the people who may label; empty for everyone whose role allows it.
    gold
        Hidden checks: clip id → known answer. They reach every rater once; clips not among ``clip_ids`` are added.

    Raises
    ------
    RightsError
        If ``by`` may not manage projects.
    StoreError
        If the name is taken, or there are no clips.
    NotFoundError
        If a clip or rater isn't in the workspace.
    LabelError
        If a known answer isn't in the scheme, or the scheme is there with other labels.
    """
    settings, gold = settings or ProjectSettings(), dict(gold or {})
    title, ids = _checked_name(name), list(dict.fromkeys([*clip_ids, *gold]))
    if not ids:
        raise StoreError(f"Project {title!r} would have no clips; choose some.", change=("datasets", "clips"))
    _check_gold(scheme, gold)
    made = ProjectRow(title, scheme, plain(settings), tuple(dict.fromkeys(raters)), "open", now(), by.name)
    _save_schemes(store, by, title, (scheme, *(shipped_schemes()[name] for name in settings.dimensions)))
    with writing(store) as connection:
        require_now(connection, by, "manage projects")
        for rater in made.raters:
            require_person(connection, rater)
        require_clips(connection, ids)
        _check_free(taken_name(connection, title), title)
        if not insert_project(connection, made):
            _check_free("project", title)
        append_clips(connection, title, shuffled(ids, settings.seed, "clips"), settings.overlap, gold)
    return get_project(store, title)


def _save_schemes(store: Store, by: Person, title: str, schemes: Sequence[Scheme]) -> None:
    with reading(store) as connection:  # before a scheme is saved for nothing
        require_now(connection, by, "manage projects")
        _check_free(taken_name(connection, title), title)
    for scheme in schemes:
        save_scheme(store, scheme)


def _checked_name(name: str) -> str:
    title = " ".join(name.split())
    if not title or len(title) > 80 or not title.isprintable():
        raise StoreError(f"The name {title[:80]!r} can't be used; a project has 1 to 80 printable characters.")
    return title


def _check_free(kind: str | None, name: str) -> None:
    if kind is not None:
        raise StoreError(f"There is a {kind} {name!r} already; choose another name.", change=("name",))


def _check_gold(scheme: Scheme, gold: Mapping[str, str]) -> None:
    if gold and not scheme.labels:
        raise LabelError(f"Hidden checks need a scheme with labels; {scheme.name!r} has numbers.")
    for id, label in gold.items():
        check_value(scheme, label, f"The known answer of clip {id}")


def get_project(store: Store, name: str) -> Project:
    """Get a project; `NotFoundError` lists the projects there are."""
    with reading(store) as connection:
        return project_of(require_project(connection, name))


def list_projects(store: Store) -> tuple[ProjectSummary, ...]:
    """List the projects, newest first, with how far they are."""
    with reading(store) as connection:
        return tuple(_summary(connection, row) for row in all_projects(connection))


def summarize_project(store: Store, name: str) -> ProjectSummary:
    """Say how far one project is; `NotFoundError` lists the projects there are."""
    with reading(store) as connection:
        return _summary(connection, require_project(connection, name))


def _summary(connection: Connection, row: ProjectRow) -> ProjectSummary:
    counts = count_project(connection, row.name)
    return ProjectSummary(project_of(row), counts.n_clips, counts.n_done, sum(counts.raters.values()), counts.raters)


def extend_project(store: Store, by: Person, name: str, clip_ids: Iterable[str]) -> int:
    """Add clips behind those a project has, shuffled among themselves; give how many were new.

    Raises
    ------
    RightsError
        If ``by`` may not manage projects.
    NotFoundError
        If the project or a clip isn't in the workspace.
    """
    ids = list(dict.fromkeys(clip_ids))
    with writing(store) as connection:
        require_now(connection, by, "manage projects")
        project = project_of(require_project(connection, name, lock=True))
        require_clips(connection, ids)
        there = clips_of_project(connection, name)
        new = shuffled((id for id in ids if id not in there), project.settings.seed, "clips")
        append_clips(connection, name, new, project.settings.overlap, {})
    return len(new)


def set_raters(store: Store, by: Person, name: str, raters: Sequence[str]) -> Project:
    """Say who may label in a project; empty for everyone whose role allows it. Judgements made stay.

    Raises
    ------
    RightsError
        If ``by`` may not manage projects.
    NotFoundError
        If the project or a rater isn't in the workspace.
    """
    with writing(store) as connection:
        require_now(connection, by, "manage projects")
        require_project(connection, name, lock=True)
        for rater in raters:
            require_person(connection, rater)
        change_project(connection, name, raters=list(dict.fromkeys(raters)))
        return project_of(require_project(connection, name))


def close_project(store: Store, by: Person, name: str) -> Project:
    """End labelling in a project: nothing is given out or taken in until it is opened again. Errors as `set_raters`."""
    return _set_state(store, by, name, "closed")


def open_project(store: Store, by: Person, name: str) -> Project:
    """Take labelling up again in a closed project. Errors as `set_raters`."""
    return _set_state(store, by, name, "open")


def _set_state(store: Store, by: Person, name: str, state: str) -> Project:
    with writing(store) as connection:
        require_now(connection, by, "manage projects")
        require_project(connection, name, lock=True)
        change_project(connection, name, state=state)
        return project_of(require_project(connection, name))


def set_priorities(store: Store, by: Person, project: str, priorities: Mapping[str, float]) -> int:
    """Let a model ask for a second look at clips.

    The blind pass comes first: no priority changes which clips get their overlap of judgements, or when. After it, a
    clip with a priority above 0 is given to one more person than the overlap (at most ``extra_raters`` more, as
    always), and clips that want more people, for this or for disagreement, come in the order of their priority,
    highest first. So give priorities only to clips that deserve the look; 0 takes one back.

    Parameters
    ----------
    store
        The open store.
    by
        Somebody who may adjudicate.
    project
        The project.
    priorities
        Clip id → priority, 0 or higher; clips not named keep theirs.

    Returns
    -------
    int
        How many clips now have a priority above 0 by this call.

    Raises
    ------
    RightsError
        If ``by`` may not adjudicate.
    LabelError
        If a priority is negative or no number; nothing is changed then.
    NotFoundError
        If a clip isn't in the project; nothing is changed then.
    """
    for id, value in priorities.items():
        if not (math.isfinite(value) and value >= 0):
            raise LabelError(f"The priority of clip {id} is {value!r}; it must be a number from 0.")
    with reading(store) as connection:
        require_now(connection, by, "adjudicate")
        row = require_project(connection, project)
        missing = sorted(set(priorities) - set(clip_states(connection, project, priorities)))
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise NotFoundError(f"Clip {missing[0]}{more} isn't in project {project!r}; add it to the project first.")
    for part in chunks(sorted(priorities), _AT_ONCE):
        with writing(store) as connection:
            require_project(connection, project, lock=True)
            update_clips(connection, project, "priority", {id: float(priorities[id]) for id in part})
            update_wanted(connection, project_of(row), part)
    return sum(value > 0 for value in priorities.values())


def update_wanted(connection: Connection, project: Project, clip_ids: Sequence[str]) -> None:
    """Bring how many people clips want up to date with their votes and priorities; hidden checks keep theirs."""
    overlap, extra = project.settings.overlap, project.settings.extra_raters
    states = [state for state in clip_states(connection, project.name, clip_ids).values() if state.gold is None]
    # fewer votes than the overlap, whatever they are
    many = [state.id for state in states if state.taken >= overlap]
    votes = current_votes(connection, project.name, project.scheme.name, many)
    changed = {}
    for state in states:
        wanted = people_wanted(votes.get(state.id, []), overlap, extra, state.priority)
        if wanted != state.wanted:
            changed[state.id] = wanted
    update_clips(connection, project.name, "wanted", changed)
