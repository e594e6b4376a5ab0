"""Two players on a page: one is given clip after clip, the other keeps its own and reports what was heard."""

import streamlit as st

from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace
from affexion_ui.sound.component import show_player

store = open_store(open_workspace())
clips = [row.clip for row in find_clips(store, ClipQuery(order="duration", descending=True)).rows]
st.text_input("Words", key="words")
place = st.session_state.setdefault("place", 0)
if st.button("Next"):
    place = st.session_state["place"] = (place + 1) % len(clips)
upcoming = [clips[(place + ahead) % len(clips)] for ahead in (1, 2)]
show_player(store.workspace, clips[place], "first", upcoming=upcoming, autoplay=st.query_params.get("autoplay") == "on")
listened = show_player(store.workspace, clips[0], "second", spectrogram=False, height=64, report=True)
st.caption(f"Clip {place} is shown. Heard {listened.heard:.2f}, region {listened.region}.")
