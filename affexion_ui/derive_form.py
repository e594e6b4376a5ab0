"""The form that makes noisy copies of a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.config import plain
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import AffexionError
from affexion_ui.layout import empty_state, show_error
from affexion_ui.setting_fields import fields_of
from affexion_ui.theme import escape_markdown
from affexion_ui.words import count, counted

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store

_FIRST = ("noise", "room", "codec")


def show_derive(store: Store, person: Person | None) -> None:
    """Ask which dataset and which changes, and make the copies."""
    from affexion_core.store.datasets import list_datasets

    found = {summary.name: summary for summary in list_datasets(store) if summary.n}
    if not found:
        empty_state("graphic_eq", "No dataset to derive from yet", "Speak clips or import some; copies are made here.")
        return
    st.caption("Each copy keeps voice, words and label, and names its original, so that a leak between the two shows.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox("Dataset", list(found), key="derive-source", width=260,
                              format_func=lambda name: f"{name} ({counted(found[name].n, 'clip')})")  # fmt: skip
        into = st.text_input("Into dataset", f"{source}-noisy", key=f"derive-into-{source}", width=260, max_chars=80)
        copies = st.number_input("Copies of each", 1, 20, 1, key="derive-copies", width=130)
        seed = st.number_input("Seed", 0, 2**31, 0, key="derive-seed", width=110)
    names = [*_FIRST, *(name for name in plugin_names("augment") if name not in _FIRST)]
    chosen = st.pills("Changes", names, selection_mode="multi", default=["noise"], key="derive-changes",
                      help="Done in the order in which sound meets them: room, noise, then codec.")  # fmt: skip
    changes = {name: _ask_change(name) for name in chosen or ()}
    n = found[source].n * int(copies)
    if not st.button(f"Make {count(n)} {'copy' if n == 1 else 'copies'}", type="primary", icon=":material/graphic_eq:",
                     disabled=not changes, key="derive-start"):  # fmt: skip
        return
    _make(store, (source, into, changes, int(copies), int(seed), person.name if person is not None else None))


def _ask_change(name: str) -> dict[str, Any]:
    """Ask for the range of a change that says most; the rest keeps its defaults, which the verb `derive` can set."""
    config = load_plugin("augment", name).Config()
    pairs = [key for key, value in plain(config).items() if _is_range(value)]
    if not pairs or name == "field":
        return {}
    low, high = getattr(config, pairs[0])
    words = next(field.why for field in fields_of(name, config, name) if field.name == pairs[0])
    st.caption(f"**{name.capitalize()}**: {words}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.number_input("from", value=float(low), key=f"derive-{name}-low", width=130, format="%g")
        second = st.number_input("to", value=float(high), key=f"derive-{name}-high", width=130, format="%g")
    return {pairs[0]: [first, second]}


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, int | float) for one in value)


def _make(store: Store, values: tuple[Any, ...]) -> None:
    from affexion_core.ingest.deriving import DeriveRequest, derive_dataset

    bar = st.progress(0.0, text="Changing clips …")
    try:
        report = derive_dataset(
            store, DeriveRequest(*values),
            lambda done, total, what: bar.progress(done / total, text=f"{escape_markdown(what)} ({done} of {total})"),
        )  # fmt: skip
    except AffexionError as error:
        bar.empty()
        show_error(error)
        return
    notes = tuple(escape_markdown(f"{one.file}: {one.reason}") for one in report.rejected)
    words = f"{counted(report.added, 'clip')} added, {report.present} already there. Dataset {report.dataset}."
    st.session_state["import-told"] = (escape_markdown(words), notes)
    st.rerun()
