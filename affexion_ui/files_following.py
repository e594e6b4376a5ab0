"""A recording being followed in the background: how far it is, in minutes, and a button to stop it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AudioError
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown

if TYPE_CHECKING:
    from affexion_core.timeline.following import Following, Progress
    from affexion_core.timeline.recognising import Timeline

_HELD = "timelines"
_MOST = 8
_EVERY = 0.5
_SHORT = 0.6  # s; what is done by then needs no words on the way

Key = tuple[str, ...]


def followed(key: Key, name: str, start: Callable[[], Following]) -> Timeline | None:
    """Give the timeline of a recording; None while it is made, which goes on whatever the page does meanwhile.

    ``key`` tells recording and run from others of the session, ``start`` begins a timeline that isn't there yet.
    """
    held: dict[Key, Following] = st.session_state.setdefault(_HELD, {})
    if key not in held:
        held[key] = start()
        held[key].wait(_SHORT)
        while len(held) > _MOST:
            held.pop(next(iter(held))).stop()
    at = held[key]
    if at.timeline is not None:
        return at.timeline
    if at.error is not None:
        show_error(AudioError(at.error))
    elif at.stopped:
        st.markdown(f":material/stop_circle: {escape_markdown(name)} was stopped.")
        st.button("Follow it again", icon=":material/replay:", key="timeline-again", on_click=_forget, args=(key,))
    else:
        _show_progress(at, name)
    return None


def _show_progress(at: Following, name: str) -> None:
    @st.fragment(run_every=_EVERY)
    def watch() -> None:
        progress = at.look()
        if at.done:
            st.rerun(scope="app")
        st.progress(min(1.0, progress.share), text=f"{escape_markdown(name)}: {progress_words(progress)}")

    watch()
    st.button("Stop", icon=":material/stop:", key="timeline-stop", on_click=at.stop)
    st.caption("You can look at other pages meanwhile; come back within two minutes.")


def progress_words(progress: Progress) -> str:
    """Say how far a recording is, as ``finding speech, 12 of 60 min``; seconds where it is shorter than 2 min."""
    if not progress.total:
        return f"{progress.what} …"
    if progress.total < 120:
        return f"{progress.what}, {progress.done:.0f} of {progress.total:.0f} s"
    return f"{progress.what}, {progress.done / 60:.0f} of {progress.total / 60:.0f} min"


def _forget(key: Key) -> None:
    st.session_state[_HELD].pop(key, None)
