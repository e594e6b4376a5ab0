"""How a run learnt, how its folds spread, what it was trained on, and its settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import NotFoundError
from affexion_core.run_folder import Evaluation, fold_folders, read_config, read_history
from affexion_core.types import Run
from affexion_ui.figures import show_figure
from affexion_ui.theme import escape_markdown, mode
from affexion_ui.words import METRICS, counted, date, duration, preset_title

if TYPE_CHECKING:
    from affexion_core.store.session import Store


def show_learning(run: Run) -> None:
    """Show loss and accuracy over epochs; of a cross-validation, those of one fold."""
    from affexion_core.plots.learning import plot_learning

    folder = Path(run.folder)
    folds = fold_folders(folder)
    if folds:
        number = st.selectbox("Fold", range(1, len(folds) + 1), key=f"fold-{run.id}", width=160)
        folder = folds[number - 1]
    history = read_history(folder)
    if not history:
        st.caption("This run kept no history; nothing was logged while it trained.")
        return
    has_dev = history[-1].get("dev_loss") is not None
    caption = f"{counted(len(history), 'epoch')}. " + (
        "Solid: training clips; dashed: the dev clips set apart." if has_dev else "Training clips only: no dev part."
    )
    show_figure(plot_learning(history, len(run.labels), mode()), f"learning-{run.id}", caption, history)


def show_folds(run: Run, evaluation: Evaluation) -> None:
    """Show how the figures spread over fold models."""
    from affexion_core.plots.folds import fold_rows, plot_folds

    if not evaluation.folds:
        st.caption("One model, so no folds. A cross-validation shows here how far its folds lie apart.")
        return
    values = {METRICS.get(name, name): spread.values for name, spread in evaluation.folds.items()}
    n = max(len(folds) for folds in values.values())
    caption = (
        f"{n} folds; one dot a fold model, the bar their mean; above them the mean, and the lowest to the highest."
    )
    if evaluation.part == "test":
        caption += " All on the same test clips."
    show_figure(plot_folds(values, len(run.labels), mode()), f"folds-{run.id}", caption, fold_rows(values))


def show_training_data(store: Store, run: Run) -> None:
    """Show what the run was trained on, and whether that dataset has changed since."""
    from affexion_core.store.dataset_rows import dataset_hash
    from affexion_core.store.datasets import dataset_summary

    st.markdown(f"Dataset **{escape_markdown(run.train_dataset)}**, labels {escape_markdown(', '.join(run.labels))}.")
    try:
        dataset, version = dataset_summary(store, run.train_dataset), dataset_hash(store, run.train_dataset)
    except NotFoundError:
        st.caption("The dataset is no longer in the workspace; the run folder still lists its clips.")
        return
    who = "voice" if dataset.origin == "synthetic" else "known speaker"
    held = f"{counted(dataset.n, 'clip')} · {counted(dataset.speakers, who)} · {duration(dataset.duration)}"
    st.markdown(f"{held} · {dataset.origin}")
    if version == run.train_snapshot:
        st.caption("Unchanged since the run was trained.")
    else:
        st.caption(":material/warning: The dataset has changed since; the counts above are today's.")


def show_settings(run: Run) -> None:
    """Show the recipe: who, when, and every setting."""
    config = read_config(Path(run.folder))
    rows = [
        {"Setting": "recipe", "Value": preset_title(run.preset)},
        {"Setting": "started", "Value": date(run.created)},
        {"Setting": "finished", "Value": date(run.finished) if run.finished else "not finished"},
        {"Setting": "run id", "Value": run.id},
        *({"Setting": name, "Value": value} for name, value in flat_settings(config)),
    ]
    st.dataframe(rows, hide_index=True, height=min(420, 38 + 35 * len(rows)), key=f"settings-{run.id}")
    st.download_button(
        "Settings as JSON",
        data=json.dumps(config, indent=1),
        file_name=f"{run.id}-config.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
        key=f"settings-json-{run.id}",
    )


def flat_settings(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Give nested settings one by one, each with its whole name: ``("training.epochs", "15")``."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat_settings(value, f"{before}{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for i, item in enumerate(value):
                yield from flat_settings(item, f"{before}{name}.{i + 1}.")
        else:
            yield f"{before}{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
