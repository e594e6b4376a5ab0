"""The form for a new labelling project: which clips, which labels, by whom, and how."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError, ConfigError
from affexion_core.labeling.people import list_people, may
from affexion_core.labeling.projects import DIMENSIONS, ProjectSettings, create_project
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.types import Scheme
from affexion_ui.filters import ask_filters
from affexion_ui.layout import show_error
from affexion_ui.settings_form import ask_config
from affexion_ui.words import count, counted

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store

OWN = "labels of my own"
_ERROR = "project-form-error"
_ASKED_ELSEWHERE = ("dimensions", "instructions")


@dataclass(frozen=True)
class _Wish:
    """What the form asks for; ``at_most`` None takes all clips, ``gold`` counts hidden checks a label."""

    name: str
    scheme: Scheme | None
    query: ClipQuery
    at_most: int | None
    gold: int
    raters: tuple[str, ...]
    settings: ProjectSettings | None


def show_form(store: Store, person: Person, made: Callable[[str], None], close: Callable[[], None]) -> None:
    """Show the form; ``made`` is called with the name of the project once it is there."""
    with st.container(border=True, key="project-form"):
        with st.container(horizontal=True, horizontal_alignment="distribute"):
            st.markdown("##### New project")
            st.button("Cancel", icon=":material/close:", type="tertiary", on_click=close, key="project-cancel")
        wish = _ask(store)
        error = st.session_state.pop(_ERROR, None)
        if error is not None:
            show_error(error)

        def create() -> None:
            try:
                made(_create(store, person, wish))
                close()
            except AffexionError as error:
                st.session_state[_ERROR] = error

        ready = bool(wish.name and wish.scheme and wish.settings)
        st.button("Create project", type="primary", icon=":material/check:", disabled=not ready, on_click=create,
                  key="project-create", help=None if ready else "It needs a name and labels.")  # fmt: skip


def _ask(store: Store) -> _Wish:
    first, second = st.columns(2)
    name = first.text_input("Name", placeholder="First round", key="new-name", bind="query-params", max_chars=80)
    with second:
        scheme = _ask_scheme(name.strip())
    st.markdown("**Clips**")
    query = ask_filters(store)
    at_most, gold = _ask_clips(store, query, scheme)
    st.markdown("**People and questions**")
    names = [each.name for each in list_people(store) if may(each, "label")]
    raters = st.multiselect(
        "Raters", names, placeholder="everyone who may label", key="new-raters", persist_state="session"
    )
    instructions = st.text_area(
        "Instructions", key="new-instructions", persist_state="session", height=90, max_chars=20_000,
        placeholder="What raters read beside each clip: what the labels mean, what to do when in doubt.",
    )  # fmt: skip
    dimensions = st.multiselect(
        "Also ask, with pictures from 1 to 7", DIMENSIONS, key="new-dimensions", persist_state="session",
        placeholder="nothing more",
    )  # fmt: skip
    with st.expander("How the queue works and what is asked", icon=":material/tune:"):
        settings = ask_config(ProjectSettings(), "project", leave_out=_ASKED_ELSEWHERE)
    if settings is not None:
        settings = replace(settings, dimensions=tuple(dimensions), instructions=instructions.strip())
    return _Wish(name.strip(), scheme, query, at_most, gold, tuple(raters), settings)


def _ask_scheme(name: str) -> Scheme | None:
    shipped = {each.name: each for each in shipped_schemes().values() if each.labels}

    def words(choice: str) -> str:
        return choice if choice == OWN else f"{choice}: {', '.join(shipped[choice].labels)}"

    choice = st.selectbox("Labels", [*shipped, OWN], format_func=words, key="new-scheme", bind="query-params")
    if choice != OWN:
        return shipped[choice]
    typed = st.text_input(
        "Labels of my own, with commas between",
        placeholder="calm, tense, amused",
        key="new-labels",
        bind="query-params",
    )
    labels = tuple(dict.fromkeys(part for each in typed.split(",") if (part := " ".join(each.split()))))
    if len(labels) < 2:
        st.caption("At least two labels. The first nine get the keys 1 to 9.")
        return None
    return Scheme(name or "labels", labels)


def _ask_clips(store: Store, query: ClipQuery, scheme: Scheme | None) -> tuple[int | None, int]:
    total = find_clips(store, replace(query, limit=0)).total
    with st.container(horizontal=True, vertical_alignment="bottom"):
        at_most = st.number_input(
            "At most", min_value=1, value=None, placeholder="all", key="new-most", persist_state="session", width=140,
            help="That many of them, drawn at random.",
        )  # fmt: skip
        gold = st.number_input(
            "Hidden checks a label", min_value=0, max_value=50, value=0, key="new-gold", persist_state="session",
            width=170,
            help="So many of the clips for each label, whose label in the chosen dataset counts as the known answer. "
            "They look like any other clip, and every rater gets each once.",
        )  # fmt: skip
        n = total if at_most is None else min(total, int(at_most))
        st.caption(f"{count(n)} of {counted(total, 'clip')} that fit the filters", width="content")
    if gold and (query.dataset is None or scheme is None):
        st.caption(
            ":material/info: Hidden checks need a dataset in the filters above: its labels are the known answers."
        )
    return (None if at_most is None else int(at_most)), int(gold)


def _create(store: Store, person: Person, wish: _Wish) -> str:
    if wish.scheme is None or wish.settings is None:
        raise ConfigError("The project needs labels, and settings in their ranges.")
    rows = find_clips(store, replace(wish.query, limit=None, offset=0)).rows
    known = {row.clip.id: row.labels.get(wish.query.dataset or "") for row in rows}
    chosen = sorted(known)
    if wish.at_most is not None and wish.at_most < len(chosen):
        chosen = random.Random(wish.settings.seed).sample(chosen, wish.at_most)
    gold = _gold(chosen, known, wish)
    return create_project(store, person, wish.name, wish.scheme, chosen, wish.settings, wish.raters, gold).name


def _gold(chosen: Sequence[str], known: Mapping[str, str | None], wish: _Wish) -> dict[str, str]:
    """Pick hidden checks among the clips: ``wish.gold`` for each label, where there are so many."""
    if not wish.gold or wish.scheme is None or wish.settings is None:
        return {}
    picked: dict[str, str] = {}
    for label in wish.scheme.labels:
        having = [id for id in sorted(chosen) if known[id] == label]
        random.Random(f"{wish.settings.seed} {label}").shuffle(having)
        picked.update(dict.fromkeys(having[: wish.gold], label))
    if not picked:
        raise ConfigError(
            "No hidden check can be picked: none of the clips has a label of this project in the chosen dataset. "
            "Choose a dataset with these labels, or 0 hidden checks."
        )
    return picked
