"""Import: bring clips in, see first what comes, undo it afterwards."""

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.export_panel import show_import_labels
from affexion_ui.import_preview import ask_options, previewed, show_recordings, show_summary
from affexion_ui.import_run import may_import, offer_import, show_imports, show_jobs, show_refused, show_said
from affexion_ui.import_sources import ask_corpus, ask_files, ask_folder, ask_recording, ask_table
from affexion_ui.layout import page_header, show_error
from affexion_ui.session import current_store
from affexion_ui.youtube_source import ask_youtube

WAYS = {
    "files": ("Drop files", ask_files),
    "folder": ("A folder", ask_folder),
    "corpus": ("A known corpus", ask_corpus),
    "table": ("A table", ask_table),
    "youtube": ("YouTube", ask_youtube),
    "record": ("Record", ask_recording),
    "labels": ("Labels made elsewhere", None),
}

store = current_store()
page_header("Import", "Bring clips in. You see what would come before anything is written, and can undo it.")
allowed, person = may_import(store)
if not allowed:
    st.info("Bringing clips in needs the role of a rater, which an owner can give.", icon=":material/lock:")
    st.stop()
show_said()
show_refused()
show_jobs(store)

if st.session_state.get("import-way") not in WAYS:
    asked = st.query_params.get("way")
    st.session_state["import-way"] = asked if asked in WAYS else "files"
way = st.segmented_control(
    "Where from", list(WAYS), format_func=lambda name: WAYS[name][0], required=True, key="import-way"
)
st.query_params["way"] = way or "files"
ask = WAYS[way or "files"][1]
if ask is None:
    show_import_labels(store)
    st.stop()
try:
    source = ask()
except AffexionError as error:
    show_error(error)
    source = None
if source is not None:
    request = ask_options(source, person.name if person is not None else None)
    found = previewed(store, source, request)
    if found is not None:
        show_summary(found)
        offer_import(store, source, request, found)
        show_recordings(found)
show_imports(store)
