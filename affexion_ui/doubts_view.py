"""What a model has to say on the page Adjudicate: labels it doubts, and clips to be heard by one more rater."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.layout import show_error
from affexion_ui.words import counted, run_title

if TYPE_CHECKING:
    from affexion_core.labeling.model_loop import By, LabelDoubts
    from affexion_core.labeling.votes import Votes
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Run

_RUN = "doubts-run"
_HOW: dict[By, str] = {"disagreement": "hears something else than the raters", "uncertainty": "is least sure"}


def doubted_labels(store: Store, votes: Votes) -> Mapping[str, str]:
    """Say of each clip whose training label the chosen model doubts why, the strongest doubt first."""
    from affexion_core.labeling.model_loop import doubts_by_clip

    runs = _runs(store, votes)
    if not runs:
        return {}
    held = st.session_state.get(_RUN)
    run = next((run for run in runs if run.id == held), runs[0])
    try:
        return doubts_by_clip(_doubts(run, run.id, run.finished))
    except AffexionError as error:
        show_error(error)
        return {}


def _runs(store: Store, votes: Votes) -> list[Run]:
    """List the finished cross-validations that held out clips of these votes, newest first."""
    from affexion_core.store.runs import list_runs

    finished = [run for run in list_runs(store, "cv") if run.finished and run.labels]
    return [run for run in finished if not _held_out(run, run.id, run.finished).isdisjoint(votes.clips)]


@st.cache_data(max_entries=200, show_spinner=False)
def _held_out(_run: Run, id: str, finished: str | None) -> frozenset[str]:
    from affexion_core.labeling.model_loop import held_out_clips

    try:
        return held_out_clips(_run)
    except AffexionError:  # a damaged run is for the page Runs to tell
        return frozenset()


@st.cache_data(max_entries=20, show_spinner="Asking the model …")
def _doubts(_run: Run, id: str, finished: str | None) -> LabelDoubts:
    from affexion_core.labeling.model_loop import suspect_labels

    return suspect_labels(_run)


def show_model(store: Store, votes: Votes, person: Person) -> None:
    """Let a model be chosen, and let it ask for one more rater on some clips of a project; nothing without a model."""
    runs = _runs(store, votes)
    if not runs:
        return
    with st.popover("Model", icon=":material/smart_toy:", key="doubts-model"):
        by_id = {run.id: run for run in runs}
        chosen = st.selectbox(
            "Cross-validation",
            list(by_id),
            format_func=lambda id: run_title(by_id[id]),
            key=_RUN,
            persist_state="session",
        )
        st.caption(
            "Each clip was predicted by a model that had not seen it. It doubts a clip's training label where another "
            "label is at least as probable as it is, on average, for the clips that have it (confident learning)."
        )
        if votes.kind == "project":
            _ask_second_look(store, votes, person, by_id[chosen])


def _ask_second_look(store: Store, votes: Votes, person: Person, run: Run) -> None:
    st.markdown("**One more rater** for the tenth of the clips on which the model")
    how = st.radio("How", list(_HOW), format_func=_HOW.__getitem__, key="doubts-how", label_visibility="collapsed")
    if st.button("Ask for one more rater", icon=":material/person_add:", key="doubts-ask"):
        from affexion_core.labeling.model_loop import priorities
        from affexion_core.labeling.projects import set_priorities

        try:
            with st.spinner("Asking the model …", show_time=True):
                chosen = priorities(store, votes.name, run, how)
                n = set_priorities(store, person, votes.name, chosen)
            st.success(f"{counted(n, 'clip')} will be given to one more rater each.", icon=":material/check_circle:")
        except AffexionError as error:
            show_error(error)
    st.caption("Only clips that have all their judgements are looked at, so that raters judge on their own first.")
