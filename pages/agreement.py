"""Agreement: how far people hear the same, on which labels and clips they differ, and how each rater does."""

import streamlit as st

from affexion_core.labeling.blind import why_hidden
from affexion_core.labeling.votes import votes_names
from affexion_ui.agreement_view import show_clips, show_figures, show_labels, show_raters
from affexion_ui.layout import empty_state, page_header
from affexion_ui.people import ask_person, current_person, keep_in_address
from affexion_ui.session import current_store
from affexion_ui.votes_choice import choose_votes, current_raters, current_report, current_votes, shown_names

store = current_store()
person = current_person(store)
action = page_header("Agreement", "How far people hear the same, and on which labels and clips they differ.")
with action:
    name = choose_votes(*votes_names(store))
if name is None:
    hint = (
        "Figures stand here once several people judged the same clips, or a corpus with listeners' votes is imported."
    )
    with empty_state("groups", "Nobody has judged a clip yet", hint):
        st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")
    st.stop()

if person is not None:
    keep_in_address(person)
hidden = why_hidden(store, name, person)
if hidden:
    with empty_state("visibility_off", "Not yet", hidden), st.container(width=420, horizontal_alignment="center"):
        if person is None:
            ask_person(store)
        else:
            st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")
    st.stop()

votes = current_votes(store, name)
if not votes.judgements:
    with empty_state("groups", "Nobody has judged a clip of it yet", "The figures stand here once people have."):
        st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")
    st.stop()

report = current_report(store, name)
show_figures(votes, report)
by_label, clips, raters = st.tabs(["Labels", "Clips", "Raters"], key=f"agreement-{name}", on_change="rerun")
if by_label.open:
    with by_label:
        show_labels(report, name)
if clips.open:
    with clips:
        show_clips(store, votes, report, name)
if raters.open:
    with raters:
        found = current_raters(store, name)
        show_raters(report, found, shown_names([one.rater for one in found.raters], person), name)
