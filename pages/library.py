"""Library: find clips, listen to them, see where they come from."""

import hashlib
from dataclasses import replace

import streamlit as st

from affexion_core.store.clips import ClipQuery, find_clips
from affexion_ui.clip_table import choose_row, clip_columns
from affexion_ui.filters import PAGE_SIZE, ask_filters, ask_page, clear_filters
from affexion_ui.label_sounds_view import show_label_sounds
from affexion_ui.layout import empty_state, page_header
from affexion_ui.player import show_clip
from affexion_ui.session import current_store
from affexion_ui.takedown_panel import offer_takedown, show_taken_down
from affexion_ui.words import counted

store = current_store()
action = page_header("Library", "Find clips, listen to them, and see where each comes from.")
show_taken_down()
if not find_clips(store, ClipQuery(limit=0)).total:
    with empty_state("library_music", "No clips yet", "Imported clips stand here, to hear, filter and label."):
        st.page_link("pages/import_clips.py", label="Import clips", icon=":material/upload:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()
if action.button("Import clips", icon=":material/upload:", type="primary"):
    st.switch_page("pages/import_clips.py")

query = ask_filters(store)
total = find_clips(store, replace(query, limit=0)).total
if not total:
    with empty_state("search_off", "No clip fits these filters", "Take one away, or search for less."):
        st.button("Clear filters", icon=":material/filter_alt_off:", on_click=clear_filters)
    st.stop()

left, right = st.columns([1.5, 1], gap="medium")
with left:
    page = min(st.session_state.get("page", 1), -(-total // PAGE_SIZE))
    shown = find_clips(store, replace(query, offset=(page - 1) * PAGE_SIZE))
    rows = [{"Label": sorted(set(row.labels.values())), **clip_columns(row.clip)} for row in shown.rows]
    ids = [row.clip.id for row in shown.rows]
    wanted = st.query_params.get("clip")
    content = hashlib.sha256(repr(ids).encode()).hexdigest()[:12]
    chosen = choose_row(
        rows, f"clips-{content}", f"{counted(total, 'clip')}", ids.index(wanted) if wanted in ids else 0
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(counted(total, "clip"), width="content")
        ask_page(total)
row = shown.rows[chosen]
st.query_params["clip"] = row.clip.id
with right, st.container(border=True):
    show_clip(store.workspace, row.clip, row.labels, "library", store)
    offer_takedown(store, row.clip)
if query.dataset:
    show_label_sounds(store, query.dataset)
