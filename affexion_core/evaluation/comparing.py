"""Compare two runs clip by clip, on the clips both were measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from affexion_core.errors import NotFoundError
from affexion_core.evaluation.paired import Comparison, compare
from affexion_core.run_folder import ScoredClip, read_predictions
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
    """Find the clips that two runs were both measured on under the same label."""
    other = {row.clip_id: row for row in second}
    both = [(row, other[row.clip_id]) for row in first if row.clip_id in other]
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


def compare_runs(store: Store, first: Run, second: Run, on: str) -> Comparison:
    """Compare two runs on what both were measured on under the name ``on`` (``cv``, ``train``, or a test set).

    Raises
    ------
    NotFoundError
        If one of them was not measured on that, or they share no clip.
    """
    rows = [read_predictions(Path(run.folder), on) for run in (first, second)]
    return compare_shared(store, shared_clips(*rows))
