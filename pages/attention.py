"""Attention: where a model looks in a clip, and whether that says what its answer rests on."""

import streamlit as st

from affexion_core.explain.attention import has_attention
from affexion_core.store.runs import list_runs
from affexion_ui.attention_average import show_averages, show_check
from affexion_ui.attention_view import NOT_AN_EXPLANATION, choose_clips, show_clips
from affexion_ui.layout import empty_state, page_header
from affexion_ui.results import choose_evaluation, choose_run
from affexion_ui.session import current_store

store = current_store()
page_header("Attention", "Where a model looks in a clip, to hear it there, and whether that says what it goes by.")

trained = [run for run in list_runs(store) if run.kind in ("train", "cv") and run.finished and run.labels]
runs = [run for run in trained if has_attention(run)]
if not runs:
    with empty_state(
        "visibility",
        "No run with attention yet",
        "Recipes with attention, such as “Affexion, as in the paper”, say which moments of a clip they weigh most.",
    ):
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
    st.stop()

first, second = st.columns([2, 1])
with first:
    run = choose_run(runs)
with second:
    evaluation = choose_evaluation(run)
if evaluation is None:
    with empty_state("hourglass_empty", "This run was not measured", "Measure it, and its clips stand here."):
        st.page_link("pages/runs.py", label="Runs", icon=":material/list:", query_params={"run": run.id})
    st.stop()

clips, rows = choose_clips(store, run, evaluation)
if clips:
    show_clips(store, run, clips, rows)
else:
    st.info("No clip of this set has such an answer. Choose other answers or another label.")
st.caption(f":material/info: **Attention is not an explanation.** {NOT_AN_EXPLANATION}")
show_check(store, run, evaluation)
show_averages(store, run, evaluation)
