"""Annotate: hear one clip at a time, alone, and say what is heard; projects that ask for it."""

import streamlit as st

from affexion_core.labeling.people import may
from affexion_core.labeling.projects import list_projects
from affexion_ui.layout import empty_state, page_header
from affexion_ui.people import ask_person, current_person, keep_in_address
from affexion_ui.project_panel import PROJECTS, ask_view, choose_project, open_new, show_projects
from affexion_ui.session import current_store
from affexion_ui.station.component import show_station

store = current_store()
person = current_person(store)
action = page_header("Annotate", "Hear one clip at a time, on your own, and say what you hear.")
if person is None:
    hint = "Your name stands with every judgement of yours. Pick it or add it."
    with empty_state("hearing", "Who is listening?", hint), st.container(width=420):
        ask_person(store)
    st.stop()
keep_in_address(person)

projects = list_projects(store)
with action:
    place = st.container(horizontal=True, horizontal_alignment="right", width="content")
with place:
    view = ask_view()
if view == PROJECTS:
    show_projects(store, person, projects)
    st.stop()

mine = [s.project for s in projects if not s.project.raters or person.name in s.project.raters]
if not may(person, "label"):
    with empty_state("visibility", "You can look, but not label", "An owner can make you a rater, under Projects."):
        st.caption("Ask one to.")
    st.stop()
if not mine:
    hint = "A project asks people to judge clips under a set of labels."
    if projects:
        hint = "The projects here name other people as their raters; an owner can add you."
    with empty_state("rate_review", "No project for you yet", hint):
        if may(person, "manage projects"):
            st.button("New project", type="primary", icon=":material/add:", on_click=open_new, key="new-first")
    st.stop()

project = choose_project(place, mine)
show_station(store, project, person)
