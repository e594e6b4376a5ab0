"""Affexion's app: its pages and their order. Start it with ``streamlit run app.py``."""

import streamlit as st

from affexion_ui.engine_state import show_engine
from affexion_ui.layout import ICON, show_frame, shown_errors
from affexion_ui.live_microphone import let_go_elsewhere
from affexion_ui.people import require_login, show_person

st.set_page_config(page_title="Affexion", page_icon=ICON, layout="wide")

page = st.navigation(
    {
        "": [st.Page("pages/overview.py", title="Overview", icon=":material/home:", default=True)],
        "Clips": [
            st.Page("pages/library.py", title="Library", icon=":material/library_music:"),
            st.Page("pages/datasets.py", title="Datasets", icon=":material/dataset:"),
            st.Page("pages/import_clips.py", title="Import", icon=":material/upload:"),
            st.Page("pages/synthesize.py", title="Synthesize", icon=":material/record_voice_over:"),
        ],
        "Labels": [
            st.Page("pages/annotate.py", title="Annotate", icon=":material/headphones:"),
            st.Page("pages/agreement.py", title="Agreement", icon=":material/groups:"),
            st.Page("pages/adjudicate.py", title="Adjudicate", icon=":material/gavel:"),
        ],
        "Models": [
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/list_alt:"),
            st.Page("pages/results.py", title="Results", icon=":material/analytics:"),
            st.Page("pages/attention.py", title="Attention", icon=":material/visibility:"),
            st.Page("pages/gap.py", title="Synthetic vs real", icon=":material/compare_arrows:"),
        ],
        "Use": [
            st.Page("pages/live.py", title="Live", icon=":material/mic:"),
            st.Page("pages/files.py", title="Files and timelines", icon=":material/timeline:"),
        ],
    },
    expanded=True,
)
with shown_errors():
    show_frame()
    require_login()
    show_person()
    show_engine()
    let_go_elsewhere(page.url_path)
    page.run()
