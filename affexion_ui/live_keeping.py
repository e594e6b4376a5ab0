"""Keep what was said as clips: by a press, with consent, and never otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.people import ask_person, current_person
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    import numpy as np

    from affexion_core.store.session import Store
    from affexion_ui.live_microphone import Microphone

_DONE, _FAILED = "live-kept", "live-not-kept"
_LIBRARY = "The library alone"


def show_keeping(store: Store, mic: Microphone) -> None:
    """Offer to keep the last two minutes, or the recording, as clips."""
    from affexion_core.labeling.people import may
    from affexion_core.labeling.projects import list_projects
    from affexion_core.live.keeping import CONSENT

    with st.expander("Keep what was said as clips", icon=":material/save:", key="live-keeping-open"):
        st.caption(
            "Sound is held in memory only, the last two minutes of it, and is gone when you leave the page. "
            "Keeping cuts it into stretches of speech and puts them into the library without a label."
        )
        _show_outcome()
        person = current_person(store)
        if person is None:
            st.markdown("Who keeps them?")
            ask_person(store)
            return
        if not may(person, "label"):
            st.markdown("Your role lets you listen, but not keep clips. An owner can give you another role.")
            return
        st.text_input("Who speaks", key="live-speaker", placeholder="a name, or a made-up one")
        projects = [s.project.name for s in list_projects(store) if s.project.state == "open"]
        choices = [_LIBRARY, *(projects if may(person, "manage projects") else [])]
        if st.session_state.get("live-project") not in choices:
            st.session_state["live-project"] = choices[-1] if len(choices) == 2 else _LIBRARY
        st.selectbox("To be judged in", choices, key="live-project",
                     help="Open labelling projects; the clips join the queue, unlabelled.")  # fmt: skip
        agreed = st.checkbox(CONSENT, key="live-consent")
        st.button(
            "Keep as clips", icon=":material/save:", key="live-keep", disabled=not agreed, on_click=_keep,
            args=(store, mic),
        )  # fmt: skip


def _show_outcome() -> None:
    if _DONE in st.session_state:
        st.success(st.session_state.pop(_DONE), icon=":material/check_circle:")
    if _FAILED in st.session_state:
        st.error(st.session_state.pop(_FAILED), icon=":material/error:")


def _keep(store: Store, mic: Microphone) -> None:
    from affexion_core.live.keeping import keep_as_clips

    project = st.session_state["live-project"]
    person = current_person(store)
    if person is None:
        return
    try:
        kept = keep_as_clips(
            store,
            person,
            _held(mic),
            st.session_state["live-speaker"],
            bool(st.session_state["live-consent"]),
            None if project == _LIBRARY else project,
        )
    except AffexionError as error:
        st.session_state[_FAILED] = escape_markdown(str(error))
        return
    if mic.session is not None:
        mic.session.forget()
    st.session_state.pop("live-recorded", None)
    where = f"; {kept.n_queued} of them wait in {escape_markdown(project)}" if project != _LIBRARY else ""
    st.session_state[_DONE] = f"{counted(len(kept.clips), 'clip')} kept in the library{where}."


def _held(mic: Microphone) -> np.ndarray:
    """Take the sound that is in memory: of the microphone, else of the recorder."""
    import numpy as np

    held = mic.session.recording() if mic.session is not None else np.empty(0, np.float32)
    return held if len(held) else st.session_state.get("live-recorded", held)
