"""Results: how well a run does, where it errs, on which clips, and how it came to be."""

import streamlit as st

from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.runs import list_runs
from affexion_ui.layout import empty_state, page_header, shown_errors
from affexion_ui.leaks_view import show_leaks
from affexion_ui.report_button import show_report_button
from affexion_ui.results import DIMENSIONS, INPUTS, choose_evaluation, choose_run, choose_section, show_headline
from affexion_ui.results_certainty import show_certainty
from affexion_ui.results_confusion import show_cell_clips, show_confusion
from affexion_ui.results_data import load_measured
from affexion_ui.results_dimensions import show_dimensions
from affexion_ui.results_groups import show_groups
from affexion_ui.results_inputs import show_inputs
from affexion_ui.results_labels import show_classes, show_curves
from affexion_ui.run_details import show_folds, show_learning, show_settings, show_training_data
from affexion_ui.session import current_store

store = current_store()
action = page_header("Results", "How well a model does, on which clips it errs, and how it came to be.")

runs = [run for run in list_runs(store) if run.kind in ("train", "cv")]
if not runs:
    with empty_state("analytics", "No run yet", "Figures, confusion matrix and learning curve of each run stand here."):
        st.page_link("pages/overview.py", label="What to do next", icon=":material/home:")
    st.stop()

first, second = st.columns([2, 1])
with first:
    run = choose_run(runs)
with second:
    evaluation = choose_evaluation(run)
if evaluation is None:
    words = "It was not measured" if run.finished else "It has not finished, so it was not measured yet"
    with empty_state("hourglass_empty", words, "Its state, log and curves stand in Runs."):
        st.page_link("pages/runs.py", label="Runs", icon=":material/list:", query_params={"run": run.id})
    st.stop()

origins = {dataset.name: dataset.origin for dataset in list_datasets(store)}
show_headline(run, evaluation, origins.get(evaluation.dataset))
with action:
    show_report_button(store, run)
section = choose_section(evaluation)

with shown_errors():
    if section == "Confusion":
        measured = load_measured(store, run, evaluation)
        left, right = st.columns(2, gap="large")
        with left:
            cell = show_confusion(run, evaluation)
        if cell is not None:
            with right:
                show_cell_clips(store, measured, cell)
    elif section == "By label":
        left, right = st.columns(2, gap="large")
        with left:
            show_classes(evaluation, run.id)
        with right:
            show_curves(load_measured(store, run, evaluation))
    elif section == "Certainty":
        show_certainty(store, load_measured(store, run, evaluation))
    elif section == "Groups":
        show_groups(store, load_measured(store, run, evaluation))
    elif section == DIMENSIONS:
        show_dimensions(load_measured(store, run, evaluation))
    elif section == INPUTS:
        show_inputs(store, load_measured(store, run, evaluation))
    elif section == "Folds":
        show_folds(run, evaluation)
    else:
        learning, data, settings = st.tabs(["Learning", "Trained on", "Settings"], key="details", on_change="rerun")
        if learning.open:
            with learning:
                show_learning(run)
        if data.open:
            with data:
                show_training_data(store, run)
                if evaluation.part == "test":
                    show_leaks(store, run, load_dataset(store, evaluation.dataset), "results")
        if settings.open:
            with settings:
                show_settings(run)
