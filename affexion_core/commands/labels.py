"""Verbs about people and labelling projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, key_values, store, table
from affexion_core.errors import ConfigError, LabelError, NotFoundError, allowed

if TYPE_CHECKING:
    from affexion_core.labeling.projects import ProjectSettings, ProjectSummary
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Scheme

ROLES = ("viewer", "rater", "adjudicator", "owner")

_by = click.option("--by", metavar="NAME", help="Who does it (default: the owner, where there is one).")
_raters = click.option("--rater", "raters", multiple=True, metavar="NAME", help="Only these people may label (repeat).")
_datasets = click.option("--dataset", "datasets", multiple=True, metavar="NAME", help="All clips of it (repeat).")
_clips = click.option("--clips", multiple=True, metavar="ID,ID…", help="Clips by their ids (repeat).")


@click.group(invoke_without_command=True)
@common_options
def people() -> None:
    """List the people of the workspace and their roles; or add one, or change a role."""
    if click.get_current_context().invoked_subcommand:
        return
    from affexion_core.labeling.people import list_people

    rows = [_person_json(person) for person in list_people(store())]
    empty = "Nobody yet; add yourself with `people add`: the first person becomes the owner."
    emit(rows, table(rows, ["name", "role", "email"], empty))


@people.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="rater", show_default=True, help="What they may do.")
@click.option("--email", metavar="ADDRESS", help="For signing in.")
@_by
@common_options
def add(name: str, role: str, email: str | None, by: str | None) -> None:
    """Add somebody called NAME; the first person becomes the owner."""
    from affexion_core.labeling.people import add_person, list_people

    opened = store()
    acting = _acting(opened, by) if by or (role in ROLES[2:] and list_people(opened)) else None
    added = add_person(opened, name, role, email, acting)
    emit(_person_json(added), f"{added.name} is here as {added.role}.")


@people.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@_by
@common_options
def role(name: str, role: str, by: str | None) -> None:
    """Give NAME another ROLE."""
    from affexion_core.labeling.people import set_role

    opened = store()
    changed = set_role(opened, _acting(opened, by), name, role)
    emit(_person_json(changed), f"{changed.name} is {changed.role} now.")


def _person_json(person: Person) -> dict[str, Any]:
    return {"name": person.name, "role": person.role, "email": person.email}


def _acting(opened: Store, name: str | None) -> Person:
    """Find who does it: the person named, else the only owner."""
    from affexion_core.labeling.people import get_person, list_people

    if name:
        return get_person(opened, name)
    owners = [person for person in list_people(opened) if person.role == "owner"]
    if not owners:
        raise NotFoundError("Nobody is in the workspace yet; add yourself first, and become its owner.")
    if len(owners) > 1:
        names = allowed(person.name for person in owners)
        raise ConfigError(f"Say who does it: the owners are {names}.", change=("by",))
    return owners[0]


@click.command()
@common_options
def projects() -> None:
    """List the labelling projects and how far they are."""
    from affexion_core.labeling.projects import list_projects

    rows = [_project_json(summary) for summary in list_projects(store())]
    shown = [
        {
            **row,
            "done": f"{row['done']} of {row['clips']}",
            "raters": ", ".join(f"{name} {n}" for name, n in row["judged"].items()),
        }
        for row in rows
    ]
    columns = ["name", "scheme", "state", "overlap", "done", "judgements", "raters"]
    emit(rows, table(shown, columns, "No labelling projects yet; make one with `project create`."))


def _project_json(summary: ProjectSummary) -> dict[str, Any]:
    project = summary.project
    return {
        "name": project.name,
        "scheme": project.scheme.name,
        "state": project.state,
        "overlap": project.settings.overlap,
        "clips": summary.n_clips,
        "done": summary.n_done,
        "judgements": summary.n_judgements,
        "judged": dict(summary.raters),
        "raters": list(project.raters),
        "created": project.created,
        "created_by": project.created_by,
    }


@click.group()
def project() -> None:
    """Make a labelling project, add clips, say who labels, close and open it."""


@project.command("create")
@click.argument("name")
@click.option("--scheme", "scheme_name", required=True, metavar="NAME", help="Shipped, saved here, or a JSON file.")
@_datasets
@_clips
@click.option("--gold", "gold_name", metavar="DATASET", help="Hidden checks: its clips, with their labels as known.")
@click.option("--overlap", type=click.IntRange(1, 20), default=3, show_default=True, help="People for each clip.")
@_raters
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Another setting of the project.")
@_by
@common_options
def create(
    name: str,
    scheme_name: str,
    datasets: tuple[str, ...],
    clips: tuple[str, ...],
    gold_name: str | None,
    overlap: int,
    raters: tuple[str, ...],
    settings: tuple[str, ...],
    by: str | None,
) -> None:
    """Ask people to judge clips: a project called NAME."""
    from affexion_core.labeling.projects import create_project
    from affexion_core.store.datasets import load_dataset

    opened = store()
    made = create_project(
        opened,
        _acting(opened, by),
        name,
        _chosen_scheme(opened, scheme_name),
        _chosen_clips(opened, datasets, clips),
        _chosen_settings(settings, overlap),
        raters,
        {item.clip.id: item.label for item in load_dataset(opened, gold_name).items} if gold_name else {},
    )
    _emit_project(opened, made.name)


@project.command("extend")
@click.argument("name")
@_datasets
@_clips
@_by
@common_options
def extend(name: str, datasets: tuple[str, ...], clips: tuple[str, ...], by: str | None) -> None:
    """Add clips to the project NAME; those it has already stay as they are."""
    from affexion_core.labeling.projects import extend_project

    opened = store()
    extend_project(opened, _acting(opened, by), name, _chosen_clips(opened, datasets, clips))
    _emit_project(opened, name)


@project.command("raters")
@click.argument("name")
@_raters
@_by
@common_options
def raters(name: str, raters: tuple[str, ...], by: str | None) -> None:
    """Say who may label in the project NAME; without names, everybody whose role allows it."""
    from affexion_core.labeling.projects import set_raters

    opened = store()
    set_raters(opened, _acting(opened, by), name, raters)
    _emit_project(opened, name)


@project.command("close")
@click.argument("name")
@_by
@common_options
def close(name: str, by: str | None) -> None:
    """End labelling in the project NAME, until it is opened again."""
    from affexion_core.labeling.projects import close_project

    opened = store()
    close_project(opened, _acting(opened, by), name)
    _emit_project(opened, name)


@project.command("open")
@click.argument("name")
@_by
@common_options
def open_(name: str, by: str | None) -> None:
    """Take labelling in the closed project NAME up again."""
    from affexion_core.labeling.projects import open_project

    opened = store()
    open_project(opened, _acting(opened, by), name)
    _emit_project(opened, name)


def _emit_project(opened: Store, name: str) -> None:
    from affexion_core.labeling.projects import summarize_project

    summary = summarize_project(opened, name)
    who = ", ".join(summary.project.raters) or "everybody whose role allows it"
    overlap = summary.project.settings.overlap
    people_each = "1 person" if overlap == 1 else f"{overlap} people"
    words = (
        f"Project {summary.project.name} is {summary.project.state}: {summary.n_clips} clips, {people_each} for each, "
        f"{summary.n_done} done. Raters: {who}."
    )
    emit(_project_json(summary), words)


def _chosen_scheme(opened: Store, name: str) -> Scheme:
    """Find a scheme by its shipped name, by file, or by its name in the workspace."""
    from affexion_core.scheme_files import load_scheme_file, shipped_schemes
    from affexion_core.store.labels import load_scheme

    shipped = shipped_schemes()
    if name in shipped:
        return shipped[name]
    if Path(name).is_file():
        return load_scheme_file(Path(name))
    try:
        return load_scheme(opened, name)
    except NotFoundError as error:
        raise LabelError(f"{error} Shipped are {allowed(shipped)}; or name a scheme file.") from error


def _chosen_clips(opened: Store, datasets: tuple[str, ...], clips: tuple[str, ...]) -> list[str]:
    from affexion_core.store.datasets import load_dataset

    found = [item.clip.id for name in datasets for item in load_dataset(opened, name).items]
    return found + [id.strip() for given in clips for id in given.split(",") if id.strip()]


def _chosen_settings(pairs: tuple[str, ...], overlap: int) -> ProjectSettings:
    from affexion_core.config import build
    from affexion_core.labeling.projects import ProjectSettings

    values: dict[str, Any] = {"overlap": overlap, **key_values(pairs)}
    if "dimensions" in values:
        values["dimensions"] = tuple(part.strip() for part in values["dimensions"].split(",") if part.strip())
    return build(ProjectSettings, values)


COMMANDS = (people, projects, project)
