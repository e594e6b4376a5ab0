"""What differs between a synthetic and a real dataset: figures, a probe, and a map whose clips are heard in pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.config import config_hash
from affexion_core.errors import AffexionError
from affexion_core.types import Clip
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, mode, origin_badge
from affexion_ui.words import clip_title, counted, estimate_words

if TYPE_CHECKING:
    from affexion_core.differences.clip_map import ClipMap
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
    _show_map(store, compared, content, key)


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
        f"{found.n_folds} folds, {found.split}. It goes by {used}; above 0: sounds synthetic."
    )


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


def _show_map(store: Store, compared: Compared, content: str, key: str) -> None:
    from affexion_core.plots.differences import map_rows, plot_map

    st.markdown("##### Clips that sound alike lie close")
    methods = {"PCA": "pca", "t-SNE": "tsne"}
    chosen_method = st.segmented_control(
        "Map by", list(methods), default="PCA", required=True, key=f"map-method-{key}", label_visibility="collapsed"
    )
    made = _mapped(content, methods[chosen_method or "PCA"], compared)
    clips, n_first = compared.clips, len(compared.a.items)
    ids = [clip.id for clip in clips]
    figure_key = f"map-{chosen_method}-{key}"

    def choose() -> None:
        points = st.session_state[figure_key]["selection"]["points"]
        picked = next((point["customdata"] for point in points if point.get("customdata")), None)
        picked = picked[0] if isinstance(picked, list) else picked
        if picked in ids:
            st.session_state[f"mapped-{key}"] = picked

    wanted = st.session_state.get(f"mapped-{key}")
    place = ids.index(wanted) if wanted in ids else 0
    left, right = st.columns([1.6, 1], gap="large")
    with left:
        words = [clip_title(clip, 40) for clip in clips]
        caption = (
            f"{counted(len(ids), 'clip')}, placed by all functionals. Choose one to hear it and its nearest of the "
            "other set; distances in the picture leave out what two directions don't show."
        )
        figure = plot_map(made, ids, words, n_first, place, mode())
        show_figure(figure, figure_key, caption, map_rows(made, ids, n_first), choose)
    with right:
        _show_pair(store, clips[place], clips[int(made.neighbour[place])], key)


@st.cache_data(max_entries=8, show_spinner="Laying out the map …")
def _mapped(content: str, method: str, _compared: Compared) -> ClipMap:
    import numpy as np

    from affexion_core.differences.clip_map import map_clips

    heard = np.concatenate([_compared.measures_a.functionals, _compared.measures_b.functionals])
    return map_clips(heard, len(_compared.a.items), "tsne" if method == "tsne" else "pca")


def _show_pair(store: Store, first: Clip, second: Clip, key: str) -> None:
    for letter, clip, words in (("A", first, "the clip chosen"), ("B", second, "nearest of the other set")):
        with st.container(border=True, gap="small"):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(f"**{letter}**", width="content")
                origin_badge(clip.origin)
                st.caption(words, width="content")
            st.caption(escape_markdown(clip_title(clip)))
            try:
                show_player(store.workspace, clip, f"pair-{letter}-{key}", spectrogram=False, height=56)
            except AffexionError as error:
                show_error(error)
