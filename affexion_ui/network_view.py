"""How far a trained network keeps a synthetic and a real dataset apart: a probe on its embeddings, and their map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Dataset, Run
from affexion_ui.background_work import Work, show_work
from affexion_ui.clip_map_view import show_clip_map
from affexion_ui.layout import show_error
from affexion_ui.words import counted, distance_words, estimate_words, run_title

if TYPE_CHECKING:
    from affexion_core.differences.network import NetworkReport
    from affexion_core.labeling.people import Person
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store


def show_network(store: Store, sides: tuple[Dataset, Dataset], key: str) -> None:
    """Let a run be chosen, and show what its network makes of two datasets, or ask it in the background."""
    st.markdown("##### What a network makes of them")
    runs = {run.id: run for run in _with_a_network(store)}
    if not runs:
        st.caption("No run with a network of its own is finished yet; once one is, its space shows here.")
        return
    wanted = st.query_params.get("network")
    chosen = st.selectbox(
        "Network of", list(runs), index=list(runs).index(wanted) if wanted in runs else None, width=560,
        format_func=lambda id: _title(runs[id]), placeholder="choose a run", key=f"network-of-{len(runs)}",
    )  # fmt: skip
    if chosen is None:
        st.query_params.pop("network", None)
        st.caption(
            "Clips as a trained model hears them, before its last layers. One that answers for people as for synthetic "
            "voices should not care which of the two it hears."
        )
        return
    st.query_params["network"] = chosen
    try:
        _show_answer(store, runs[chosen], sides, f"{key}-{chosen}")
    except AffexionError as error:
        show_error(error)


def _show_answer(store: Store, run: Run, sides: tuple[Dataset, Dataset], key: str) -> None:
    from affexion_core.differences.kept import kept_network
    from affexion_core.jobs.comparing import Question, newest_answer, submit_question

    names = sides[0].name, sides[1].name
    found = kept_network(store.workspace, run, *sides)
    if found is None:
        question = Question("network", *names, run.id)

        def submit(person: Person | None) -> Job:
            return submit_question(store, question, person)

        words = "The network is asked about every clip once, in the background; what it answers is kept."
        work = Work(f"network-{run.id}", "question", "Ask this network", "hub", words, submit)
        show_work(store, work, newest_answer(store, question))
        return
    st.markdown(network_words(found.report))
    st.caption(_learned_words(found.report))
    show_clip_map(store, found, sides, f"the network's {found.report.n_dimensions} dimensions", key)


def _with_a_network(store: Store) -> list[Run]:
    from affexion_core.differences.network import may_embed
    from affexion_core.store.runs import list_runs

    return [run for run in list_runs(store) if may_embed(run)]


def _title(run: Run) -> str:
    return f"{run_title(run)}{', the study’s synthetic model' if run.kind == 'gap' else ''}"


def network_words(report: NetworkReport) -> str:
    """Say how far the network keeps the two sets apart."""
    found = report.probe
    if found is None or report.a_distance is None:
        return "Too few clips for a probe that tells the two apart in this network."
    figures = (
        f"UAR {estimate_words(found.uar)}, chance 50 %; A-distance {distance_words(report.a_distance)}, of 0 (the "
        f"same) to 2 (always told apart); {found.n_folds} folds, {found.split}."
    )
    if not found.tells:
        return f"**A probe doesn't tell synthetic from real in this network beyond chance**: {figures}"
    return f"**A probe tells synthetic from real in this network**: {figures}"


def _learned_words(report: NetworkReport) -> str:
    which = "" if report.fold is None else f"Asked is the model of fold {report.fold}, as each has its own space. "
    learned = (
        f"It was trained on {report.learned_synthetic} of {counted(report.n_synthetic, 'synthetic clip')} and "
        f"{report.learned_real} of {counted(report.n_real, 'real clip')}"
    )
    if report.learned_synthetic or report.learned_real:
        learned += ": clips that a network has learned can lie apart from others for that alone"
    return f"{which}{learned}."
