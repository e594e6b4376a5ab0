"""Whether who is at work may do something, and words for it where they may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import RightsError
from affexion_ui.people import current_person, login_is_set_up
from affexion_ui.theme import escape_markdown

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store

PICK = "Pick your name first, on the page Annotate."


def refusal(store: Store, action: str, named: bool = False) -> tuple[Person | None, str]:
    """Give who is at work, and why they may not do something; the words are empty where they may.

    Parameters
    ----------
    store
        The open store.
    action
        One of `affexion_core.labeling.people.ACTIONS`.
    named
        Ask for a name as soon as the workspace has people. Otherwise, where nobody logs in and nobody has said a name,
        this machine is its user's.
    """
    from affexion_core.labeling.people import list_people, require

    person = current_person(store)
    if person is None:
        return None, PICK if login_is_set_up() or (named and list_people(store)) else ""
    try:
        require(person, action)
    except RightsError as error:
        return person, str(error)
    return person, ""


def say_refusal(words: str) -> None:
    """Show why somebody may not do something."""
    st.caption(f":material/lock: {escape_markdown(words)}")
