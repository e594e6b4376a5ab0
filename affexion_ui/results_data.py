"""What the sections of the results page compute, kept by the content of the predictions it was computed from."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import NotFoundError
from affexion_core.run_folder import Evaluation, ScoredClip, file_stem, read_predictions
from affexion_core.types import Clip, Run

if TYPE_CHECKING:
    from affexion_core.evaluation.abstention import CoveragePoint
    from affexion_core.evaluation.calibration import Calibration
    from affexion_core.evaluation.curves import Curve
    from affexion_core.evaluation.groups import GroupReport
    from affexion_core.evaluation.reliability import Reliability
    from affexion_core.store.session import Store


@dataclass(frozen=True)
class Measured:
    """A run's predictions on one set of clips.

    ``content`` is the hash of the predictions' file, which names what is cached of them. ``speakers`` in their order.
    """

    run: Run
    evaluation: Evaluation
    content: str
    rows: tuple[ScoredClip, ...]
    clips: Mapping[str, Clip]

    @property
    def key(self) -> str:
        """What tells this place on the page from others."""
        return f"{self.run.id}-{self.evaluation.name}"

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """Speaker of each prediction, None where unknown or where the clip is gone."""
        return tuple(self.clips[row.clip_id].speaker if row.clip_id in self.clips else None for row in self.rows)


def load_measured(store: Store, run: Run, evaluation: Evaluation) -> Measured:
    """Load predictions and their clips; from the cache where neither has changed lately.

    Raises
    ------
    NotFoundError
        If the run kept no predictions of that measurement.
    """
    path = Path(run.folder) / "predictions" / f"{file_stem(evaluation.name)}.csv"
    if not path.is_file():
        raise NotFoundError(f"The predictions of {evaluation.name!r} are gone from the run; evaluate it again.")
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = _rows(run.folder, evaluation.name, content)
    return Measured(run, evaluation, content, rows, _clips(store, str(store.workspace.root), content, rows))


@st.cache_data(max_entries=16, show_spinner=False)
def _rows(folder: str, name: str, content: str) -> tuple[ScoredClip, ...]:
    return read_predictions(Path(folder), name)


# what is known of clips may be filled in by a later import, so this one is short-lived
@st.cache_data(ttl=300, max_entries=8, show_spinner=False)
def _clips(_store: Store, root: str, content: str, _rows: Sequence[ScoredClip]) -> dict[str, Clip]:
    from affexion_core.evaluation.by_group import clips_of

    return clips_of(_store, _rows)


def curves_of(measured: Measured) -> tuple[Curve, ...]:
    """ROC and precision–recall curves of each label."""
    return _curves(measured.content, measured.run.labels, measured)


@st.cache_data(max_entries=16, show_spinner="Drawing resamples …")
def _curves(content: str, labels: tuple[str, ...], _measured: Measured) -> tuple[Curve, ...]:
    from affexion_core.evaluation.calibration import arrays_of
    from affexion_core.evaluation.curves import label_curves

    return label_curves(*arrays_of(_measured.rows, labels), labels, _measured.speakers)


def certainty_of(measured: Measured, calibration: Calibration | None) -> tuple[Reliability, tuple[CoveragePoint, ...]]:
    """Reliability and coverage of the predictions, scaled where a calibration is given.

    The held-out folds that a calibration was fitted on are scaled each by the temperature of the other folds, where
    these have clips enough.
    """
    return _certainty(measured.content, calibration, measured)


def can_scale_apart(measured: Measured) -> bool:
    """Tell whether these are held-out folds of which each has enough clips beside it to fit a temperature on."""
    from affexion_core.evaluation.calibration import MIN_CLIPS

    sizes = Counter(row.fold for row in measured.rows)
    return measured.evaluation.part == "cv" and len(measured.rows) - max(sizes.values(), default=0) >= MIN_CLIPS


@st.cache_data(max_entries=32, show_spinner=False)
def _certainty(content: str, calibration: Calibration | None, _measured: Measured) -> Any:
    import numpy as np

    from affexion_core.evaluation.abstention import coverage_curve
    from affexion_core.evaluation.calibration import arrays_of, cross_fitted
    from affexion_core.evaluation.reliability import reliability

    probs, truth = arrays_of(_measured.rows, _measured.run.labels)
    right = probs.argmax(axis=1) == truth
    if calibration is not None:
        folds = np.array([row.fold or 0 for row in _measured.rows])
        apart = can_scale_apart(_measured)
        probs = cross_fitted(probs, truth, folds) if apart else calibration.calibrated(probs)
    top = probs.max(axis=1)
    return reliability(top, right, _measured.speakers), coverage_curve(top, right)


def groups_of(store: Store, measured: Measured, by: str, n_measured: int) -> GroupReport:
    """Figures by group; ``n_measured`` counts the clips whose loudness and noise is known, and renews the answer."""
    return _groups(measured.content, str(store.workspace.root), by, n_measured, store, measured)


@st.cache_data(ttl=300, max_entries=32, show_spinner="Dealing groups anew, 1000 times …")
def _groups(content: str, root: str, by: str, n_measured: int, _store: Store, _measured: Measured) -> GroupReport:
    from affexion_core.evaluation.by_group import report_groups
    from affexion_core.evaluation.clip_levels import known_levels
    from affexion_core.evaluation.groupings import LEVELS

    levels = known_levels(_store.workspace) if by in LEVELS else {}
    return report_groups(_measured.rows, _measured.clips, _measured.run.labels, by, levels)
