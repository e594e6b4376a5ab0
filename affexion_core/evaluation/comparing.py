"""Compare two runs clip by clip, on the clips both were measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affexion_core.errors import NotFoundError
from affexion_core.evaluation.dimensions import concordance
from affexion_core.evaluation.paired import Comparison, compare
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.run_folder import ScoredClip, read_evaluation, read_predictions
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.types import Run


@dataclass(frozen=True)
class SharedClips:
    """The clips that two runs were both measured on: reference and both predictions, clip by clip."""

    clip_ids: tuple[str, ...]
    reference: tuple[str, ...]
    first: tuple[str, ...]
    second: tuple[str, ...]
    labels: tuple[str, ...]


def shared_clips(first: Sequence[ScoredClip], second: Sequence[ScoredClip]) -> SharedClips:
    """Find the clips that two runs were both measured on, and gave a label, under the same label."""
    other = {row.clip_id: row for row in second if row.predicted}
    both = [(row, other[row.clip_id]) for row in first if row.predicted and row.clip_id in other]
    both = [(one, two) for one, two in both if one.reference == two.reference]
    labels = dict.fromkeys(label for one, two in both for label in (one.reference, one.predicted, two.predicted))
    return SharedClips(
        clip_ids=tuple(one.clip_id for one, _ in both),
        reference=tuple(one.reference for one, _ in both),
        first=tuple(one.predicted for one, _ in both),
        second=tuple(two.predicted for _, two in both),
        labels=tuple(labels),
    )


def compare_shared(store: Store, shared: SharedClips) -> Comparison:
    """Test whether the first run is better than the second on shared clips, knowing who speaks in them.

    Raises
    ------
    NotFoundError
        If they share no clip.
    """
    if not shared.clip_ids:
        raise NotFoundError("The two runs have no clip with the same label in common here, so they can't be compared.")
    try:
        speakers = tuple(clip.speaker for clip in get_clips(store, shared.clip_ids))
    except NotFoundError:
        # Clips deleted since are still in the predictions; without them nobody knows who spoke.
        speakers = (None,) * len(shared.clip_ids)
    return compare(shared.reference, shared.first, shared.second, shared.labels, speakers)


def compare_dimensions(
    store: Store, first: Run, second: Run, on: str, n_resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """Give the difference of two runs' CCC by dimension (first less second), on clips that both answered.

    Both are resampled together, over speakers where they are known, so that what is hard for both doesn't count.
    Dimensions that only one predicts are left out.

    Raises
    ------
    NotFoundError
        If one of them was not measured under the name ``on``.
    """
    folders = [Path(run.folder) for run in (first, second)]
    names = [[each.name for each in read_evaluation(folder, on).dimensions] for folder in folders]
    rows = [{row.clip_id: row for row in read_predictions(folder, on)} for folder in folders]
    speakers = _speakers(store, tuple(rows[0].keys() & rows[1].keys()))
    return {
        name: _ccc_difference(rows, [own.index(name) for own in names], speakers, n_resamples, seed)
        for name in names[0]
        if name in names[1]
    }


def _ccc_difference(
    rows: Sequence[Mapping[str, ScoredClip]],
    places: Sequence[int],
    speakers: Mapping[str, str | None],
    n_resamples: int,
    seed: int,
) -> Estimate:
    said = [{id: row.reference_values[k] for id, row in each.items()} for each, k in zip(rows, places, strict=True)]
    ids = [id for id, value in sorted(said[0].items()) if value is not None and said[1].get(id) == value]
    if len(ids) < 2:
        return undefined("fewer than two clips with the same value in common", len(ids))
    reference = np.array([said[0][id] for id in ids], dtype=np.float64)
    heard = [np.array([each[id].values[k] for id in ids]) for each, k in zip(rows, places, strict=True)]
    weights, method = clip_weights(len(ids), [speakers.get(id) for id in ids], n_resamples, seed)
    value, samples = (
        concordance(reference, heard[0], drawn)[:, 0] - concordance(reference, heard[1], drawn)[:, 0]
        for drawn in (None, weights)
    )
    defined = samples[np.isfinite(samples)]
    if not np.isfinite(value[0]) or not len(defined):
        return undefined("all clips have the same value", len(ids))
    low, high = (float(limit) for limit in np.quantile(defined, [0.025, 0.975]))
    return Estimate(
        float(value[0]), min(low, float(value[0])), max(high, float(value[0])), len(ids), f"paired {method}"
    )


def _speakers(store: Store, ids: Sequence[str]) -> dict[str, str | None]:
    try:
        return {clip.id: clip.speaker for clip in get_clips(store, ids)}
    except NotFoundError:  # clips deleted since: without them nobody knows who spoke
        return {}


def compare_runs(store: Store, first: Run, second: Run, on: str) -> Comparison:
    """Compare two runs on what both were measured on under the name ``on`` (``cv``, ``train``, or a test set).

    Raises
    ------
    NotFoundError
        If one of them was not measured on that, or they share no clip.
    """
    rows = [read_predictions(Path(run.folder), on) for run in (first, second)]
    return compare_shared(store, shared_clips(*rows))
