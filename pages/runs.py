"""Runs: what is queued, running and done; one of them in detail and live, or several compared."""

import streamlit as st

from affexion_ui.compare_runs import show_comparison
from affexion_ui.job_list import choose_entries
from affexion_ui.layout import page_header
from affexion_ui.run_entries import list_entries
from affexion_ui.run_view import show_entry
from affexion_ui.session import current_store

store = current_store()
with page_header("Runs", "What is queued, running and done; choose one to see it live, or several to compare."):
    st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")

chosen = choose_entries(store)
by_id = {entry.id: entry for entry in list_entries(store)} if chosen else {}
entries = [by_id[id] for id in chosen if id in by_id]
if len(entries) == 1:
    show_entry(store, entries[0])
elif entries:
    show_comparison(store, entries)
