"""The head of the results page: which run, measured on what, its headline figures, and which section to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.run_folder import Evaluation, evaluation_names, read_evaluation
from affexion_core.types import Run
from affexion_ui.counts import show_figures_row
from affexion_ui.results_dimensions import show_ccc_row
from affexion_ui.theme import escape_markdown, stamp_badge
from affexion_ui.words import METRICS, counted, date, evaluation_title, run_title

ORIGIN = "How it came to be"
DIMENSIONS = "Dimensions"
INPUTS = "Inputs"
SECTIONS = ("Confusion", "By label", "Certainty", "Groups", "Folds", ORIGIN)


def choose_run(runs: Sequence[Run]) -> Run:
    """Let one run be chosen, the newest first; the choice stands in the address."""
    by_id = {run.id: run for run in runs}
    chosen = in_address("run", "Run", list(by_id), lambda id: run_title(by_id[id]))
    return by_id[chosen]


def choose_evaluation(run: Run) -> Evaluation | None:
    """Let one measurement of a run be chosen, test sets before its own training clips; None where there is none."""
    folder = Path(run.folder)
    found = {name: read_evaluation(folder, name) for name in evaluation_names(folder)}
    if not found:
        return None
    order = {"test": 0, "cv": 1, "train": 2}
    names = sorted(found, key=lambda name: (order.get(found[name].part, 3), name))
    name = in_address("on", "Measured on", names, lambda name: evaluation_title(name, found[name].part))
    return found[name]


def in_address(
    key: str, label: str, options: list[str], words: Any, width: int | Literal["stretch"] = "stretch"
) -> str:
    """Choose one of the options and keep its plain value in the address, whatever words stand for it."""
    wanted = st.query_params.get(key)
    index = options.index(wanted) if wanted in options else 0
    # a widget bound to the address would write its words there, and know no other
    name = f"{key}-of-{'|'.join(options)}"
    chosen = st.selectbox(label, options, index=index, format_func=words, key=name, width=width)
    st.query_params[key] = chosen
    return chosen


def show_headline(run: Run, evaluation: Evaluation, origin: str | None) -> None:
    """Show the stamp and the four headline figures with intervals, beside what the recipe's source reports."""
    scores = evaluation.scores
    if not scores.labels:
        _show_numbers(evaluation, origin)
        return
    who = "voice" if origin == "synthetic" else "known speaker"
    speakers = counted(scores.n_speakers, who) if scores.n_speakers else "speakers unknown"
    words = f"{counted(scores.n, 'clip')} · {speakers} · measured {date(evaluation.created)}"
    _show_stamp(evaluation, words, origin)
    reported = _reported(run, evaluation, origin)
    with st.container(border=True):
        figures = {name: getattr(scores, name) for name in METRICS}
        show_figures_row(figures, {name: f"source: {reported[name]:g} %" for name in METRICS if name in reported})
    if reported:
        st.caption(
            "“source” is what the authors of this recipe report on clips of their own; other clips, so a landmark and "
            "no comparison."
        )
    if evaluation.left_out:
        shown = ", ".join(f"{label} {n}" for label, n in evaluation.left_out.items())
        st.caption(f"Left out by the label map: {escape_markdown(shown)}.")


def _show_stamp(evaluation: Evaluation, words: str, origin: str | None) -> None:
    """Show the stamp on a line of its own, as it may be long, and below it what was measured."""
    if origin == "synthetic":
        words += "  \nMeasured on synthetic speech: these figures say nothing about real people."
    with st.container(gap="xsmall"):
        stamp_badge(evaluation.stamp)
        st.caption(words)


def _show_numbers(evaluation: Evaluation, origin: str | None) -> None:
    """Show the stamp and the CCC of each dimension of a run that predicts no labels."""
    n, speakers = (max(getattr(each, name) for each in evaluation.dimensions) for name in ("n", "n_speakers"))
    who = counted(speakers, "voice" if origin == "synthetic" else "known speaker") if speakers else "speakers unknown"
    _show_stamp(evaluation, f"{counted(n, 'clip')} with values · {who} · measured {date(evaluation.created)}", origin)
    with st.container(border=True):
        show_ccc_row({each.name: each.ccc for each in evaluation.dimensions})


def _reported(run: Run, evaluation: Evaluation, origin: str | None) -> Mapping[str, float]:
    from affexion_core.plots.theme import SIGNALS

    # reported figures are those of the project's own labels; on other labels they would mislead
    if run.preset not in plugin_names("presets") or set(run.labels) != set(SIGNALS):
        return {}
    where = {"cv": "cv", "train": "train"}.get(evaluation.part) or ("real" if origin == "real" else "")
    return load_plugin("presets", run.preset).PRESET.reported.get(where, {})


def sections_of(evaluation: Evaluation) -> tuple[str, ...]:
    """Name the sections that there is something to show in: those on labels where labels are predicted."""
    labels = SECTIONS[:-1] if evaluation.scores.labels else ()
    beside = [name for name, found in ((DIMENSIONS, evaluation.dimensions), (INPUTS, evaluation.inputs)) if found]
    return (*labels, *beside, ORIGIN)


def choose_section(evaluation: Evaluation) -> str:
    """Let one section be looked at; the choice stands in the address."""
    sections = sections_of(evaluation)
    if st.session_state.get("section") not in (None, *sections):  # left from a run that has other sections
        st.session_state["section"] = sections[0]
    return st.segmented_control(
        "Section",
        sections,
        default=sections[0],
        required=True,
        key="section",
        bind="query-params",
        label_visibility="collapsed",
    )
