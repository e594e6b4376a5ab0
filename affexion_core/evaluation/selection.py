"""Figures on clips by which the model was chosen: they promise too much, and say so wherever they show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from affexion_core.run_folder import read_json
from affexion_core.types import Run

# Stands before the stamp of every figure of a sweep whose best trial was chosen by the test set.
SELECTED_ON_TEST = "selected on test"


def mark_selected(stamp: str) -> str:
    """Put before a stamp that the model was chosen by these clips; once is enough."""
    return stamp if stamp.startswith(SELECTED_ON_TEST) else f"{SELECTED_ON_TEST}: {stamp}"


def stamp_of_trial(run: Run, clip_ids: Iterable[str], stamp: str) -> str:
    """Give the stamp of a measurement of a run on these clips: marked where its sweep was decided by any of them.

    Raises
    ------
    ModelError
        If the run is a trial whose sweep is gone or damaged.
    """
    return mark_selected(stamp) if run.kind == "trial" and _decided_by(run) & set(clip_ids) else stamp


def _decided_by(trial: Run) -> set[str]:
    """Ids of the clips by which the sweep of a trial chooses its best; none where the folds decide."""
    sweep = Path(trial.folder).parent.parent
    if not read_json(sweep / "sweep.json")["select_on_test"]:
        return set()
    # an item is the clip's id, its label, and the votes where people voted
    return {item[0] for item in read_json(sweep / "datasets.json")["test"]["dataset"]["items"]}
