"""The parts of the results page: which run, its figures, the matrix and its clips, how it learnt, what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.run_folder import Evaluation, ScoredClip, evaluation_names, read_evaluation, read_predictions
from affexion_core.types import Run
from affexion_ui.clip_table import choose_row, clip_columns, label_column
from affexion_ui.counts import show_figures_row
from affexion_ui.figures import show_figure
from affexion_ui.player import show_clip
from affexion_ui.theme import escape_markdown, mode, stamp_badge
from affexion_ui.words import GLOSSARY, METRICS, counted, date, estimate_words, evaluation_title, run_title

if TYPE_CHECKING:
    from affexion_core.store.session import Store

Cell = tuple[str, str]
_SHOWN_CLIPS = 200


def choose_run(runs: Sequence[Run]) -> Run:
    """Let one run be chosen, the newest first; the choice stands in the address."""
    by_id = {run.id: run for run in runs}
    chosen = _in_address("run", "Run", list(by_id), lambda id: run_title(by_id[id]))
    return by_id[chosen]


def choose_evaluation(run: Run) -> Evaluation | None:
    """Let one measurement of a run be chosen, test sets before its own training clips; None where there is none."""
    folder = Path(run.folder)
    found = {name: read_evaluation(folder, name) for name in evaluation_names(folder)}
    if not found:
        return None
    order = {"test": 0, "cv": 1, "train": 2}
    names = sorted(found, key=lambda name: (order.get(found[name].part, 3), name))
    name = _in_address("on", "Measured on", names, lambda name: evaluation_title(name, found[name].part))
    return found[name]


def _in_address(key: str, label: str, options: list[str], words: Any) -> str:
    """Choose one of the options and keep its plain value in the address, whatever words stand for it."""
    wanted = st.query_params.get(key)
    index = options.index(wanted) if wanted in options else 0
    chosen = st.selectbox(label, options, index=index, format_func=words, key=f"{key}-of-{'|'.join(options)}")
    st.query_params[key] = chosen
    return chosen


def show_headline(run: Run, evaluation: Evaluation, origin: str | None) -> None:
    """Show the stamp and the four headline figures with intervals, beside what the recipe's source reports."""
    scores = evaluation.scores
    who = "voice" if origin == "synthetic" else "known speaker"
    speakers = counted(scores.n_speakers, who) if scores.n_speakers else "speakers unknown"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        stamp_badge(evaluation.stamp)
        words = f"{counted(scores.n, 'clip')} · {speakers} · measured {date(evaluation.created)}"
        st.caption(words, width="content")
    reported = _reported(run, evaluation, origin)
    with st.container(border=True):
        figures = {name: getattr(scores, name) for name in METRICS}
        show_figures_row(figures, {name: f"source: {reported[name]:g} %" for name in METRICS if name in reported})
    if reported:
        st.caption(
            "“source” is what the authors of this recipe report on clips of their own; other clips, so a landmark and "
            "no comparison."
        )
    if origin == "synthetic":
        st.caption("Measured on synthetic speech: these figures say nothing about real people.")
    if evaluation.left_out:
        shown = ", ".join(f"{label} {n}" for label, n in evaluation.left_out.items())
        st.caption(f"Left out by the label map: {escape_markdown(shown)}.")


def _reported(run: Run, evaluation: Evaluation, origin: str | None) -> Mapping[str, float]:
    from affexion_core.plots.theme import SIGNALS

    # reported figures are those of the project's own labels; on other labels they would mislead
    if run.preset not in plugin_names("presets") or set(run.labels) != set(SIGNALS):
        return {}
    where = {"cv": "cv", "train": "train"}.get(evaluation.part) or ("real" if origin == "real" else "")
    return load_plugin("presets", run.preset).PRESET.reported.get(where, {})


def show_confusion(run: Run, evaluation: Evaluation) -> Cell | None:
    """Show the confusion matrix; returns the cell whose clips are to be listed."""
    from affexion_core.plots.confusion import confusion_rows, plot_confusion

    scores = evaluation.scores
    cells = _cells(scores.labels, scores.confusion)
    if not cells:
        return None
    key = f"{run.id}-{evaluation.name}"
    chosen: Cell = st.session_state.get(f"cell-{key}") or next(iter(cells))

    def choose() -> None:
        points = st.session_state[f"confusion-{key}"]["selection"]["points"]
        picked = next((tuple(point["customdata"]) for point in points if point.get("customdata")), None)
        if picked in cells:
            st.session_state[f"cell-{key}"] = picked

    figure = plot_confusion(scores.labels, scores.confusion, mode(), chosen)
    caption = f"{counted(scores.n, 'clip')}. {GLOSSARY['confusion']} Choose a cell to hear its clips."
    show_figure(figure, f"confusion-{key}", caption, confusion_rows(scores.labels, scores.confusion), choose)
    return st.selectbox(
        "Clips to hear", list(cells), format_func=lambda cell: _cell_words(cell, cells[cell]), key=f"cell-{key}"
    )


def _cells(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> dict[Cell, int]:
    """Cells that hold clips: mistakes first, the commonest on top, then the right ones."""
    found = {
        (reference, predicted): counts[i][j]
        for i, reference in enumerate(labels)
        for j, predicted in enumerate(labels)
        if counts[i][j]
    }
    return dict(sorted(found.items(), key=lambda cell: (cell[0][0] == cell[0][1], -cell[1])))


def _cell_words(cell: Cell, n: int) -> str:
    reference, predicted = cell
    return f"{reference}, right ({n})" if reference == predicted else f"{reference} taken for {predicted} ({n})"


def show_classes(evaluation: Evaluation, key: str) -> None:
    """Show recall, precision and F1 of each label, as intervals and as a table."""
    from affexion_core.plots.classes import class_rows, plot_class_scores

    per_class = evaluation.scores.per_class
    caption = f"{counted(evaluation.scores.n, 'clip')}; bars are 95 % intervals."
    show_figure(plot_class_scores(per_class, mode()), f"classes-{key}", caption, class_rows(per_class))
    with st.expander("As a table", icon=":material/table:"):
        rows = [
            {
                "Label": [scores.label],
                "n": scores.n,
                "Recall": estimate_words(scores.recall),
                "Precision": estimate_words(scores.precision),
                "F1": estimate_words(scores.f1),
            }
            for scores in per_class
        ]
        columns = {"Label": label_column([scores.label for scores in per_class])}
        st.dataframe(rows, hide_index=True, column_config=columns, key=f"class-table-{key}", alt="Figures per label")


def show_cell_clips(store: Store, run: Run, evaluation: Evaluation, cell: Cell) -> None:
    """List the clips of one cell and play the chosen one, with the model's probabilities."""
    from affexion_core.store.clips import ClipQuery, find_clips, get_clips

    scored = [
        row
        for row in read_predictions(Path(run.folder), evaluation.name)
        if (row.reference, row.predicted) == cell
    ]  # fmt: skip
    labels = evaluation.scores.labels
    st.subheader(f"{_cell_words(cell, len(scored))}", anchor=False)
    clips = get_clips(store, [row.clip_id for row in scored[:_SHOWN_CLIPS]])
    reference, predicted = (labels.index(label) for label in cell)
    rows = []
    for row, clip in zip(scored, clips, strict=False):
        names = clip_columns(clip)
        shares = {f"P({labels[i]})": 100 * row.probs[i] for i in (predicted, reference)}
        rows.append({"Says": names["Says"], **shares, "Length": names["Length"]})
    left, right = st.columns(2, gap="medium")
    with left:
        key = f"clips-{run.id}-{evaluation.name}-{'-'.join(cell)}"
        chosen = choose_row(rows, key, "Clips of the chosen cell", height=250)
        more = f"; the first {_SHOWN_CLIPS} are shown" if len(scored) > _SHOWN_CLIPS else ""
        st.caption(f"{counted(len(scored), 'clip')}{more}. P is the model's probability for the label.")
        clip, row = clips[chosen], scored[chosen]
        _show_probabilities(labels, row, f"probs-{run.id}-{evaluation.name}-{clip.id}")
    with right, st.container(border=True):
        found = find_clips(store, ClipQuery(dataset=evaluation.dataset, text=clip.file, limit=5))
        own = next((found_row.labels for found_row in found.rows if found_row.clip.id == clip.id), {})
        show_clip(store.workspace, clip, own or {evaluation.dataset: row.reference}, "results")


def _show_probabilities(labels: Sequence[str], row: ScoredClip, key: str) -> None:
    order = sorted(range(len(labels)), key=lambda i: -row.probs[i])
    st.dataframe(
        [{"Label": [labels[i]], "Probability of each label": 100 * row.probs[i]} for i in order],
        hide_index=True,
        column_config={
            "Label": label_column(list(labels)),
            "Probability of each label": st.column_config.ProgressColumn(format="%.0f %%", min_value=0, max_value=100),
        },
        key=key,
        alt=f"Probabilities: {', '.join(f'{labels[i]} {row.probs[i]:.0%}' for i in order)}",
    )
    if row.fold is not None:
        st.caption(f"Predicted by the model of fold {row.fold}, which had not seen it.")
