"""What differs between a synthetic and a real dataset: figures, a probe, and a map whose clips are heard in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from affexion_core.config import config_hash
from affexion_core.errors import AffexionError
from affexion_ui.clip_map_view import show_clip_map
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.network_view import show_network
from affexion_ui.theme import mode
from affexion_ui.words import counted, distance_words, estimate_words

if TYPE_CHECKING:
    from affexion_core.differences.origin import Compared, DifferenceReport
    from affexion_core.differences.probes import Probe
    from affexion_core.store.session import Store


def show_differences(store: Store, synthetic_name: str, real_name: str) -> None:
    """Show how two datasets differ; measuring starts on a button, as it takes a while the first time."""
    from affexion_core.store.datasets import load_dataset

    st.subheader("What differs", anchor=False)
    try:
        content = config_hash(*(load_dataset(store, name).snapshot() for name in (synthetic_name, real_name)))
        key = f"{synthetic_name}-{real_name}-{content}"
        if not st.session_state.get(f"differences-{key}"):
            st.caption("Every clip is measured once and kept: about 50 ms a clip, so a minute for 1000.")
            if not st.button("Compare the clips", icon=":material/compare:", key=f"differences-start-{key}"):
                return
        compared, report = _compared(content, synthetic_name, real_name, store)
        st.session_state[f"differences-{key}"] = True
    except AffexionError as error:
        show_error(error)
        return
    _show_probe(report)
    left, right = st.columns(2, gap="large")
    with left:
        _show_figures(report, key)
    with right:
        _show_density(compared, report, key)
    st.markdown("##### Clips that sound alike lie close")
    heard = np.concatenate([compared.measures_a.functionals, compared.measures_b.functionals])
    show_clip_map(store, heard, (compared.a, compared.b), content, "all functionals", key)
    show_network(store, synthetic_name, real_name, content, key)


@st.cache_data(max_entries=4, show_spinner="Measuring and comparing clips …")
def _compared(content: str, synthetic: str, real: str, _store: Store) -> tuple[Compared, DifferenceReport]:
    from affexion_core.differences.origin import compare_origins, measure_both

    compared = measure_both(_store, synthetic, real)
    return compared, compare_origins(compared)


def _show_probe(report: DifferenceReport) -> None:
    found = report.probe
    if found is None:
        st.caption("Too few clips for a probe that tells the two apart.")
        return
    st.markdown(probe_words(found))
    used = ", ".join(f"`{name}` ({weight:+.2f})" for name, weight in report.used[:6])
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


def _show_density(compared: Compared, report: DifferenceReport, key: str) -> None:
    from affexion_core.plots.differences import plot_density

    known = {one.name: one for one in report.figures}
    name = st.selectbox("Figure", list(known), key=f"figure-of-{key}", width=260)
    found = known[name]
    values = {"real": compared.measures_b.column(name), "synthetic": compared.measures_a.column(name)}
    rows = [
        {"side": side, "clip": id, name: float(value)}
        for side, measures in (("synthetic", compared.measures_a), ("real", compared.measures_b))
        for id, value in zip(measures.clip_ids, measures.column(name), strict=True)
    ]
    if found.ks.value is None:
        caption = "Too few clips have this figure."
    else:
        caption = (
            f"Median {found.median_a:.3g} synthetic, {found.median_b:.3g} real. KS {found.ks.value:.2f} "
            f"({found.ks.low:.2f}–{found.ks.high:.2f}), n = {found.n_a} and {found.n_b}."
        )
    show_figure(plot_density(name, found.unit, values, mode()), f"density-{name}-{key}", caption, rows)  # type: ignore[arg-type]
