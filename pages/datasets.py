"""Datasets: which there are, what one holds and where it comes from, and what differs between two."""

import streamlit as st

from affexion_core.store.datasets import list_datasets
from affexion_ui.datasets_view import choose_dataset, show_dataset, show_deleted, show_licences
from affexion_ui.layout import empty_state, page_header
from affexion_ui.session import current_store

store = current_store()
action = page_header("Datasets", "What each dataset holds, where it comes from, and what may be done with it.")
show_deleted(store)
datasets = list_datasets(store)
if not datasets:
    with empty_state("dataset", "No datasets yet", "Imports with labels, synthesis and votes make datasets."):
        st.page_link("pages/import_clips.py", label="Import clips", icon=":material/upload:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()
if action.button("Import clips", icon=":material/upload:"):
    st.switch_page("pages/import_clips.py")

chosen = choose_dataset(store, datasets)
show_dataset(store, chosen, datasets)
with st.expander("Licences in the whole library", icon=":material/gavel:"):
    if st.toggle("Show", key="library-licences"):
        show_licences(store)
    else:
        st.caption("Which licences all clips are under, and what each allows.")
