"""Work that a page starts with a button and that goes on in the background, whatever becomes of the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.layout import show_error, shown_errors
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

EVERY = 1.5
# What a stop means where every clip is measured by itself.
MEASURED = "what was measured by then is kept"


@dataclass(frozen=True)
class Work:
    """One piece of work as a page offers it.

    ``key`` names its widgets, ``name`` it in sentences ("check"). ``label`` and ``icon`` are the button's, ``words``
    say what it does and how long that takes. ``submit`` queues it; ``again`` says what a stop means for the next start.
    """

    key: str
    name: str
    label: str
    icon: str
    words: str
    submit: Callable[[Person | None], Job]
    again: str = "it begins anew"


def show_work(store: Store, work: Work, job: Job | None) -> None:
    """Show how far work is whose newest ``job`` goes on, else the button that starts it."""
    from affexion_core.store.job import GOING_ON

    if job is not None and job.state in GOING_ON:
        _show_going(store, work, job)
    else:
        _offer(store, work, job)


def _offer(store: Store, work: Work, last: Job | None) -> None:
    st.caption(work.words)
    if last is not None and last.state == "failed":
        reason = escape_markdown(last.reason or "no reason known")
        st.error(f"The last {work.name} failed: {reason}", icon=":material/error:")
    elif last is not None and last.state in ("cancelled", "interrupted"):
        st.caption(f":material/stop: The last {work.name} was {last.state}; {work.again}.")
    person, refused = refusal(store, "train")
    if refused:
        say_refusal(refused)
    wrong = f"{work.key}-error"

    def start() -> None:
        from affexion_core.jobs.engine import ensure_engine

        try:
            work.submit(person)
            ensure_engine(store.workspace)
        except AffexionError as error:
            st.session_state[wrong] = error

    st.button(work.label, icon=f":material/{work.icon}:", key=work.key, on_click=start, disabled=bool(refused))
    error = st.session_state.pop(wrong, None)
    if error is not None:
        show_error(error)


def _show_going(store: Store, work: Work, job: Job) -> None:
    """Show how far it is, kept up to date, with a way to cancel it; the page is drawn anew at its end."""
    from affexion_core.jobs.engine import engine_status, ensure_engine
    from affexion_core.jobs.supervise import reap_lost
    from affexion_core.store.job import GOING_ON
    from affexion_core.store.jobs import cancel_job, get_job

    refused = refusal(store, "train")[1]

    @st.fragment(run_every=EVERY)
    def fragment() -> None:
        with shown_errors():
            runs = engine_status(store.workspace).running
            if not runs:
                reap_lost(store)
            now = get_job(store, job.id)
            if now.state not in GOING_ON:
                st.rerun()
            st.progress(now.done / now.total if now.total else 0.0, text=_how_far(now))
            with st.container(horizontal=True):
                st.button("Cancel", icon=":material/stop:", key=f"{work.key}-cancel", on_click=cancel_job,
                          args=(store, job.id), disabled=now.cancel or bool(refused))  # fmt: skip
                if not runs:
                    st.button("Go on", icon=":material/play_arrow:", key=f"{work.key}-engine", on_click=ensure_engine,
                              args=(store.workspace,), help="The engine is stopped, so nothing goes on; this starts it."
                              )  # fmt: skip
            st.caption("You can leave this page; it goes on.")

    fragment()


def _how_far(job: Job) -> str:
    if job.cancel:
        return "Being cancelled …"
    if not job.total:
        return "Starting …" if job.state == "running" else "Waiting for a free slot …"
    words = escape_markdown(job.words)
    return f"{words[:1].upper()}{words[1:]}: {job.done / job.total:.0%}"
