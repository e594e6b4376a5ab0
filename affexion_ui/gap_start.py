"""What a gap study will cost, whether its clips leak, and its start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.config import config_hash
from affexion_core.errors import AffexionError, SplitError
from affexion_ui.layout import show_error
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown, stamp_badge
from affexion_ui.train_panel import about
from affexion_ui.words import counted

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from affexion_core.gap.estimate import Estimate
    from affexion_core.gap.study import GapPlan, GapRequest
    from affexion_core.store.session import Store
    from affexion_ui.gap_form import Wanted

# The study that was just started, to be chosen at the next drawing.
STARTED = "gap-started"


def choose_study(options: list[str], words: Callable[[str], str]) -> str:
    """Choose a study by its id, or a new one; its plain id stands in the address, and one just started is chosen."""
    key = f"study-of-{len(options)}-{options[0]}"
    wanted = st.session_state.pop(STARTED, None) or st.query_params.get("study")
    index = options.index(wanted) if wanted in options else 0
    chosen = str(st.selectbox("Study", options, index=index, format_func=words, key=key, width=560))
    st.query_params["study"] = chosen
    return chosen


def show_preview(store: Store, wanted: Wanted) -> GapRequest | None:
    """Show cost and leak check of what is chosen; returns the request if it may start."""
    from affexion_ui.gap_form import request_of

    try:
        request = request_of(store, wanted)
        key = config_hash(str(wanted), request.synthetic.snapshot(), request.real.snapshot())
        plan, cost = _planned(key, store, request)
    except AffexionError as error:
        st.markdown("**Leak check**")
        show_error(error)
        if isinstance(error, SplitError) and "allow_leaks" in error.change:
            st.checkbox("Measure on them all the same, stamped leaky", key="gap-leaks")
        return None
    st.markdown("**What it will cost**")
    st.markdown(cost_words(cost, _slots(store)))
    st.markdown("**Leak check**")
    stamp_badge(plan.stamp)
    if wanted.leaks:
        st.checkbox("Measure on them all the same, stamped leaky", key="gap-leaks")
    for note in plan.notes:
        st.caption(f":material/info: {escape_markdown(note)}")
    for arm in plan.arms:
        if arm.reason:
            st.caption(f":material/block: **{escape_markdown(arm.title)}** is left out: {escape_markdown(arm.reason)}.")
    return request


@st.cache_data(max_entries=32, show_spinner="Checking who trains and who is measured, and what it will cost …")
def _planned(key: str, _store: Store, _request: GapRequest) -> tuple[GapPlan, Estimate]:
    from affexion_core.gap.estimate import estimate_gap
    from affexion_core.gap.study import plan_gap

    planned = plan_gap(_request)
    return planned.plan, estimate_gap(_store, planned)


def _slots(store: Store) -> int:
    from affexion_core.jobs.engine import usual_slots

    return usual_slots(store.workspace)


def cost_words(cost: Estimate, slots: int) -> str:
    """Say what a study will cost: models, and the time they take where ``slots`` parts run at once."""
    from affexion_core.gap.estimate import minutes_on

    models = f"{counted(cost.n_models, 'model')} in {counted(cost.n_parts, 'part')}"
    seconds = 60 * minutes_on(cost, slots)
    return (
        f"{models}: about {about(seconds)} with {slots} at once, going by {cost.basis}. "
        "Features of new clips and of changed copies come on top."
    )


def offer_start(place: DeltaGenerator, store: Store, request: GapRequest | None) -> None:
    """Show the button that starts a study, disabled where there is none to start."""
    person, refused = refusal(store, "train")
    if refused:
        say_refusal(refused)
    clicked = place.button(
        "Start study", type="primary", icon=":material/play_arrow:", disabled=request is None or bool(refused),
        key="gap-start", shortcut="Mod+Enter",
    )  # fmt: skip
    if not clicked or request is None:
        return
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.submit import submit_gap

    with st.spinner("Queueing …"):
        job = submit_gap(store, request, person)
        ensure_engine(store.workspace)
    st.session_state[STARTED] = job.run_id
    st.rerun()
