"""Labelling projects on a page: choose one, see how far each is, make a new one, open and close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from affexion_core.errors import AffexionError
from affexion_core.labeling.people import ROLES, list_people, may, set_role
from affexion_core.labeling.projects import close_project, extend_project, open_project
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets
from affexion_ui.layout import empty_state, show_error
from affexion_ui.project_form import show_form
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted, date

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.labeling.projects import Project, ProjectSummary
    from affexion_core.store.session import Store

LABEL, PROJECTS = "Label", "Projects"
VIEW, CHOSEN, NEW = "view", "project", "new-project"
_ERROR = "project-error"


def ask_view() -> str:
    """Ask whether to label or to look at the projects; the address keeps it."""
    return st.segmented_control(
        "What to do", [LABEL, PROJECTS], default=LABEL, required=True, key=VIEW, bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip


def choose_project(place: DeltaGenerator, projects: Sequence[Project]) -> Project:
    """Ask for one of several projects, in the address too, under its plain name; open ones come first."""
    ordered = sorted(projects, key=lambda project: project.state != "open")
    by_name = {project.name: project for project in ordered}
    if st.session_state.get(CHOSEN, st.query_params.get(CHOSEN)) not in by_name:
        st.session_state[CHOSEN] = ordered[0].name
    # without a default, since the address leaves that out, and another project may be the first after a reload
    name = place.selectbox(
        "Project",
        list(by_name),
        index=None,
        required=True,
        key=CHOSEN,
        bind="query-params",
        label_visibility="collapsed",
        width=200,
    )
    return by_name.get(name or "", ordered[0])


def open_new() -> None:
    """Open the form for a new project; a button's callback."""
    st.session_state[VIEW] = PROJECTS
    st.session_state[NEW] = True


def close_new() -> None:
    """Close the form; a button's callback."""
    st.session_state[NEW] = False


def label_in(name: str) -> None:
    """Go to the station of a project; a button's callback."""
    st.session_state[VIEW] = LABEL
    st.session_state[CHOSEN] = name


def show_projects(store: Store, person: Person, projects: Sequence[ProjectSummary]) -> None:
    """Show all projects with their progress, and to owners what they can do with them and with people."""
    owner = may(person, "manage projects")
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    if owner and st.session_state.get(NEW):
        show_form(store, person, label_in, close_new)
    elif owner and projects:
        st.button("New project", type="primary", icon=":material/add:", on_click=open_new, key="new-open")
    if not projects and not st.session_state.get(NEW):
        hint = "A project asks people to judge clips under a set of labels, each alone."
        with empty_state("rate_review", "No project yet", hint):
            if owner:
                st.button("New project", type="primary", icon=":material/add:", on_click=open_new, key="new-first")
            else:
                st.caption("An owner can make one.")
    for summary in projects:
        _show_project(store, person, summary, owner)
    if may(person, "manage people"):
        _show_people(store, person)


def _show_project(store: Store, person: Person, summary: ProjectSummary, owner: bool) -> None:
    project = summary.project
    with st.container(border=True, key=f"project-{project.name}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            with st.container(width="stretch", gap="xxsmall"):
                closed = " :gray-badge[closed]" if project.state != "open" else ""
                st.markdown(f"**{escape_markdown(project.name)}**{closed}")
                st.caption(_about(project))
            with st.container(horizontal=True, width="content"):
                _actions(store, person, project, owner)
        share = summary.n_done / summary.n_clips if summary.n_clips else 0.0
        st.progress(share, text=f"{summary.n_done} of {counted(summary.n_clips, 'clip')} done · {_raters(summary)}")


def _about(project: Project) -> str:
    scheme = project.scheme
    labels = ", ".join(scheme.labels) if scheme.labels else f"{scheme.low:g} to {scheme.high:g}"
    people = counted(project.settings.overlap, "person").replace("persons", "people")
    return escape_markdown(f"{labels} · {people} a clip · by {project.created_by}, {date(project.created)}")


def _raters(summary: ProjectSummary) -> str:
    if not summary.raters:
        return "no judgement yet"
    parts = [f"{escape_markdown(name)} {n}" for name, n in sorted(summary.raters.items(), key=lambda each: -each[1])]
    return f"{counted(summary.n_judgements, 'judgement')}: {', '.join(parts)}"


def _actions(store: Store, person: Person, project: Project, owner: bool) -> None:
    key = project.name
    if project.state == "open":
        st.button("Label", icon=":material/headphones:", on_click=label_in, args=(key,), key=f"label-{key}")
    if not owner:
        return
    if project.state == "open":
        with st.popover("Add clips", icon=":material/playlist_add:", key=f"add-{key}"):
            _ask_more(store, person, project)
        _button("Close", "lock", f"close-{key}", lambda: close_project(store, person, key))
    else:
        _button("Open again", "lock_open", f"open-{key}", lambda: open_project(store, person, key))


def _ask_more(store: Store, person: Person, project: Project) -> None:
    names = [summary.name for summary in list_datasets(store)]
    chosen = st.selectbox("All clips of", names, index=None, placeholder="dataset", key=f"more-{project.name}")

    def add() -> None:
        rows = find_clips(store, ClipQuery(dataset=chosen, limit=None)).rows
        n = extend_project(store, person, project.name, [row.clip.id for row in rows])
        st.toast(f"{counted(n, 'clip')} added to {project.name}")

    _button("Add", "add", f"more-add-{project.name}", add, disabled=chosen is None)


def _button(label: str, icon: str, key: str, do: Callable[[], object], disabled: bool = False) -> None:
    def call() -> None:
        try:
            do()
        except AffexionError as error:
            st.session_state[_ERROR] = error

    st.button(label, icon=f":material/{icon}:", key=key, on_click=call, disabled=disabled)


def _show_people(store: Store, person: Person) -> None:
    with st.expander("People and roles", icon=":material/group:"):
        st.caption("Viewers look, raters label, adjudicators settle what raters disagree on, owners manage all.")
        for each in list_people(store):
            _ask_role(store, person, each)


def _ask_role(store: Store, by: Person, person: Person) -> None:
    key = f"role-{person.name}"
    with st.container(horizontal=True, vertical_alignment="center"):
        mail = f" · {escape_markdown(person.email)}" if person.email else ""
        st.markdown(f"{escape_markdown(person.name)}{mail}", width=280)

        def change() -> None:
            try:
                set_role(store, by, person.name, st.session_state[key])
            except AffexionError as error:
                st.session_state[_ERROR] = error

        st.session_state[key] = person.role  # as the store has it, whatever was refused
        st.selectbox(
            f"Role of {person.name}", ROLES, key=key, on_change=change, label_visibility="collapsed", width=180
        )
