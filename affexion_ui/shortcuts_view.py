"""What gives a dataset's labels away without listening to how something is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.differences.shortcuts import ShortcutReport
    from affexion_core.store.session import Store


def show_shortcuts(store: Store, name: str) -> None:
    """Show how well each shortcut predicts a dataset's labels; asking starts on a button."""
    from affexion_core.store.datasets import load_dataset

    st.subheader("What gives labels away", anchor=False)
    try:
        content = load_dataset(store, name).snapshot()
        key = f"shortcuts-{name}-{content[:12]}"
        if not st.session_state.get(key):
            st.caption("Every clip is measured once and kept; after that it takes seconds.")
            if not st.button(f"Look for shortcuts in {name}", icon=":material/search:", key=f"{key}-start"):
                return
        report = _report(content, name, store)
        st.session_state[key] = True
    except AffexionError as error:
        show_error(error)
        return
    st.markdown(verdict(report))
    _show_report(report, key)


@st.cache_data(max_entries=16, show_spinner="Asking what gives the labels away …")
def _report(content: str, name: str, _store: Store) -> ShortcutReport:
    from affexion_core.differences.shortcuts import find_shortcuts
    from affexion_core.store.datasets import load_dataset

    return find_shortcuts(_store, load_dataset(_store, name))


def verdict(report: ShortcutReport) -> str:
    """Say which shortcuts give labels away."""
    found = [one.name for one in report.shortcuts if one.tells]
    where = f"in {escape_markdown(report.dataset)}"
    if not found:
        return f":material/check_circle: **No shortcut is shown {where}**, of those that were asked."
    verb = "gives" if len(found) == 1 else "give"
    return f":material/warning: **{', '.join(found).capitalize()} alone {verb} labels away {where}.**"


def _show_report(report: ShortcutReport, key: str) -> None:
    from affexion_core.plots.differences import plot_shortcuts, shortcut_rows

    majority = next((one.probe.majority for one in report.shortcuts if one.probe), None)
    caption = (
        f"{counted(report.n, 'clip')}, {counted(len(report.labels), 'label')}; logistic regression on held-out clips, "
        "lines are 95 % intervals; filled: beyond chance, p corrected for all rows."
    )
    if majority is not None:
        caption += f" Always the commonest label: {majority * 100:.0f} % accuracy."
    show_figure(plot_shortcuts(report, mode()), key + "-figure", caption, shortcut_rows(report))
    with st.expander("As a table", icon=":material/table:"):
        rows = [
            {
                "From": one.what,
                "UAR": estimate_words(one.probe.uar) if one.probe else one.reason,
                "Accuracy": estimate_words(one.probe.accuracy) if one.probe else "",
                "p": f"{one.p_holm:.3f}" if one.p_holm is not None else "",
                "Folds": one.probe.split if one.probe else "",
            }
            for one in report.shortcuts
        ]
        st.dataframe(rows, hide_index=True, key=f"{key}-table", alt="Shortcuts")
    _show_generators(report)


def _show_generators(report: ShortcutReport) -> None:
    """Say of each generator how well its labels are told by what was learned from the others alone."""
    from affexion_core.plots.gap import effect_words

    if not report.generators:
        return
    st.markdown("**Each generator held out in turn**")
    for one in report.generators:
        name = escape_markdown(one.generator)
        words = f"learned from {counted(one.n_train, 'clip')} of the others: UAR {estimate_words(one.uar)}"
        if one.inside is not None and one.drop is not None:
            words += f"; with its own clips among them {estimate_words(one.inside)}, {effect_words(one.drop)}"
        icon = ":material/warning:" if one.falls else ":material/check_circle:"
        end = ". **What tells its labels doesn't carry over from the others.**" if one.falls else "."
        st.markdown(f"{icon} {name}, {words}{end}")
    st.caption(
        "By a probe on all functionals. What is lost when a generator is held out hung on that generator's own sound, "
        "and people don't have it either; some is lost by learning from fewer clips and other voices."
    )
