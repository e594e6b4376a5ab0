"""Offer the ready example study, start it, and follow it until it is done."""

from __future__ import annotations

import streamlit as st

from affexion_core.workspace import Workspace
from affexion_ui.layout import empty_state
from affexion_ui.theme import escape_markdown

WHAT = "Nothing is in this workspace yet"
HINT = (
    "Build the example study to see everything at work: four signals spoken by synthetic voices, a model trained on "
    "them, and a second set that stands in for field recordings. Both sets are synthetic stand-ins, so its figures say "
    "nothing about real people. It takes about a minute and needs no network."
)


def offer_example(workspace: Workspace) -> None:
    """Offer the example study in an empty workspace."""
    place = empty_state("graphic_eq", WHAT, HINT)
    with place:
        if st.button("Build the example study", type="primary", icon=":material/play_arrow:", key="build-example"):
            from affexion_core.example import start_example

            start_example(workspace)
            st.rerun()
        st.page_link("pages/import_clips.py", label="Import my own clips", icon=":material/upload:")


def example_state(workspace: Workspace) -> str | None:
    """Say how the building of the example stands: ``running``, ``done``, ``failed``, or None where none was started."""
    from affexion_core.example import read_example_progress

    progress = read_example_progress(workspace)
    return None if progress is None else progress.state


def follow_example(workspace: Workspace) -> None:
    """Show how far the example is, anew each second; the page is drawn again when it ends."""

    @st.fragment(run_every=1)
    def progress_bar() -> None:
        from affexion_core.example import read_example_progress

        progress = read_example_progress(workspace)
        if progress is None or progress.state != "running":
            st.rerun()
        share = progress.done / progress.total if progress.total else 0.0
        st.markdown("**Building the example study**")
        words = f"{escape_markdown(progress.what)} ({share:.0%})".replace("%", " %")
        st.progress(min(max(share, 0.0), 1.0), text=words)
        st.caption("It goes on if you leave this page or close the browser.")

    with st.container(border=True):
        progress_bar()


def show_example_failure(workspace: Workspace) -> None:
    """Say why the example could not be built, and offer to go on from what it had made."""
    from affexion_core.example import read_example_progress, start_example

    progress = read_example_progress(workspace)
    if progress is None or progress.state != "failed":
        return
    reason = escape_markdown(progress.error or "It stopped without saying why; build it again to go on.")
    st.error(f"The example study was not finished. {reason}", icon=":material/error:")
    if st.button("Build it again", icon=":material/refresh:", key="build-example-again"):
        start_example(workspace)
        st.rerun()
