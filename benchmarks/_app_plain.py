"""The peer of `benchmarks/app.py`: about the least that a page of Streamlit can be."""

import streamlit as st

st.title("Hello")
st.write("A page with a title, a line and a button.")
st.button("Again", key="again")
