"""The confusion matrix of the results page, and the clips of a cell with player, probabilities and votes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.evaluation.inputs import disagree
from affexion_core.run_folder import Evaluation, ScoredClip
from affexion_core.types import Annotation, Clip, Run
from affexion_ui.agreement_view import show_vote_bars
from affexion_ui.clip_table import choose_row, clip_columns, label_column
from affexion_ui.figures import show_figure
from affexion_ui.input_words import decided_by
from affexion_ui.player import show_clip
from affexion_ui.results_data import Measured
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import GLOSSARY, counted

if TYPE_CHECKING:
    from affexion_core.store.session import Store

Cell = tuple[str, str]
_SHOWN_CLIPS = 200


def show_confusion(run: Run, evaluation: Evaluation) -> Cell | None:
    """Show the confusion matrix; returns the cell whose clips are to be listed."""
    from affexion_core.plots.confusion import Show, confusion_rows, plot_confusion

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

    show = st.segmented_control(
        "Cells say",
        ["Row shares", "Counts"],
        default="Row shares",
        required=True,
        key="cells",
        bind="query-params",
        label_visibility="collapsed",
    )
    kind: Show = "counts" if show == "Counts" else "shares"
    figure = plot_confusion(scores.labels, scores.confusion, mode(), chosen, kind)
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


def show_cell_clips(store: Store, measured: Measured, cell: Cell) -> None:
    """List the clips of one cell and play the chosen one, with probabilities and votes."""
    run, evaluation = measured.run, measured.evaluation
    scored = [row for row in measured.rows if (row.reference, row.predicted) == cell]
    labels = evaluation.scores.labels
    st.subheader(f"{_cell_words(cell, len(scored))}", anchor=False)
    gone = sum(row.clip_id not in measured.clips for row in scored)
    scored = [row for row in scored if row.clip_id in measured.clips]
    if gone:
        st.caption(f"{counted(gone, 'clip')} deleted from the library since can't be heard.")
    scored = _with_doubt(scored, measured.key)
    if not scored:
        return
    clips = [measured.clips[row.clip_id] for row in scored[:_SHOWN_CLIPS]]
    reference, predicted = (labels.index(label) for label in cell)
    rows = []
    for row, clip in zip(scored, clips, strict=False):
        names = clip_columns(clip)
        shares = {f"P({labels[i]})": 100 * row.probs[i] for i in (predicted, reference)}
        weighed = {"Decided by": decided_by(row.inputs)} if row.inputs else {}
        rows.append({"Says": names["Says"], **shares, **weighed, "Length": names["Length"]})
    key = f"clips-{measured.key}-{'-'.join(cell)}-{len(scored)}"
    chosen = choose_row(rows, key, "Clips of the chosen cell", height=178)
    more = f"; the first {_SHOWN_CLIPS} are shown" if len(scored) > _SHOWN_CLIPS else ""
    st.caption(f"{counted(len(scored), 'clip')}{more}. P is the model's probability for the label.")
    clip, row = clips[chosen], scored[chosen]
    with st.container(border=True):
        show_clip(store.workspace, clip, _labels_of(store, evaluation, clip, row), "results")
    if row.inputs:
        st.caption(escape_markdown(f"Decided by {decided_by(row.inputs)}."))
    _show_probabilities(labels, row, f"probs-{run.id}-{evaluation.name}-{clip.id}")
    _show_votes(store, clip)


def _with_doubt(scored: list[ScoredClip], key: str) -> list[ScoredClip]:
    """Let a reader keep only the clips whose inputs disagree, where there are some."""
    apart = [row for row in scored if disagree(row.inputs)]
    if not apart:
        return scored
    only = st.toggle(f"Only where the inputs disagree ({len(apart)})", key=f"apart-only-{key}")
    return apart if only else scored


def _labels_of(store: Store, evaluation: Evaluation, clip: Clip, row: ScoredClip) -> Mapping[str, str]:
    from affexion_core.store.clips import ClipQuery, find_clips

    found = find_clips(store, ClipQuery(dataset=evaluation.dataset, text=clip.file, limit=5))
    own = next((found_row.labels for found_row in found.rows if found_row.clip.id == clip.id), {})
    return own or {evaluation.dataset: row.reference}


def _show_votes(store: Store, clip: Clip) -> None:
    """Show what people said of the clip, by scheme; nothing where nobody was asked."""
    from affexion_core.store.labels import current_annotations, find_annotations

    made = [one for one in current_annotations(find_annotations(store, [clip.id])) if by_people(one)]
    for scheme in sorted({one.scheme for one in made}):
        judged = [one for one in made if one.scheme == scheme and one.take == 0]
        if judged:
            st.caption(f"{counted(len(judged), 'judgement')} under {escape_markdown(scheme)}")
            show_vote_bars(judged, (), f"votes-{clip.id}-{scheme}")


def by_people(made: Annotation) -> bool:
    """Tell a listener's vote from the label that a corpus itself gives (by the rater ``corpus:<name>``)."""
    return not made.rater.startswith("corpus:") or made.rater.startswith("corpus:vote-")


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
