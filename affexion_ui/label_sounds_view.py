"""The library's section on how the labels of a dataset sound: amplitude, energy and length of their clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_ui.figures import show_figure
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.evaluation.label_sounds import Measure, SoundReport
    from affexion_core.store.session import Store
    from affexion_core.types import Dataset

_NAMES: dict[str, Measure] = {
    "Amplitude": "amplitude",
    "Energy": "energy",
    "Clip length": "duration",
    "Speech length": "speech",
}


def show_label_sounds(store: Store, name: str) -> None:
    """Show how the labels of a dataset sound, once it is asked for; offer to measure clips that were not yet."""
    title, asked = f"How the labels of {escape_markdown(name)} sound", "label-sounds" in st.query_params
    with st.expander(title, expanded=asked, icon=":material/graphic_eq:"):
        if not st.toggle("Show", key="label-sounds", bind="query-params"):
            st.caption("Amplitude, spectrogram energy and length of each label's clips, with n and 95 % intervals.")
            return
        _show(store, name)


def _show(store: Store, name: str) -> None:
    from affexion_core.evaluation.label_sounds import describe_labels, known_sounds
    from affexion_core.store.datasets import load_dataset

    dataset = load_dataset(store, name)
    known = known_sounds(store.workspace)
    if not _measured(store, dataset, len([item for item in dataset.items if item.clip.id not in known])):
        return
    if not any(item.clip.id in known for item in dataset.items):
        st.caption("None of these clips can be decoded, so there is nothing to show.")
        return
    report = describe_labels(dataset, known)
    chosen = st.segmented_control(
        "Figure", list(_NAMES), default="Amplitude", required=True, key="label-sound", bind="query-params"
    )
    _show_measure(report, _NAMES[chosen or "Amplitude"])


def _measured(store: Store, dataset: Dataset, n_missing: int) -> bool:
    """Say whether all clips are measured, or as many as can be; otherwise offer to measure them."""
    from affexion_core.evaluation.label_sounds import measure_sounds

    tried = st.session_state.setdefault("label-sounds-tried", set())
    if not n_missing or dataset.name in tried:
        return True
    st.caption(f"{counted(n_missing, 'clip')} are not measured yet; a thousand short ones take half a minute, once.")
    if st.button("Measure", icon=":material/graphic_eq:", key="measure-sounds"):
        bar = st.progress(0.0, "Measuring …")

        def show(done: int, total: int, what: str) -> None:
            bar.progress(done / total, f"{what}: {done} of {total}")

        measure_sounds(store.workspace, [item.clip for item in dataset.items], show)
        tried.add(dataset.name)
        st.rerun()
    return False


def _show_measure(report: SoundReport, measure: Measure) -> None:
    from affexion_core.evaluation.label_sounds import MEASURES
    from affexion_core.plots.label_sounds import label_sound_rows, plot_label_sounds

    methods = sorted({row.spreads[measure].method for row in report.labels})
    caption = (
        f"{counted(report.n, 'clip')}. {MEASURES[measure].capitalize()}: mean, thick its 95 % interval "
        f"({', '.join(methods)}), thin the middle 80 % of the clips."
    )
    if report.unmeasured:
        caption += f" {counted(report.unmeasured, 'clip')} could not be decoded."
    figure = plot_label_sounds(report, measure, mode())
    show_figure(figure, f"label-sounds-{report.dataset}-{measure}", caption, label_sound_rows(report))
    st.caption("What differs here may be how a label was recorded or cut, not how it is spoken.")
