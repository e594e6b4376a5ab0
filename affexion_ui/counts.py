"""What is in the workspace, and the newest figures of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_ui.figures import show_figure
from affexion_ui.theme import escape_markdown, mode, stamp_badge
from affexion_ui.words import GLOSSARY, METRICS, count, counted, date, duration, evaluation_title, run_title

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.store.datasets import DatasetSummary
    from affexion_core.store.runs import EvaluationRecord
    from affexion_core.types import Run

# Which of a run's measurements says most: on a test set, on held-out folds, on its own training clips.
_PARTS = ("test", "cv", "train")
_SHOWN_DATASETS = 3
# Widths in pixels, so that a phone shows two side by side.
_CELL, _FIGURE = 155, 135


def show_counts(
    facets: Mapping[str, Mapping[str, int]], datasets: Sequence[DatasetSummary], runs: Sequence[Run]
) -> None:
    """Show clips by origin, speakers, datasets and runs, as four numbers."""
    origins = facets["origin"]
    by_origin = " · ".join(f"{count(n)} {origin}" for origin, n in origins.items())
    hours = duration(sum(dataset.duration for dataset in datasets))
    cells = (
        ("Clips", sum(origins.values()), by_origin),
        (
            "Speakers and voices",
            len(facets["speaker"]),
            f"in {len(facets['corpus'])} {'corpus' if len(facets['corpus']) == 1 else 'corpora'}",
        ),
        ("Datasets", len(datasets), f"{hours} labelled" if datasets else "none yet"),
        ("Runs", len(runs), f"newest {date(runs[0].created)}" if runs else "none yet"),
    )
    with st.container(border=True, horizontal=True, horizontal_alignment="distribute"):
        for name, n, words in cells:
            with st.container(gap="xxsmall", width=_CELL):
                st.metric(name, count(n))
                st.caption(words)


def show_datasets(datasets: Sequence[DatasetSummary]) -> None:
    """Show clips by label of each dataset."""
    from affexion_core.plots.datasets import LabelCounts, label_count_rows, plot_label_counts

    largest = sorted(datasets, key=lambda dataset: -dataset.n)[:_SHOWN_DATASETS]
    counts = [LabelCounts(dataset.name, dataset.origin, tuple(dataset.labels.items())) for dataset in largest]
    caption = (
        f"{counted(sum(dataset.n for dataset in largest), 'labelled clip')}. Filled: real people; hatched: synthetic."
    )
    if len(datasets) > len(largest):
        caption += f" The {len(largest)} largest of {len(datasets)} datasets."
    show_figure(plot_label_counts(counts, mode()), "datasets", caption, label_count_rows(counts))


def newest_result(runs: Sequence[Run], records: Sequence[EvaluationRecord]) -> tuple[Run, EvaluationRecord] | None:
    """Choose the newest run that was measured, and the measurement of it that says most."""
    for run in runs:
        own = [record for record in records if record.run_id == run.id]
        if own:
            return run, min(own, key=lambda record: _PARTS.index(record.part) if record.part in _PARTS else len(_PARTS))
    return None


def show_newest(run: Run, record: EvaluationRecord) -> None:
    """Show the headline figures of a measurement with their intervals and the split's stamp."""
    with st.container(border=True):
        st.markdown(f"##### {escape_markdown(run_title(run))}")
        st.caption(f"Measured on: {escape_markdown(evaluation_title(record.name, record.part))}")
        names = [name for name in ("accuracy", "uar", "macro_f1") if name in record.summary]
        show_headline_row(record.summary, names)
        stamp_badge(record.stamp)
        st.page_link(
            "pages/results.py",
            label="See where it errs",
            icon=":material/arrow_forward:",
            query_params={"run": run.id, "on": record.name},
        )


def show_headline_row(summary: Mapping[str, Any], names: Sequence[str]) -> None:
    """Show the named figures of a run's summary side by side; of a run without labels, the CCC of its dimensions."""
    from affexion_core.evaluation.scores import estimate_from_json
    from affexion_ui.results_dimensions import show_ccc_row

    if "ccc" in summary and summary.get("accuracy", {}).get("value") is None:
        show_ccc_row({name: estimate_from_json(each) for name, each in summary["ccc"].items()})
        return
    show_figures_row({name: estimate_from_json(summary[name]) for name in names})


def show_figures_row(estimates: Mapping[str, Estimate], landmarks: Mapping[str, str] | None = None) -> None:
    """Show headline figures side by side, each with n and interval; ``landmarks`` are words below a figure."""
    from affexion_ui.words import span_words, value_words

    with st.container(horizontal=True, horizontal_alignment="distribute"):
        for name, estimate in estimates.items():
            with st.container(gap="xxsmall", width=_FIGURE if len(estimates) > 3 else 115):
                st.metric(METRICS[name], value_words(estimate), help=f"{GLOSSARY[name]} {GLOSSARY['interval']}")
                st.caption(span_words(estimate))
                if landmarks and name in landmarks:
                    st.caption(landmarks[name])


def next_steps(
    facets: Mapping[str, Mapping[str, int]], datasets: Sequence[DatasetSummary], runs: Sequence[Run]
) -> None:
    """Say what to do next, in words, with the link or the command for it."""
    if not datasets:
        st.markdown("The clips carry no labels yet. Import a folder with one folder for each label.")
        st.page_link("pages/import_clips.py", label="Import clips", icon=":material/upload:")
        return
    if not runs:
        largest = max(datasets, key=lambda dataset: dataset.n)
        st.markdown(f"Train a first model, for instance by 7 folds of **{escape_markdown(largest.name)}**.")
        asked = {"train": largest.name, "kind": "cv"}
        st.page_link("pages/train.py", label="Train", icon=":material/model_training:", query_params=asked)
        return
    st.markdown("Listen to the clips that the newest model gets wrong: choose a cell of its confusion matrix.")
    st.page_link("pages/results.py", label="Results", icon=":material/analytics:")
    if not any(run.test_dataset for run in runs):
        st.markdown("No run was measured on a test set of its own yet. Choose one when you train.")
        st.page_link("pages/train.py", label="Train", icon=":material/model_training:")
