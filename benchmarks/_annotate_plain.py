"""The peer of benchmarks/annotate.py: labelling with Streamlit's own widgets, a player and a button for each label."""

import os
from pathlib import Path

import streamlit as st

files = sorted(Path(os.environ["ANNOTATE_FOLDER"]).rglob("*.flac"))
place = st.session_state.setdefault("place", 0)
st.title("Annotate")
st.audio(str(files[place % len(files)]), autoplay=True)
for number, label in enumerate(("boredom", "panic", "excitement", "uncertainty"), start=1):
    if st.button(label, shortcut=str(number)):
        st.session_state["place"] += 1
        st.rerun()
