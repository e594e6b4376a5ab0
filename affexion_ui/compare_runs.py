"""Several runs beside each other: what differs in their settings, their curves, and how they do on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.run_folder import (
    Evaluation,
    evaluation_names,
    fold_folders,
    read_config,
    read_evaluation,
    read_history,
    read_predictions,
)
from affexion_ui.figures import csv_bytes, show_figure
from affexion_ui.run_details import flat_settings
from affexion_ui.run_entries import Entry, title
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import count, counted, date, estimate_words, preset_title, stamp_parts

if TYPE_CHECKING:
    from affexion_core.evaluation.comparing import SharedClips
    from affexion_core.evaluation.paired import Comparison
    from affexion_core.store.session import Store
    from affexion_core.types import Run

_ABSENT = "–"


def show_comparison(store: Store, entries: Sequence[Entry]) -> None:
    """Compare two or more runs."""
    runs = [entry.run for entry in entries if entry.run is not None and entry.run.kind in ("train", "cv")]
    if len(runs) < 2:
        st.caption("Choose two runs that were trained; a sweep as a whole has nothing to compare.")
        return
    names = run_names(entries)
    st.subheader(f"{len(runs)} runs compared", anchor=False)
    results, curves, settings = st.tabs(
        ["Results", "Learning", "Settings that differ"], key="compare-tab", on_change="rerun"
    )
    if results.open:
        with results:
            _show_results(store, runs, names)
    if curves.open:
        with curves:
            _show_curves(runs, names)
    if settings.open:
        with settings:
            _show_differences(runs, names)


def run_names(entries: Sequence[Entry]) -> dict[str, str]:
    """Name runs by id, so that no two of the names are the same."""
    plain = {entry.run.id: title(entry) for entry in entries if entry.run is not None}
    told = list(plain.values())
    dates = {entry.run.id: date(entry.run.created) for entry in entries if entry.run is not None}
    named = {id: name if told.count(name) == 1 else f"{name}, {dates[id]}" for id, name in plain.items()}
    again = list(named.values())
    return {id: name if again.count(name) == 1 else f"{name} ({id[-4:]})" for id, name in named.items()}


def _show_differences(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    rows = differing(runs, names)
    if not rows:
        st.caption("Nothing differs: same recipe, same data, same seed.")
        return
    st.dataframe(rows, hide_index=True, key="compare-settings", alt="Settings in which the runs differ")
    st.caption(f"{counted(len(rows), 'setting')}; all others are the same. {_ABSENT} means that a run has no such one.")
    st.download_button("As CSV", data=csv_bytes(rows), file_name="affexion-compared-settings.csv", mime="text/csv",
                       icon=":material/download:", on_click="ignore", key="compare-settings-csv")  # fmt: skip


def differing(runs: Sequence[Run], names: Mapping[str, str]) -> list[dict[str, str]]:
    """List the settings and data in which runs differ, a row each, a column a run."""
    facts = {run.id: _facts(run) for run in runs}
    keys = list(dict.fromkeys(key for values in facts.values() for key in values))
    rows = []
    for key in keys:
        values = [facts[run.id].get(key, _ABSENT) for run in runs]
        if len(set(values)) > 1:
            rows.append({"Setting": key, **{names[run.id]: value for run, value in zip(runs, values, strict=True)}})
    return rows


def _facts(run: Run) -> dict[str, str]:
    kind = "one model" if run.kind == "train" else f"{len(fold_folders(Path(run.folder)))} folds"
    return {
        "recipe": preset_title(run.preset),
        "kind": kind,
        "trained on": run.train_dataset,
        "training clips": run.train_snapshot[:12],
        "measured on": run.test_dataset or _ABSENT,
        **dict(flat_settings(read_config(Path(run.folder)))),
    }


def _show_curves(runs: Sequence[Run], names: Mapping[str, str]) -> None:
    from affexion_core.plots.compare import curve_rows, mean_history, plot_curves

    curves = {}
    for run in runs:
        folders = fold_folders(Path(run.folder)) or (Path(run.folder),)
        curves[names[run.id]] = mean_history([read_history(folder) for folder in folders])
    if not any(curves.values()):
        st.caption("None of them has finished an epoch yet.")
        return
    caption = "Solid: training clips; dashed: dev clips. Of cross-validations, the mean over their folds."
    show_figure(plot_curves(curves, mode()), "compare-curves", caption, curve_rows(curves))


def _show_results(store: Store, runs: Sequence[Run], names: Mapping[str, str]) -> None:
    measured = {run.id: evaluations_of(run) for run in runs}
    shared = [name for name in measured[runs[0].id] if all(name in found for found in measured.values())]
    if not shared:
        told = "; ".join(f"{escape_markdown(names[run.id])}: {_measured_words(measured[run.id])}" for run in runs)
        st.caption(f"They were not measured on the same dataset, so their figures can't be compared. {told}.")
        return
    on = shared[0]
    if len(shared) > 1:
        on = st.selectbox("Measured on", shared, key=f"compare-on-{'|'.join(shared)}", width=300)
    found = {run.id: measured[run.id][on] for run in runs}
    rows = [_result_row(names[run.id], found[run.id]) for run in runs]
    st.dataframe(rows, hide_index=True, key="compare-results", alt="Figures of each run")
    st.caption(f"Measured on {escape_markdown(on)}; with 95 % intervals.")
    first, *others = runs
    for other in others:
        _show_pair(store, (first, other), names, found)


def _measured_words(found: Mapping[str, Evaluation]) -> str:
    return escape_markdown(", ".join(found)) if found else "not measured yet"


def evaluations_of(run: Run) -> dict[str, Evaluation]:
    """Give what a run was measured on, by dataset; what it had not seen goes before its own training clips."""
    folder = Path(run.folder)
    order = {"test": 0, "cv": 1, "train": 2}
    found = [read_evaluation(folder, name) for name in evaluation_names(folder)]
    best: dict[str, Evaluation] = {}
    for evaluation in sorted(found, key=lambda evaluation: order.get(evaluation.part, 3)):
        name = (
            evaluation.dataset if evaluation.label_map is None else f"{evaluation.dataset} via {evaluation.label_map}"
        )
        best.setdefault(name, evaluation)
    return best


def _result_row(name: str, evaluation: Evaluation) -> dict[str, Any]:
    part = {"cv": "held-out folds", "train": "its own training clips", "test": "test set"}[evaluation.part]
    return {
        "Run": name,
        "Accuracy": estimate_words(evaluation.scores.accuracy),
        "UAR": estimate_words(evaluation.scores.uar),
        "Macro F1": estimate_words(evaluation.scores.macro_f1),
        "As": part,
        "Split": stamp_parts(evaluation.stamp)[0],
    }


def _show_pair(store: Store, pair: tuple[Run, Run], names: Mapping[str, str], found: Mapping[str, Evaluation]) -> None:
    from affexion_core.evaluation.comparing import shared_clips

    first, second = (found[run.id] for run in pair)
    a, b = (escape_markdown(names[run.id]) for run in pair)
    shared = shared_clips(*(read_predictions(Path(run.folder), found[run.id].name) for run in pair))
    with st.container(border=True):
        st.markdown(f"**{a}** against **{b}**, clip by clip")
        if not shared.clip_ids:
            st.caption("They have no clip with the same label in common here, so there is no paired test.")
            return
        st.markdown(verdict(_compared(shared, store), a, b))
        left_out = max(first.scores.n, second.scores.n) - len(shared.clip_ids)
        if left_out:
            st.caption(f"{counted(left_out, 'clip')} that only one of them was measured on, or under another label, "
                       "are left out.")  # fmt: skip
        if {first.part, second.part} != {first.part}:
            st.caption(":material/warning: One of them was measured on clips that it trained on; that is no fair pair.")


@st.cache_data(max_entries=64, show_spinner="Comparing clip by clip …")
def _compared(shared: SharedClips, _store: Store) -> Comparison:
    from affexion_core.evaluation.comparing import compare_shared

    return compare_shared(_store, shared)


def verdict(comparison: Comparison, a: str, b: str) -> str:
    """Say in words what a paired test shows, and what it does not; names are Markdown already."""
    lines = []
    for what, estimate in (("Accuracy", comparison.accuracy_difference), ("UAR", comparison.uar_difference)):
        if estimate.value is None or estimate.low is None or estimate.high is None:
            lines.append(f"{what}: no difference can be given ({estimate.reason}).")
            continue
        points = f"{_points(estimate.value)} points ({_points(estimate.low)} to {_points(estimate.high)})"
        if estimate.low > 0 or estimate.high < 0:
            better = a if estimate.value > 0 else b
            lines.append(f"{what}: {points}; **{better}** is better on clips like these.")
        else:
            lines.append(f"{what}: {points}; these clips don’t show which is better.")
    only = f"only {a} right on {comparison.only_a_right}, only {b} on {comparison.only_b_right}"
    p = "< 0.001" if comparison.mcnemar_p < 0.001 else f"= {comparison.mcnemar_p:.3f}"
    lines.append(f"n = {count(comparison.n)}; {only}; McNemar p {p}.")
    return "  \n".join(lines)


def _points(share: float) -> str:
    """Write a difference of shares in points with its sign; nothing has none."""
    rounded = round(share * 100)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded)}"
