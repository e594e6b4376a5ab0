"""Adjudicate: settle the clips that raters differ on, with a reason, and make datasets of the votes."""

import streamlit as st

from affexion_core.errors import RightsError
from affexion_core.labeling.people import require
from affexion_core.labeling.votes import votes_names
from affexion_ui.adjudicate_view import show_work
from affexion_ui.doubts_view import doubted_labels
from affexion_ui.export_panel import show_export
from affexion_ui.layout import empty_state, page_header
from affexion_ui.people import ask_person, current_person, keep_in_address
from affexion_ui.session import current_store
from affexion_ui.theme import escape_markdown
from affexion_ui.version_view import show_versions
from affexion_ui.votes_choice import choose_votes, current_votes

CLIPS, VERSIONS, EXPORT = "Clips", "Make a dataset", "Export"

store = current_store()
person = current_person(store)
action = page_header("Adjudicate", "Settle the clips that raters differ on, and make datasets of the votes.")
if person is None:
    hint = "Your name stands with every decision. Pick it or add it."
    with empty_state("gavel", "Who decides?", hint), st.container(width=420):
        ask_person(store)
    st.stop()
try:
    require(person, "adjudicate")
except RightsError as error:
    with empty_state("gavel", "Only adjudicators see this page", escape_markdown(str(error))):
        st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")
    st.stop()

keep_in_address(person)
with action, st.container(horizontal=True, vertical_alignment="bottom"):
    name = choose_votes(*votes_names(store))
    view = st.segmented_control(
        "Show", [CLIPS, VERSIONS, EXPORT], key="show", bind="query-params", default=CLIPS, required=True
    )
if name is None:
    hint = (
        "Clips wait here for a decision once several people judged them, or a corpus with listeners' votes is imported."
    )
    with empty_state("gavel", "Nobody has judged a clip yet", hint):
        st.page_link("pages/annotate.py", label="Annotate", icon=":material/headphones:")
    st.stop()

if view == EXPORT:
    show_export(store, name)
    st.stop()
votes = current_votes(store, name)
if view == VERSIONS:
    show_versions(store, votes, person)
else:
    show_work(store, votes, person, doubted_labels(store, votes))
