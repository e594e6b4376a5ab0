"""Attention over all clips of an evaluation, and the check whether it points at what the model uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from affexion_core.run_folder import Evaluation, ScoredClip
from affexion_core.types import Run
from affexion_ui.background_work import Work, show_work
from affexion_ui.figures import show_figure
from affexion_ui.theme import mode
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.explain.deletion import Deletion
    from affexion_core.explain.evaluated import EvaluatedAttention
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store


def show_check(store: Store, run: Run, evaluation: Evaluation) -> None:
    """Show the deletion check, how far it is, or the button that starts it in the background."""
    from affexion_core.explain.deletion import MOST_CLIPS
    from affexion_core.explain.evaluated import kept_deletion
    from affexion_core.jobs.checking import newest_check, submit_check

    st.subheader("Does attention point at what the model uses?", anchor=False)
    found = kept_deletion(run, evaluation.name)
    if found is not None:
        _show_deletion(found, len(run.labels), f"{run.id}-{evaluation.name}")
        return
    words = (
        f"Not checked for this run and these clips. The check deletes frames of "
        f"{counted(min(evaluation.scores.n, MOST_CLIPS), 'clip')}, by attention and by chance, and looks what is left "
        "of the answers. It takes a minute or more, in the background."
    )

    def submit(person: Person | None) -> Job:
        return submit_check(store, run, evaluation.name, person)

    work = Work("check", "check", "Check by deleting frames", "content_cut", words, submit)
    show_work(store, work, newest_check(store, run, evaluation.name))


def _show_deletion(found: Deletion, n_labels: int, key: str) -> None:
    from affexion_core.explain.deletion import MOVED, RANDOM, verdict
    from affexion_core.plots.attention import deletion_rows, plot_deletion

    st.markdown(f"**{verdict(found)}**")
    st.markdown(
        f"Averaged over the shares deleted, the answer's probability falls by {_points(found.areas[MOVED])} more than "
        f"with the same gaps elsewhere, and by {_points(found.areas[RANDOM])} more than with random frames."
    )
    clips = counted(found.n_clips, "clip")
    if found.n_clips < found.n_total:
        clips += f", drawn from {found.n_total}"
    caption = f"{clips}; {found.areas[MOVED].method}; bands are 95 % intervals; {found.n_draws} random draws a clip."
    for column, measure in zip(st.columns(2, gap="large"), ("probability", "uar"), strict=True):
        with column:
            rows = [row for row in deletion_rows(found) if row["measure"] == measure]
            show_figure(plot_deletion(found, measure, n_labels, mode()), f"deletion-{measure}-{key}", caption, rows)
    if found.curves[0].uar.low[0] <= 1 / n_labels:
        st.caption(
            ":material/warning: On these clips the model is not shown to be better than chance. The check says whether "
            "its answers rest on what it attends to, not whether they are good; a UAR that rises here means nothing."
        )
    st.caption(
        "A deleted frame becomes the mean frame of the training clips. “Moved elsewhere” deletes the same pattern of "
        "gaps at another place of the clip, so that only the place differs. Clips with holes are unlike any the model "
        "was trained on: the check compares ways of deleting, and a single line says little."
    )


def _points(estimate: Estimate) -> str:
    value, low, high = (100 * (figure or 0.0) for figure in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} points ({low:.1f} to {high:.1f}, n = {estimate.n})"


def show_averages(store: Store, run: Run, evaluation: Evaluation) -> None:
    """Show attention averaged by label, by right and wrong, and by fold model, or the button that gathers it."""
    from affexion_core.explain.evaluated import kept_attention
    from affexion_core.jobs.checking import newest_check, submit_check

    st.subheader("Over all clips", anchor=False)
    found = kept_attention(run, evaluation.name)
    if found is None:
        words = (
            f"Attention of all {counted(evaluation.scores.n, 'clip')}, over relative time: by label, by right and "
            "wrong answers, and by fold model. It is gathered once, in the background: seconds for a hundred clips, "
            "minutes for thousands."
        )

        def submit(person: Person | None) -> Job:
            return submit_check(store, run, evaluation.name, person, "attention")

        work = Work("gather", "gathering", "Gather attention", "query_stats", words, submit)
        show_work(store, work, newest_check(store, run, evaluation.name, "attention"))
        return
    _show_groups(found, evaluation, f"{run.id}-{evaluation.name}")
    if found.folds:
        _show_folds(found, f"{run.id}-{evaluation.name}")


def _show_groups(found: EvaluatedAttention, evaluation: Evaluation, key: str) -> None:
    from affexion_core.plots.attention import average_rows, plot_average_attention, top_of

    curves, rows = found.by_clip, found.scored
    by_label = {label: curves[_mask(rows, label)] for label in evaluation.scores.labels}
    right = np.array([row.reference == row.predicted for row in rows])
    by_answer = {"right": curves[right], "wrong": curves[~right]}
    top = max(top_of(by_label), top_of(by_answer))
    colours = {"right": "#009E73", "wrong": "#D55E00"}
    n = counted(len(rows), "clip")
    for column, (name, groups) in zip(
        st.columns(2, gap="large"), {"By label": by_label, "Right and wrong answers": by_answer}.items(), strict=True
    ):
        with column:
            st.markdown(f"##### {name}")
            figure = plot_average_attention(groups, top, mode(), colours if groups is by_answer else None)
            caption = f"{n}; bands are 95 % intervals of the mean, counting clips as independent."
            show_figure(figure, f"average-{name.split()[-1]}-{key}", caption, average_rows(groups))


def _mask(rows: tuple[ScoredClip, ...], label: str) -> np.ndarray:
    return np.array([row.reference == label for row in rows])


def _show_folds(found: EvaluatedAttention, key: str) -> None:
    from affexion_core.plots.attention import average_rows, plot_fold_attention

    if len(found.curves) > 1:
        groups = {f"fold {fold}": curves for fold, curves in zip(found.folds, found.curves, strict=True)}
        of = f"each of the {len(groups)} fold models on all {counted(len(found.scored), 'clip')}"
    else:
        asked = np.array([row.fold for row in found.scored])
        groups = {f"fold {fold}": found.curves[0][asked == fold] for fold in found.folds if (asked == fold).any()}
        of = f"each of {len(groups)} fold models on the clips it had not seen, {len(found.scored)} in all"
    st.markdown("##### Fold models")
    caption = f"Thin lines: {of}. Thick: their mean; band: ± one SD over the models."
    show_figure(plot_fold_attention(groups, mode()), f"folds-{key}", caption, average_rows(groups))
