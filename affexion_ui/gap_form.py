"""What a gap study is to be, asked on the page Synthetic vs real: data, recipe and parts, all kept in the address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.discovery import plugin_names
from affexion_ui.words import counted, preset_title

if TYPE_CHECKING:
    from affexion_core.gap.study import GapRequest
    from affexion_core.store.datasets import DatasetSummary
    from affexion_core.store.session import Store

CURVE = "A few real clips"
_NO_MAP = "labels as they are"
_PRESET = "affexion-poster"


@dataclass(frozen=True)
class Wanted:
    """What is chosen; ``arms`` by name."""

    synthetic: str
    real: str
    preset: str
    label_map: str | None
    arms: tuple[str, ...]
    curve: bool
    draws: int
    seed: int
    name: str
    leaks: bool


def ask_study(datasets: Sequence[DatasetSummary]) -> Wanted:
    """Show the choices."""
    names = {summary.name: f"{summary.name} ({counted(summary.n, 'clip')})" for summary in datasets}
    # the largest first: where a set stands in for the other side, it is the smaller one
    ordered = sorted(datasets, key=lambda summary: -summary.n)
    spoken = [summary.name for summary in ordered if summary.origin == "synthetic"]
    people = [summary.name for summary in ordered if summary.origin == "real"]
    with st.container(horizontal=True, gap="small"):
        synthetic = _choose("Synthetic clips", [*spoken, *people], "synthetic", names.__getitem__, 210)
        others = sorted([*people, *spoken], key=lambda name: name == synthetic)
        real = _choose("Real clips", others, "real", names.__getitem__, 210)
        presets = sorted(plugin_names("presets"), key=lambda name: name != _PRESET)
        preset = _choose("Recipe", presets, "preset", preset_title, 230)
        label_map = _ask_map()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        arms = _ask_arms()
        curve = st.toggle(CURVE, value=True, key="curve", bind="query-params",
                          help="How much 1, 2, 5, 10 and 20 real clips of each label add.")  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        what = "Draws of a few real clips, and models of synthetic clips alone; they differ by their seed."
        draws = st.number_input("Draws", 1, 20, 3, key="draws", bind="query-params", width=110, help=what)
        seed = st.number_input("Seed", 0, 10**6, 0, key="seed", bind="query-params", width=110,
                               help="Same seed, same numbers.")  # fmt: skip
        name = st.text_input("Name", placeholder="if you like", key="study-name", width=200)
    leaks = bool(st.session_state.get("gap-leaks"))
    return Wanted(synthetic, real, preset, label_map, arms, curve, int(draws), int(seed), name.strip(), leaks)


def _choose(label: str, options: Sequence[str], key: str, words: Callable[[str], str], width: int) -> str:
    """Choose one of the options and keep its plain value in the address, whatever words stand for it."""
    wanted = st.query_params.get(key)
    index = options.index(wanted) if wanted in options else 0
    chosen = str(st.selectbox(label, options, index=index, format_func=words, key=f"gap-{key}", width=width))
    st.query_params[key] = chosen
    return chosen


def _ask_map() -> str | None:
    from affexion_core.ingest.label_maps import shipped_label_maps

    what = "Says what each label of the real clips means for the model, where they are not the same."
    chosen = st.selectbox("Label map", [_NO_MAP, *shipped_label_maps()], key="map", bind="query-params", width=190,
                          help=what)  # fmt: skip
    return None if chosen in (None, _NO_MAP) else chosen


def _ask_arms() -> tuple[str, ...]:
    with st.spinner("Loading the arms …"):
        from affexion_core.gap.arms import ARMS, USUAL
    titles = {arm.title: arm.name for arm in ARMS}
    usual = [title for title, name in titles.items() if name in USUAL]
    what = "Each changes one thing in the recipe, and is compared with the recipe as it is, clip by clip."
    chosen = st.pills("What may close the gap", list(titles), default=usual, selection_mode="multi", key="arms",
                      bind="query-params", help=what, wrap=True)  # fmt: skip
    return tuple(titles[title] for title in chosen)


def request_of(store: Store, wanted: Wanted) -> GapRequest:
    """Load the chosen data and make the request.

    Raises
    ------
    AffexionError
        If something chosen is gone.
    """
    from affexion_core.discovery import load_plugin
    from affexion_core.gap.few_real import SIZES
    from affexion_core.gap.study import GapRequest
    from affexion_core.ingest.label_maps import load_label_map
    from affexion_core.store.datasets import load_dataset
    from affexion_core.training.run_config import from_preset

    preset = load_plugin("presets", wanted.preset).PRESET
    return GapRequest(
        config=from_preset(preset, wanted.seed),
        crossval=from_preset(preset, wanted.seed, crossval=True),
        synthetic=load_dataset(store, wanted.synthetic),
        real=load_dataset(store, wanted.real),
        label_map=load_label_map(wanted.label_map) if wanted.label_map else None,
        allow_leaks=wanted.leaks,
        arms=wanted.arms,
        sizes=SIZES if wanted.curve else (),
        draws=wanted.draws,
        name=wanted.name or None,
    )
