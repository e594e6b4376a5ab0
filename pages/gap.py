"""Synthetic vs real: how far a model trained on synthetic speech understands people, and what closes the gap."""

import importlib.util

import streamlit as st

from affexion_core.store.datasets import list_datasets
from affexion_core.store.runs import list_runs
from affexion_ui.gap_form import ask_study
from affexion_ui.gap_start import choose_study, offer_start, show_preview
from affexion_ui.gap_view import show_study, study_title
from affexion_ui.layout import empty_state, page_header
from affexion_ui.session import current_store

NEW = "new"

store = current_store()
action = page_header(
    "Synthetic vs real",
    "How far a model that has only heard synthetic speech understands people, and what closes the gap.",
)

datasets = list_datasets(store)
studies = {run.id: run for run in list_runs(store, "gap")}
if not studies and len({summary.origin for summary in datasets}) < 2:
    missing = "real" if any(summary.origin == "synthetic" for summary in datasets) else "synthetic"
    with empty_state(
        "compare_arrows", f"No {missing} clips yet", "A study needs synthetic clips and real ones, labelled."
    ):
        st.page_link("pages/import_clips.py", label="Import clips", icon=":material/upload:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()

chosen = NEW
if studies:
    chosen = choose_study([*studies, NEW], lambda id: "A new study" if id == NEW else study_title(studies[id]))
if chosen in studies:
    run = studies[chosen]
    show_study(store, run)
    synthetic, real = run.train_dataset, run.test_dataset
else:
    left, right = st.columns([2.6, 1], gap="medium")
    with left:
        wanted = ask_study(datasets)
    with right, st.container(border=True, gap="small"):
        request = show_preview(store, wanted)
    offer_start(action, store, request)
    synthetic, real = wanted.synthetic, wanted.real

known = {summary.name for summary in datasets}
if {synthetic, real} <= known and importlib.util.find_spec("affexion_ui.differences_view") is not None:
    from affexion_ui.differences_view import show_differences
    from affexion_ui.shortcuts_view import show_shortcuts

    show_differences(store, synthetic, real)
    show_shortcuts(store, synthetic)
