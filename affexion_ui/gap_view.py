"""One gap study on its page: how far it is, the four cells, the curve, and the arms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from affexion_ui.figures import show_figure
from affexion_ui.job_list import EVERY, state_badge
from affexion_ui.layout import shown_errors
from affexion_ui.report_button import show_report_button
from affexion_ui.run_actions import cancel_entry, resume_entry
from affexion_ui.run_entries import Entry, can_resume, entry_of, now_words
from affexion_ui.theme import escape_markdown, mode, stamp_badge
from affexion_ui.words import GLOSSARY, counted, date, estimate_words, preset_title, stamp_parts

if TYPE_CHECKING:
    from affexion_core.gap.result import ArmRow, Cell, Gap
    from affexion_core.store.session import Store
    from affexion_core.types import Run

_ABSENT = "–"
_GAPS = {
    "gap": "The gap, real → real against synthetic → real",
    "gain": "What real clips beside the synthetic ones add",
    "beyond": "What synthetic clips beside the real ones add",
}


def study_title(run: Run) -> str:
    """Name a study: by its own name or its recipe, with its datasets and date."""
    name = run.name or preset_title(run.preset)
    return f"{name}: {run.train_dataset} → {run.test_dataset}, {date(run.created)}"


def show_study(store: Store, run: Run) -> None:
    """Show a study, anew every `EVERY` seconds while it goes on."""
    entry = entry_of(store, run.id)
    if entry is None:
        st.info("This study was deleted.", icon=":material/info:")
        return

    @st.fragment(run_every=EVERY if entry.going_on else None)
    def live() -> None:
        with shown_errors():
            current = entry_of(store, run.id)
            if current is None or current.state != entry.state:
                st.rerun()
            show_progress(store, current)
            _show_parts(store, run)

    live()


def show_progress(store: Store, entry: Entry) -> None:
    """Show state, progress in words, and the buttons that fit."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        state_badge(entry.state)
        if entry.job is not None and entry.going_on:
            st.button("Cancel", icon=":material/cancel:", key="gap-cancel", disabled=entry.job.cancel,
                      help="Ends its parts within seconds; what is trained by then is kept.",
                      on_click=lambda: cancel_entry(store, entry))  # fmt: skip
        if can_resume(entry) or entry.state == "failed":
            st.button("Resume", icon=":material/play_arrow:", key="gap-resume",
                      help="Goes on from what is trained.", on_click=lambda: resume_entry(store, entry))  # fmt: skip
        st.page_link("pages/runs.py", label="Log and process in Runs", icon=":material/list_alt:",
                     query_params={"run": entry.id})  # fmt: skip
        if entry.state == "done" and entry.run is not None:
            show_report_button(store, entry.run)
    if entry.state == "done":
        return
    words = escape_markdown(now_words(entry))
    if entry.state == "failed":
        st.error(words, icon=":material/error:")
    job = entry.job
    if job is not None and job.total:
        st.progress(min(1.0, job.done / job.total), text=words)
    else:
        st.caption(words or "Waiting for the engine.")


def _show_parts(store: Store, run: Run) -> None:
    from affexion_core.gap.part import n_measured

    folder = Path(run.folder)
    found = _read(run.id, n_measured(folder), (folder / "result.json").is_file(), store, folder)
    for note in found.plan.notes:
        st.caption(f":material/info: {escape_markdown(note)}")
    metric = _ask_metric()
    _show_cells(found, metric)
    if found.curve:
        _show_curve(found, metric)
    if found.arms:
        _show_arms(found, metric)


@st.cache_data(max_entries=16, show_spinner="Reading what the study has come to …")
def _read(id: str, n_done: int, finished: bool, _store: Store, _folder: Path) -> Gap:  # noqa: A002
    from affexion_core.gap.result import read_gap

    return read_gap(_store, _folder)


def _ask_metric() -> Literal["accuracy", "uar"]:
    chosen = st.segmented_control("Figure", ["UAR", "Accuracy"], default="UAR", required=True, key="figure",
                                  bind="query-params", help=f"{GLOSSARY['uar']} {GLOSSARY['accuracy']}")  # fmt: skip
    return "accuracy" if chosen == "Accuracy" else "uar"


def _show_cells(found: Gap, metric: Literal["accuracy", "uar"]) -> None:
    from affexion_core.plots.gap import cell_rows, effect_words, plot_cells

    st.subheader("From synthetic to real", anchor=False)
    sizes = ", ".join(f"{cell.trained} → {cell.measured} n = {cell.scores.n}" for cell in found.cells if cell.scores)
    caption = f"95 % intervals; ticks above a mark: other draws. {sizes}" if sizes else "No cell is measured yet."
    show_figure(plot_cells(found, metric, mode()), "gap-cells", caption, cell_rows(found))
    for name, words in _GAPS.items():
        if name in found.gaps:
            st.markdown(f"{words}: **{effect_words(getattr(found.gaps[name], metric))}**, in pairs on the same clips.")
    _show_stamps(found)
    with st.expander("All figures, by label", icon=":material/table:"):
        st.dataframe(cell_table(found), hide_index=True, key="gap-cell-table", alt="Figures of the four cells")
        st.caption(f"{GLOSSARY['interval']} Recall by label: the share of its clips that were called so.")


def _show_stamps(found: Gap) -> None:
    stamps: dict[str, list[str]] = {}
    for cell in found.cells:
        if cell.stamp:
            stamps.setdefault(cell.stamp, []).append(f"{cell.trained} → {cell.measured}")
    for stamp, names in stamps.items():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(", ".join(names) if len(names) < len(found.cells) else "All cells", width="content")
            stamp_badge(stamp)


def cell_table(found: Gap) -> list[dict[str, Any]]:
    """Give the table of the cells in words, with a column for each label."""
    return [_cell_row(cell, found.plan.labels) for cell in found.cells]


def _cell_row(cell: Cell, labels: tuple[str, ...]) -> dict[str, Any]:
    own, reported = cell.scores, cell.reported or {}
    recalls = {row.label: estimate_words(row.recall) for row in own.per_class} if own else {}
    return {
        "Trained → measured": f"{cell.trained} → {cell.measured}",
        "Accuracy": estimate_words(own.accuracy) if own else cell.state,
        "UAR": estimate_words(own.uar) if own else _ABSENT,
        "Macro F1": estimate_words(own.macro_f1) if own else _ABSENT,
        **{f"Recall of {label}": recalls.get(label, _ABSENT) for label in labels},
        "Source says": f"accuracy {reported['accuracy']:g} %" if "accuracy" in reported else _ABSENT,
        "Training clips": cell.n_train or None,
        "Split": stamp_parts(cell.stamp)[0] if cell.stamp else _ABSENT,
    }


def _show_curve(found: Gap, metric: Literal["accuracy", "uar"]) -> None:
    from affexion_core.plots.gap import curve_rows, effect_words, plot_curve

    st.subheader("A few real clips", anchor=False)
    if not any(point.figures for point in found.curve):
        st.caption("The curve over a few real clips shows here as soon as the first draws are trained.")
        return
    caption = (
        f"{counted(found.plan.draws, 'draw')} a point, each a small dot; band: 95 % interval of their mean. Measured "
        f"are always the same {len(found.plan.rest)} real clips, which no draw holds."
    )
    show_figure(plot_curve(found, metric, mode()), "gap-curve", caption, curve_rows(found))
    last = next((point for point in reversed(found.curve) if point.effect), None)
    if last is not None and last.effect is not None:
        words = effect_words(getattr(last.effect, metric))
        st.markdown(f"{last.size} real clips of each label ({last.added} in all) change it by **{words}**.")


def _show_arms(found: Gap, metric: Literal["accuracy", "uar"]) -> None:
    from affexion_core.plots.gap import arm_rows, plot_arms

    st.subheader("What may close the gap", anchor=False)
    if any(row.effect for row in found.arms):
        caption = (
            "Change against the same recipe without it, in pairs on the same real clips and seeds (ticks). Filled: the "
            "interval leaves out 0. * adapted to unlabelled real clips that are not measured."
        )
        show_figure(plot_arms(found, metric, mode()), "gap-arms", caption, arm_rows(found))
    else:
        st.caption("The effect of each arm shows here as soon as it is trained.")
    with st.expander("All arms", icon=":material/table:"):
        rows = [_arm_row(row, metric) for row in found.arms]
        st.dataframe(rows, hide_index=True, key="gap-arm-table", alt=f"{len(rows)} arms with figures and effects")
    st.caption(
        ":material/info: Of twenty arms that do nothing, one looks as if it did. Whoever picks the best arm by these "
        "figures has picked it on the clips measured: confirm it on new ones."
    )


def _arm_row(row: ArmRow, metric: Literal["accuracy", "uar"]) -> dict[str, Any]:
    from affexion_core.plots.gap import effect_words

    return {
        "Arm": row.arm.title,
        "What it does": row.arm.what,
        "State": f"{row.state}: {row.reason}" if row.reason else row.state,
        "Without": estimate_words(getattr(row.without, metric)) if row.without else _ABSENT,
        "With": estimate_words(getattr(row.figures, metric)) if row.figures else _ABSENT,
        "Change": effect_words(getattr(row.effect, metric)) if row.effect else _ABSENT,
        "Split": row.stamp or _ABSENT,
    }
