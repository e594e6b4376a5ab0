"""The button that puts tried recordings into the library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.people import current_person
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.store.session import Store
    from affexion_core.timeline.keeping import Part

_SAID = "files-kept"


def show_keep(store: Store, parts: Sequence[Part], noun: str, key: str) -> None:
    """Offer to add the chosen parts, called by ``noun``, to the library without a label."""
    st.button(
        f"Add {counted(len(parts), noun)} to library",
        icon=":material/library_add:",
        disabled=not parts,
        key=f"{key}-keep",
        on_click=_keep,
        args=(store, tuple(parts)),
        help="As clips without a label; the answer of the model is not kept. The recording is copied into the "
        "workspace.",
    )
    said = st.session_state.pop(_SAID, None)
    if said is not None:
        kind, words = said
        (st.success if kind == "done" else st.error)(words)


def _keep(store: Store, parts: Sequence[Part]) -> None:
    from affexion_core.timeline.keeping import keep_parts

    try:
        kept = keep_parts(store, parts, current_person(store))
    except AffexionError as error:
        st.session_state[_SAID] = ("failed", escape_markdown(str(error)))
        return
    words = f"{counted(kept.added, 'clip')} added to the library, without a label."
    if kept.present:
        words += f" {kept.present} already there."
    if kept.problems:
        words += f" {counted(len(kept.problems), 'file')} can't be used: {escape_markdown(' '.join(kept.problems))}"
    st.session_state[_SAID] = ("done", words)
