"""What gives a dataset's labels away without listening to how something is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.background_work import MEASURED, Work, show_work
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.differences.shortcuts import ShortcutReport
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

_WORDS = "Every clip is measured once and kept, in the background; after that it takes seconds."


def show_shortcuts(store: Store, name: str) -> None:
    """Show how well each shortcut predicts a dataset's labels, or the button that looks in the background."""
    from affexion_core.differences.kept import kept_shortcuts
    from affexion_core.jobs.comparing import Question, newest_answer, submit_question
    from affexion_core.store.datasets import load_dataset

    st.subheader("What gives labels away", anchor=False)
    try:
        found = kept_shortcuts(store.workspace, load_dataset(store, name))
        if found is None:
            question = Question("shortcuts", name)

            def submit(person: Person | None) -> Job:
                return submit_question(store, question, person)

            label = f"Look for shortcuts in {name}"
            work = Work("shortcuts", "search", label, "search", _WORDS, submit, MEASURED)
            show_work(store, work, newest_answer(store, question))
            return
    except AffexionError as error:
        show_error(error)
        return
    st.markdown(verdict(found.report))
    _show_report(found.report, f"shortcuts-{name}")


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
