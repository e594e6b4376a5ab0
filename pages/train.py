"""Train: choose data and a recipe, see what it will cost and whether it leaks, start it in the background."""

import dataclasses

import streamlit as st

from affexion_core.discovery import load_plugin
from affexion_core.errors import AffexionError
from affexion_core.store.datasets import list_datasets
from affexion_ui.layout import empty_state, page_header, show_error
from affexion_ui.session import current_store
from affexion_ui.settings_form import ask_settings, changed_settings
from affexion_ui.sweep_panel import ask_sweep
from affexion_ui.train_choices import ask_choices, data_words, read_address, request_of, write_address
from affexion_ui.train_panel import offer_start, show_preview, show_started

store = current_store()
action = page_header("Train", "Choose data and a recipe, see what it will cost, and start it in the background.")

datasets = list_datasets(store)
if not datasets:
    with empty_state("dataset", "No dataset to learn from yet", "A model learns from labelled clips; import some."):
        st.page_link("pages/import_clips.py", label="Import clips", icon=":material/upload:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()

started = st.container()
left, right = st.columns([2.6, 1], gap="medium")
read_address()
with left:
    choices = ask_choices(datasets)
    by_name = {summary.name: summary for summary in datasets}
    st.caption(
        "  \n".join(data_words(by_name[name]) for name in dict.fromkeys((choices.dataset, choices.test)) if name)
    )
    with st.spinner("Loading the recipe …"):
        from affexion_core.training.run_config import from_preset

        recipe = from_preset(load_plugin("presets", choices.preset).PRESET, choices.seed or 0, choices.kind == "cv")
    space = None
    if choices.kind == "sweep":
        sweep, space = ask_sweep(recipe, choices.test is not None)
        choices = dataclasses.replace(choices, sweep=sweep)
    st.subheader("Settings", anchor=False)
    config = ask_settings(recipe)
write_address(choices, changed_settings(recipe))

request = None
with right, st.container(border=True, gap="small"):
    if config is None or (choices.sweep is not None and space is None):
        st.markdown("**What it will cost**")
        st.caption("Shown once the settings are right.")
    else:
        try:
            request = request_of(store, choices, config, space)
            if not show_preview(store, request):
                request = None
        except AffexionError as error:
            show_error(error)
offer_start(action, store, request)
with started:
    show_started()
