"""The results page's section on groups: where a model fails, and where there are too few clips to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.results import in_address
from affexion_ui.results_data import Measured, groups_of
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import METRICS, counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.evaluation.groups import GroupReport
    from affexion_core.plots.groups import Metric
    from affexion_core.store.session import Store

_AUTO = "auto"
_WORDS = {
    _AUTO: "dealt automatically",
    "duration": "duration (thirds)",
    "loudness": "loudness (thirds)",
    "snr": "signal-to-noise ratio (thirds)",
}


def show_groups(store: Store, measured: Measured) -> None:
    """Show figures by group, and whether the groups differ more than chance."""
    from affexion_core.evaluation.groupings import LEVELS, grouping_names

    clips = tuple(measured.clips.values())
    if len(clips) < 2:
        st.caption("Of these clips none but one is in the library any more, so they can't be grouped.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = _choose(grouping_names(clips), len(clips))
        metric: Metric = "accuracy" if _choose_metric() == METRICS["accuracy"] else "uar"
    n_measured = _measured_levels(store, measured) if by in LEVELS else 0
    if n_measured is None:
        return
    try:
        report = groups_of(store, measured, by, n_measured)
    except AffexionError as error:
        show_error(error)
        return
    _show_report(measured, report, metric)


def _choose(names: tuple[str, ...], n_clips: int) -> str:
    by = in_address("by", "Group by", [*names, _AUTO], lambda name: _WORDS.get(name, name.replace("_", " ")), 260)
    if by != _AUTO:
        return by
    most = min(12, n_clips)
    n = st.number_input("Groups", 2, most, min(7, most), key="n-groups", bind="query-params", width=120)
    return f"{_AUTO}:{int(n)}"


def _choose_metric() -> str:
    names = [METRICS["accuracy"], METRICS["uar"]]
    return st.segmented_control("Figure", names, default=names[0], required=True, key="figure", bind="query-params")


def _measured_levels(store: Store, measured: Measured) -> int | None:
    """Count the clips whose levels are known; where some aren't, offer to measure them and give None."""
    from affexion_core.evaluation.clip_levels import known_levels, measure_levels

    known = known_levels(store.workspace)
    missing = [clip for clip in measured.clips.values() if clip.id not in known]
    if not missing:
        return len(known)
    st.caption(
        f"Loudness and noise of {counted(len(missing), 'clip')} are not measured yet; that takes about a minute for "
        "3000 short clips, once. What is done is kept."
    )
    if st.button("Measure loudness and noise", icon=":material/graphic_eq:", key="measure-levels"):
        bar = st.progress(0.0, "Measuring …")

        def show(done: int, total: int, what: str) -> None:
            bar.progress(done / total, f"{what}: {done} of {total}")

        measure_levels(store.workspace, missing, show)
        st.rerun()
    return None


def _show_report(measured: Measured, report: GroupReport, metric: Metric) -> None:
    from affexion_core.evaluation.groupings import MEASURED
    from affexion_core.evaluation.groups import MIN_GROUP
    from affexion_core.plots.groups import group_rows, plot_groups

    st.markdown(verdict(report))
    overall = getattr(measured.evaluation.scores, metric).value
    few = sum(group.too_small for group in report.groups)
    caption = f"{counted(report.n, 'clip')} in {counted(len(report.groups), 'group')}; lines are 95 % intervals."
    if report.by in MEASURED and len(report.groups) < 3:
        caption += " Many clips have the same value, so that they can't be cut into thirds."
    if few:
        caption += f" Grey: fewer than {MIN_GROUP} clips, too few to say."
    figure = plot_groups(report, metric, overall, len(measured.run.labels), mode())
    show_figure(figure, f"groups-{report.by}-{metric}-{measured.key}", caption, group_rows(report))
    with st.expander("As a table", icon=":material/table:"):
        n_labels = max(group.n_labels for group in report.groups)
        rows = [
            {
                "Group": group.name,
                "n": group.n,
                "Speakers": group.n_speakers or None,
                "Accuracy": estimate_words(group.accuracy),
                "UAR": estimate_words(group.uar)
                + ("" if group.n_labels == n_labels else f", over {counted(group.n_labels, 'label')}"),
                "": "too few clips to say" if group.too_small else "",
            }
            for group in report.groups
        ]
        st.dataframe(rows, hide_index=True, key=f"group-table-{report.by}-{measured.key}", alt="Figures by group")


def verdict(report: GroupReport) -> str:
    """Say in a sentence or two whether the groups differ more than chance, and how that was asked."""
    test = report.test
    if test.p is None:
        return f"Not tested: {escape_markdown(test.method)}."
    p = f"p = {test.p:.3f}" if test.p >= 0.0015 else "p < 0.002"
    if test.p < 0.05:
        said = f"**These groups differ more than chance alone would make them** ({p})."
    else:
        said = f"**No difference between these groups beyond chance is shown** ({p})."
    how = f"Permutation test of accuracy given the labels: {test.method}, {test.n_permutations} times."
    if report.by.startswith("auto") and "clips" in test.method:
        how += " These groups were dealt at random, so a small p would be luck."
    return f"{said} :gray[{how} One of many groupings: of twenty, one shows p below 0.05 by luck.]"
