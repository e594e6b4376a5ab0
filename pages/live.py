"""Live: speak, and see what a trained run hears, several times a second."""

import streamlit as st

from affexion_ui.layout import empty_state, page_header
from affexion_ui.live_keeping import show_keeping
from affexion_ui.live_microphone import microphone
from affexion_ui.live_panel import (
    ask_servers,
    ask_settings,
    choose_run,
    list_usable,
    load_predictor,
    needs_https,
    new_session,
    show_heard,
    show_microphone,
    show_recorder,
)
from affexion_ui.session import current_store

store = current_store()
page_header("Live", "Speak, and see what a run hears. Nothing you say is stored unless you ask for it.")
runs = [run for run in list_usable(store) if run.labels]  # what answers with numbers alone is heard in Files
if not runs:
    hint = "A trained run listens to your microphone here, four times a second."
    with empty_state("mic", "No trained run yet", hint):
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        st.page_link("pages/overview.py", label="Build the example study", icon=":material/home:")
    st.stop()
if needs_https(st.context.url):
    st.warning(
        "Browsers give the microphone to this address only over https, or on the machine that runs the app, as "
        "localhost. Ask whoever runs it for an https address.",
        icon=":material/lock_open:",
    )

side, main = st.columns([2, 3], gap="large")
mic = microphone()
with side:
    run = choose_run(runs)
    predictor = load_predictor(run.folder, run.finished or "")
    place = st.container()
    with st.expander("Answers", icon=":material/tune:", key="live-answers-open"):
        settings = ask_settings(predictor, run)
    with st.expander("Connection", icon=":material/lan:", key="live-connection-open"):
        servers = ask_servers()
    mic.use(lambda: new_session(predictor, settings), (run.id, settings))
    with place:
        playing, connecting = show_microphone(servers, mic)
    show_recorder(predictor, settings)
    show_keeping(store, mic)
with main:
    show_heard(mic, playing, connecting, settings.unsure_below)
