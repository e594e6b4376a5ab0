"""Making a dataset of votes: the rule, what it would come to, and the datasheet of what was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.store.datasets import dataset_papers, list_datasets
from affexion_ui.clip_table import label_column
from affexion_ui.layout import show_error
from affexion_ui.rights import refusal
from affexion_ui.settings_form import ask_config
from affexion_ui.theme import escape_markdown
from affexion_ui.words import count, counted, date

if TYPE_CHECKING:
    from affexion_core.labeling.consensus import ConsensusReport, ConsensusRule
    from affexion_core.labeling.votes import Votes
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Origin

_ERROR, _SAVED = "version-error", "version-saved"


def show_versions(store: Store, votes: Votes, person: Person) -> None:
    """Show the form for a new version with a preview of what it comes to, and the versions there are."""
    from affexion_core.labeling.consensus import ConsensusRule, summarise_consensus

    left, right = st.columns([1.2, 1], gap="large")
    with left:
        st.markdown("##### The rule")
        rule = ask_config(ConsensusRule(), "consensus")
        origin = _ask_origin(votes)
    with right:
        st.markdown("##### What it comes to")
        try:
            report = None if rule is None else summarise_consensus(votes, rule, origin)
        except AffexionError as error:
            show_error(error)
            report = None
        if report is not None:
            _show_preview(report)
    with left:
        _ask_save(store, votes, person, rule, origin, report)
    _show_made(store, votes)


def _ask_origin(votes: Votes) -> Origin | None:
    origins: list[Origin] = sorted({clip.origin for clip in votes.clips.values()})
    if len(origins) < 2:
        return None
    return st.segmented_control(
        "Clips of", origins, key="version-origin", persist_state="session", default=origins[0], required=True,
        help="Real people and synthetic voices are never mixed in a dataset.",
    )  # fmt: skip


def _show_preview(report: ConsensusReport) -> None:
    share = report.kept / report.clips if report.clips else 0
    left_out = ", ".join(f"{reason} ({count(n)})" for reason, n in report.dropped.items())
    st.markdown(f"**{count(report.kept)} of {counted(report.clips, 'clip')}** get a label ({100 * share:.0f} %).")
    if left_out:
        st.caption(f"Left out: {left_out}.")
    most = max(report.labels.values(), default=1) or 1
    st.dataframe(
        [{"Label": [label], "Clips": n} for label, n in report.labels.items()],
        hide_index=True,
        height=min(320, 38 + 35 * len(report.labels)),
        column_config={
            "Label": label_column(report.labels),
            "Clips": st.column_config.ProgressColumn(format="%d", min_value=0, max_value=most),
        },
        key="version-labels",
        alt="Clips of each label",
    )
    decided = report.sources.get("adjudicated", 0)
    if decided:
        st.caption(f"{counted(decided, 'clip')} by an adjudicator's decision.")
    if report.entropy is not None:
        st.caption(
            "The shares of the votes stay with each clip as its soft label. Their entropy is "
            f"{report.entropy:.2f} bit on average: 0 where all voted alike, 1 where two labels share the votes."
        )


def _ask_save(
    store: Store, votes: Votes, person: Person, rule: ConsensusRule | None, origin: Origin | None,
    report: ConsensusReport | None,
) -> None:  # fmt: skip
    names = {summary.name for summary in list_datasets(store)}
    free = next(name for n in range(1, len(names) + 2) if (name := f"{votes.name} v{n}") not in names)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        into = st.text_input(
            "Save as dataset", key=f"version-name-{votes.name}", persist_state="session", placeholder=free, width=280,
            max_chars=80,
        )  # fmt: skip
        name = (into or "").strip() or free

        def save() -> None:
            from affexion_core.labeling.consensus import save_consensus

            try:
                if rule is not None:
                    st.session_state[_SAVED] = save_consensus(store, person, votes.name, name, rule, origin)
                    st.session_state[f"version-name-{votes.name}"] = ""
            except AffexionError as error:
                st.session_state[_ERROR] = error

        ready = report is not None and report.kept > 0
        st.button("Save the dataset", type="primary", icon=":material/save:", disabled=not ready, on_click=save,
                  key="version-save")  # fmt: skip
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    saved = st.session_state.get(_SAVED)
    if saved is not None and saved.source == votes.name:
        state = "Saved" if saved.added else "There already, the same"
        st.success(
            f"{state}: **{escape_markdown(saved.dataset)}** with {counted(saved.kept, 'clip')}. "
            f"Hash `{saved.dataset_hash[:16]}`",
            icon=":material/check_circle:",
        )
        st.page_link(
            "pages/library.py",
            label="Its clips",
            icon=":material/library_music:",
            query_params={"dataset": saved.dataset},
        )


def _show_made(store: Store, votes: Votes) -> None:
    """Show the versions made of these votes, and the datasheet of one of them."""
    made = {summary.name: summary for summary in list_datasets(store)}
    recipes = {name: dataset_papers(store, name).recipe for name in made}
    names = [name for name, recipe in recipes.items() if recipe and recipe.get("source") == votes.name]
    if not names:
        return
    st.divider()
    st.markdown("##### Versions made of these votes")
    names.sort(key=lambda name: made[name].created, reverse=True)
    chosen = st.selectbox(
        "Version", names, key=f"version-{votes.name}", width=360,
        format_func=lambda name: f"{name}, {counted(made[name].n, 'clip')}, {date(made[name].created)}",
    )  # fmt: skip
    show_datasheet(store, chosen)


def show_datasheet(store: Store, name: str) -> None:
    """Show the datasheet of a dataset, to be saved, and edited by those who may."""
    from affexion_core.labeling.datasheet import datasheet_of
    from affexion_core.labeling.versions import edit_datasheet

    person, refused = refusal(store, "edit datasets")
    text = datasheet_of(store, name)
    edited = dataset_papers(store, name).datasheet is not None
    with st.container(horizontal=True, vertical_alignment="center"):
        edit = st.toggle(
            "Edit the datasheet", key=f"datasheet-edit-{name}", disabled=bool(refused), help=refused or None
        )
        st.download_button(
            "Datasheet", text.encode(), f"datasheet-{name}.md", "text/markdown", icon=":material/download:",
            on_click="ignore", key=f"datasheet-save-{name}",
        )  # fmt: skip
        if edited:
            st.button("Generate it anew", icon=":material/refresh:", on_click=edit_datasheet,
                      args=(store, name, None, person), disabled=bool(refused),
                      key=f"datasheet-anew-{name}", help="What people wrote into it is lost.")  # fmt: skip
    if not edit or refused:
        with st.container(border=True, height=520):
            # what people wrote shows as text; pictures from elsewhere would tell strangers who reads it
            st.markdown(text.replace("![", "!\\["))
        return
    key = f"datasheet-text-{name}"
    st.session_state.setdefault(key, text)
    st.text_area("Datasheet, as Markdown", key=key, height=520, persist_state="session")
    st.button("Save the datasheet", type="primary", icon=":material/save:", key=f"datasheet-keep-{name}",
              on_click=lambda: edit_datasheet(store, name, st.session_state[key], person))  # fmt: skip
