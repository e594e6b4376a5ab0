"""Taking a clip down from its panel: what would go is shown first, a reason is asked for, and it happens once asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.layout import show_error
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown
from affexion_ui.words import count, counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from affexion_core.ingest.takedown import TakedownReport
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Clip

_DONE, _ERROR = "takedown-done", "takedown-error"


def offer_takedown(store: Store, clip: Clip) -> None:
    """Offer owners to take a clip down; others are told who may."""
    with st.expander("Take down", icon=":material/delete_forever:"):
        person, refused = refusal(store, "take down", named=True)
        if refused:
            say_refusal(refused)
            return
        st.caption("Consent withdrawn, or a licence forbids it? The clip goes for good and isn't taken in again.")
        if st.toggle("Show what would go", key=f"takedown-show-{clip.id}"):
            _show(store, clip, person)


def _show(store: Store, clip: Clip, person: Person | None) -> None:
    from affexion_core.ingest.takedown import MAX_REASON, preview_takedown

    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    try:
        found = preview_takedown(store, [clip.id])
    except AffexionError as problem:
        show_error(problem)
        return
    st.markdown("\n".join(f"- {line}" for line in _lines(found)))
    keys = {name: f"takedown-{name}-{clip.id}" for name in ("reason", "keep", "whole")}
    st.text_input("Why", key=keys["reason"], max_chars=MAX_REASON, placeholder="consent withdrawn",
                  help="It stays on the tombstone, and is shown to whoever imports the recording again.")  # fmt: skip
    st.checkbox("Keep the judgements, without comments", key=keys["keep"],
                help="As a record of the raters' work; they count for nothing any more.")  # fmt: skip
    if found.parts:
        st.checkbox(f"Also the {counted(len(found.parts), 'other clip')} of this recording", key=keys["whole"],
                    help="The sound of a recording can go only as a whole.")  # fmt: skip

    def take() -> None:
        from affexion_core.ingest.takedown import take_down

        state = st.session_state
        try:
            state[_DONE] = take_down(
                store, [clip.id], state.get(keys["reason"]) or "", person, bool(state.get(keys["keep"])),
                bool(state.get(keys["whole"])),
            )  # fmt: skip
            _forget_sounds()
        except AffexionError as problem:
            state[_ERROR] = problem

    st.button("Take it down for good", type="primary", icon=":material/delete_forever:", on_click=take,
              key=f"takedown-go-{clip.id}")  # fmt: skip
    st.caption("This can't be undone.")


def _lines(found: TakedownReport) -> list[str]:
    """Say what goes, or has gone, and what stays."""
    lines = [
        f"{counted(len(found.clips), 'clip')} with recording, cached features and pictures, "
        f"{counted(found.n_judgements, 'judgement')}, {counted(found.n_decisions, 'decision')}"
    ]
    lines += [f"datasets that change: {_counts(found.datasets)}"] if found.datasets else []
    lines += [f"projects that change: {_counts(found.projects)}"] if found.projects else []
    lines += [f"exports deleted: {escape_markdown(', '.join(found.exports))}"] if found.exports else []
    if found.learned:
        runs = escape_markdown(", ".join(found.learned))
        lines.append(f"models that learned from it **stay as they are**: {runs}")
    lines += [f"runs measured on it: {escape_markdown(', '.join(found.measured))}"] if found.measured else []
    lines += [f"not touched, as outside the workspace: {escape_markdown(file)}" for file in found.outside]
    return lines


def _counts(held: Mapping[str, int]) -> str:
    return ", ".join(f"{escape_markdown(name)} ({count(n)})" for name, n in held.items())


def _forget_sounds() -> None:
    """Let the server forget what it rendered of clips; other sessions' pages get anew what they show."""
    from affexion_ui.sound.media import forget_renderings

    forget_renderings()


def show_taken_down() -> None:
    """Say what was taken down in this session."""
    found = st.session_state.get(_DONE)
    if found is None:
        return
    with st.container(border=True):
        st.markdown(f":material/delete_forever: **Taken down**, {counted(found.n_files, 'file')} deleted.")
        st.markdown("\n".join(f"- {line}" for line in _lines(found)))
        st.caption("Backups and copies elsewhere still hold it.")
        st.button("Close", on_click=lambda: st.session_state.pop(_DONE, None), key="takedown-close")
