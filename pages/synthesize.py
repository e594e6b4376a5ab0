"""Synthesize: let voices speak, know the price first, listen, and bring in what is kept."""

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.derive_form import show_derive
from affexion_ui.import_run import may_import, show_imports, show_refused, show_said
from affexion_ui.layout import page_header, show_error
from affexion_ui.session import current_store
from affexion_ui.synthesize_batches import show_batches
from affexion_ui.synthesize_form import show_form

WAYS = {"speak": "Speak", "listen": "Listen and bring in", "derive": "Derive noisy copies"}

store = current_store()
page_header("Synthesize", "Let voices speak sentences with a feeling. Listen to them, and bring in what you keep.")
allowed, person = may_import(store)
if not allowed:
    st.info("Bringing clips in needs the role of a rater, which an owner can give.", icon=":material/lock:")
    st.stop()
show_said()
show_refused()

wanted = st.session_state.pop("synthesize-go", None) or st.query_params.get("way")
if wanted in WAYS and wanted != st.session_state.get("synthesize-way"):
    st.session_state["synthesize-way"] = wanted
if st.session_state.get("synthesize-way") not in WAYS:
    st.session_state["synthesize-way"] = "speak"
way = st.segmented_control(
    "What to do", list(WAYS), format_func=WAYS.__getitem__, required=True, key="synthesize-way",
    label_visibility="collapsed", on_change=lambda: st.query_params.pop("way", None),
)  # fmt: skip
st.query_params["way"] = way or "speak"
try:
    if way == "listen":
        show_batches(store, person)
    elif way == "derive":
        show_derive(store, person)
    else:
        show_form(store, person)
except AffexionError as error:
    show_error(error)
if way != "speak":
    show_imports(store)
