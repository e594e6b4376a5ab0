"""What differs between a synthetic and a real dataset: figures, a probe, and a map whose clips are heard in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.background_work import MEASURED, Work, show_work
from affexion_ui.clip_map_view import show_clip_map
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.network_view import show_network
from affexion_ui.theme import mode
from affexion_ui.words import counted, distance_words, estimate_words

if TYPE_CHECKING:
    from affexion_core.differences.kept import Kept
    from affexion_core.differences.origin import DifferenceReport
    from affexion_core.differences.probes import Probe
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

_WORDS = (
    "Every clip is measured once and kept: about 50 ms a clip, so a minute for 1000, in the background. A map of "
    "thousands of clips takes some minutes more."
)


def show_differences(store: Store, synthetic_name: str, real_name: str) -> None:
    """Show how two datasets differ, how far the comparison is, or the button that starts it in the background."""
    from affexion_core.differences.kept import kept_differences
    from affexion_core.jobs.comparing import Question, newest_answer, submit_question
    from affexion_core.store.datasets import load_dataset

    st.subheader("What differs", anchor=False)
    try:
        sides = load_dataset(store, synthetic_name), load_dataset(store, real_name)
        found = kept_differences(store.workspace, *sides)
        if found is None:
            question = Question("differences", synthetic_name, real_name)

            def submit(person: Person | None) -> Job:
                return submit_question(store, question, person)

            work = Work("compare", "comparison", "Compare the clips", "compare", _WORDS, submit, MEASURED)
            show_work(store, work, newest_answer(store, question))
            return
    except AffexionError as error:
        show_error(error)
        return
    key = f"{synthetic_name}-{real_name}"
    _show_probe(found.report)
    left, right = st.columns(2, gap="large")
    with left:
        _show_figures(found.report, key)
    with right:
        _show_density(found, key)
    st.markdown("##### Clips that sound alike lie close")
    show_clip_map(store, found, sides, "all functionals", key)
    show_network(store, sides, key)


def _show_probe(report: DifferenceReport) -> None:
    found = report.probe
    if found is None:
        st.caption("Too few clips for a probe that tells the two apart.")
        return
    st.markdown(probe_words(found))
    used = ", ".join(f"`{name}` ({weight:+.2f})".replace("-", "−") for name, weight in report.used[:6])
    st.caption(
        f"Accuracy {estimate_words(found.accuracy)}; always the larger set {found.majority * 100:.0f} %; "
        f"{found.n_folds} folds, {found.split}. {_a_distance_words(report)}It goes by {used}; above 0: synthetic."
    )


def _a_distance_words(report: DifferenceReport) -> str:
    if report.a_distance is None:
        return ""
    return f"A-distance {distance_words(report.a_distance)}, of 0 (the same) to 2 (always told apart). "


def probe_words(found: Probe) -> str:
    """Say how well the two sides can be told apart."""
    uar = f"UAR {estimate_words(found.uar)}, chance {found.chance * 100:.0f} %"
    if not found.tells:
        return f"**A probe doesn't tell synthetic from real beyond chance**: {uar}."
    return f"**A probe tells synthetic from real**: {uar}."


def _show_figures(report: DifferenceReport, key: str) -> None:
    from affexion_core.plots.differences import difference_rows, plot_differences

    caption = (
        f"{counted(report.n_synthetic, 'synthetic clip')}, {counted(report.n_real, 'real clip')}. Wasserstein "
        "distance; lines are 95 % intervals."
    )
    show_figure(plot_differences(report.figures, mode()), f"distances-{key}", caption, difference_rows(report.figures))


def _show_density(kept: Kept[DifferenceReport], key: str) -> None:
    from affexion_core.differences.measures import NAMES
    from affexion_core.plots.differences import plot_density

    known = {one.name: one for one in kept.report.figures}
    name = st.selectbox("Figure", list(known), key=f"figure-of-{key}", width=260)
    found, n_first = known[name], kept.report.n_synthetic
    column = kept.values[:, NAMES.index(name)]
    values = {"real": column[n_first:], "synthetic": column[:n_first]}
    rows = [
        {"side": "synthetic" if place < n_first else "real", "clip": id, name: float(column[place])}
        for place, id in enumerate(kept.clip_ids)
    ]
    if found.ks.value is None:
        caption = "Too few clips have this figure."
    else:
        caption = (
            f"Median {found.median_a:.3g} synthetic, {found.median_b:.3g} real. KS {found.ks.value:.2f} "
            f"({found.ks.low:.2f}–{found.ks.high:.2f}), n = {found.n_a} and {found.n_b}."
        )
    show_figure(plot_density(name, found.unit, values, mode()), f"density-{name}-{key}", caption, rows)  # type: ignore[arg-type]
