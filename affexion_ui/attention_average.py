"""Attention over all clips of an evaluation, and the check whether it points at what the model uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.run_folder import Evaluation, ScoredClip
from affexion_core.types import Run
from affexion_ui.figures import show_figure
from affexion_ui.layout import show_error, shown_errors
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.explain.deletion import Deletion
    from affexion_core.explain.evaluated import EvaluatedAttention
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

EVERY = 1.5
_ERROR = "check-error"


def show_check(store: Store, run: Run, evaluation: Evaluation) -> None:
    """Show the deletion check, how far it is, or the button that starts it in the background."""
    from affexion_core.explain.evaluated import kept_deletion
    from affexion_core.jobs.checking import GOING_ON, newest_check

    st.subheader("Does attention point at what the model uses?", anchor=False)
    found = kept_deletion(run, evaluation.name)
    if found is not None:
        _show_deletion(found, len(run.labels), f"{run.id}-{evaluation.name}")
        return
    job = newest_check(store, run, evaluation.name)
    if job is not None and job.state in GOING_ON:
        _show_going(store, job)
    else:
        _offer_check(store, run, evaluation, job)


def _offer_check(store: Store, run: Run, evaluation: Evaluation, last: Job | None) -> None:
    from affexion_core.explain.deletion import MOST_CLIPS

    n = min(evaluation.scores.n, MOST_CLIPS)
    st.caption(
        f"Not checked for this run and these clips. The check deletes frames of {counted(n, 'clip')}, by attention "
        "and by chance, and looks what is left of the answers. It takes a minute or more, in the background."
    )
    if last is not None and last.state == "failed":
        st.error(f"The last check failed: {escape_markdown(last.reason or 'no reason known')}", icon=":material/error:")
    elif last is not None and last.state in ("cancelled", "interrupted"):
        st.caption(f":material/stop: The last check was {last.state}; it begins anew.")
    person, refused = refusal(store, "train")
    if refused:
        say_refusal(refused)

    def start() -> None:
        from affexion_core.jobs.checking import submit_check
        from affexion_core.jobs.engine import ensure_engine

        try:
            submit_check(store, run, evaluation.name, person)
            ensure_engine(store.workspace)
        except AffexionError as error:
            st.session_state[_ERROR] = error

    st.button("Check by deleting frames", icon=":material/content_cut:", key="check", on_click=start,
              disabled=bool(refused))  # fmt: skip
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)


def _show_going(store: Store, job: Job) -> None:
    """Show how far the check is, kept up to date, with a way to cancel it; the page is drawn anew at its end."""
    from affexion_core.jobs.checking import GOING_ON
    from affexion_core.jobs.engine import engine_status, ensure_engine
    from affexion_core.jobs.supervise import reap_lost
    from affexion_core.store.jobs import cancel_job, get_job

    @st.fragment(run_every=EVERY)
    def fragment() -> None:
        with shown_errors():
            runs = engine_status(store.workspace).running
            if not runs:
                reap_lost(store)
            now = get_job(store, job.id)
            if now.state not in GOING_ON:
                st.rerun()
            waiting = "Starting …" if now.state == "running" else "Waiting for a free slot …"
            share = now.done / now.total if now.total else 0.0
            words = f"{escape_markdown(now.words)}: {share:.0%}" if now.total else waiting
            st.progress(share, text="Being cancelled …" if now.cancel else words)
            with st.container(horizontal=True):
                st.button("Cancel", icon=":material/stop:", key="check-cancel", on_click=cancel_job,
                          args=(store, job.id), disabled=now.cancel)  # fmt: skip
                if not runs:
                    st.button("Go on", icon=":material/play_arrow:", key="check-engine", on_click=ensure_engine,
                              args=(store.workspace,), help="The engine is stopped, so nothing goes on; this starts it."
                              )  # fmt: skip

    fragment()


def _with_progress(work: Any) -> Any:
    """Do long work with a bar that says how far it is."""
    bar = st.progress(0.0, "starting")
    last = [-1]

    def report(done: int, total: int, what: str) -> None:
        percent = 100 * done // max(total, 1)
        if percent != last[0]:
            last[0] = percent
            bar.progress(percent / 100, f"{what}: {percent} %")

    try:
        return work(report)
    finally:
        bar.empty()


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
    from affexion_core.explain.evaluated import evaluated_attention, kept_attention

    st.subheader("Over all clips", anchor=False)
    found = kept_attention(run, evaluation.name)
    if found is None:
        st.caption(
            f"Attention of all {counted(evaluation.scores.n, 'clip')}, over relative time: by label, by right and "
            "wrong answers, and by fold model. Gathering it takes some seconds, once."
        )
        if not st.button("Gather attention", icon=":material/query_stats:", key="gather"):
            return
        found = _with_progress(lambda report: evaluated_attention(store, run, evaluation.name, report))
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
