"""Overview: what is in the workspace, the newest result, what to do next."""

import streamlit as st

from affexion_core.store.clips import facets
from affexion_core.store.datasets import list_datasets
from affexion_core.store.runs import list_evaluations, list_runs
from affexion_ui.counts import newest_result, next_steps, show_counts, show_datasets, show_newest
from affexion_ui.example_panel import example_state, follow_example, offer_example, show_example_failure
from affexion_ui.layout import page_header
from affexion_ui.session import current_store

store = current_store()
page_header("Overview", "What is in this workspace, what came out last, and what to do next.")

state = example_state(store.workspace)
if state == "failed":
    show_example_failure(store.workspace)
if state == "running":
    follow_example(store.workspace)

found = facets(store)
if not found["origin"]:
    if state != "running":
        offer_example(store.workspace)
    st.stop()

datasets = list_datasets(store)
runs = [run for run in list_runs(store) if run.kind in ("train", "cv")]
show_counts(found, datasets, runs)

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Newest result", anchor=False)
    newest = newest_result(runs, list_evaluations(store))
    if newest is None:
        st.caption("No model was measured yet; its figures will stand here.")
    else:
        show_newest(*newest)
    if any(dataset.name.startswith("example-") for dataset in datasets):
        st.caption(
            "The sets named example-… are synthetic stand-ins: voices of a speech synthesiser, the second with noise "
            "and room added. Their figures say nothing about real people."
        )
with right:
    st.subheader("What to do next", anchor=False)
    next_steps(found, datasets, runs)
    st.subheader("Clips by label", anchor=False)
    if datasets:
        show_datasets(datasets)
    else:
        st.caption("No dataset yet: import a folder with one folder for each label, or a manifest with labels.")
