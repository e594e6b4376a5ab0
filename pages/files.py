"""Files and timelines: what a run says of recordings that are not in the library."""

import streamlit as st

from affexion_ui.files_table import show_files
from affexion_ui.files_timeline import show_timeline
from affexion_ui.layout import empty_state, page_header
from affexion_ui.live_panel import choose_run, list_usable
from affexion_ui.session import current_store

store = current_store()
page_header("Files and timelines", "Hear what a run says of your own recordings. Nothing is kept unless you add it.")
runs = list_usable(store)
if not runs:
    with empty_state("timeline", "No trained run yet", "A trained run answers here for any recording you drop."):
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()

VIEWS = {"clips": "Many clips", "timeline": "One long recording"}
left, right = st.columns([2, 1], vertical_alignment="bottom")
with left:
    run = choose_run(runs)
with right:
    if st.session_state.get("files-view") not in VIEWS:
        asked = st.query_params.get("view")
        st.session_state["files-view"] = asked if asked in VIEWS else "clips"
    view = st.segmented_control(
        "Look at", list(VIEWS), format_func=lambda name: VIEWS[name], required=True, key="files-view"
    )
st.query_params["view"] = view or "clips"
if view == "timeline":
    show_timeline(store, run)
else:
    show_files(store, run)
