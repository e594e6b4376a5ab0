"""The engine's state in the sidebar: what runs, what waits, on how many slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_ui.layout import shown_errors
from affexion_ui.session import current_store
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.jobs.engine import EngineStatus
    from affexion_core.store.session import Store

_EVERY = 3.0


def show_engine() -> None:
    """Show the engine's state in the sidebar, small, and keep it up to date."""

    @st.fragment(run_every=_EVERY)
    def engine() -> None:
        from affexion_core.jobs.engine import engine_status

        with shown_errors():
            store = current_store()
            running, waiting = count_work(store)
            icon, words = engine_words(engine_status(store.workspace), running, waiting)
            st.caption(f":material/{icon}: {words}", help=_HELP)

    with st.sidebar:
        engine()


_HELP = (
    "The engine trains in the background, apart from this page: close the browser and it goes on. It starts by itself "
    "when a run is queued and ends when nothing is left to do. A slot takes one training at a time."
)


def count_work(store: Store) -> tuple[int, int]:
    """Count jobs that run and jobs that wait; a parent that only waits for its folds counts as neither."""
    from affexion_core.store.jobs import list_jobs

    working = [job for job in list_jobs(store, states=("queued", "running")) if job.needs]
    running = sum(job.state == "running" for job in working)
    return running, len(working) - running


def engine_words(status: EngineStatus, running: int, waiting: int) -> tuple[str, str]:
    """Give icon and words for the engine's state."""
    waits = f", {waiting} waiting" if waiting else ""
    if not status.running:
        return "pause_circle", f"Engine **stopped**{waits}"
    slots = f" on {counted(status.slots, 'slot')}" if status.slots else ""
    if running or waiting:
        return "play_circle", f"Engine **running {counted(running, 'job')}**{slots}{waits}"
    return "check_circle", f"Engine **idle**{slots}"
