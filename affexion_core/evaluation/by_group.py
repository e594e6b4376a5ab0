"""Figures of a run by group, from its predictions and what the library knows of the clips."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from affexion_core.errors import ModelError, NotFoundError
from affexion_core.evaluation.clip_levels import ClipLevels, measure_levels
from affexion_core.evaluation.groupings import LEVELS, group_clips
from affexion_core.evaluation.groups import GroupReport, group_report
from affexion_core.run_folder import ScoredClip, read_predictions
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.types import Clip, Progress, Run, no_progress


def clips_of(store: Store, scored: Sequence[ScoredClip]) -> dict[str, Clip]:
    """Look up the clips of predictions, by id, in one go; those deleted since are left out."""
    ids = [row.clip_id for row in scored]
    try:
        return dict(zip(ids, get_clips(store, ids), strict=True))
    except NotFoundError:
        return {clip.id: clip for clip in _one_by_one(store, ids)}


def _one_by_one(store: Store, ids: Iterable[str]) -> Iterable[Clip]:
    for id in ids:
        try:
            yield from get_clips(store, [id])
        except NotFoundError:
            continue


def measure_groups(
    store: Store,
    run: Run,
    on: str,
    by: Sequence[str],
    n_permutations: int = 1000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> tuple[GroupReport, ...]:
    """Report a measured run by each grouping.

    Clips that were deleted since the measurement are left out, as nothing is known of them.

    Parameters
    ----------
    on
        What it was measured on: a test set, ``cv`` or ``train``.
    by
        Groupings, see `groupings.group_clips`.

    Raises
    ------
    NotFoundError
        If the run was not measured on that, or none of the clips is left.
    ConfigError
        If there is no such grouping, or it makes too many groups.
    """
    scored = read_predictions(Path(run.folder), on)
    if not run.labels:
        raise ModelError(f"Groups are compared by labels; run {run.id} predicts dimensions alone.")
    known = clips_of(store, scored)
    if not known:
        raise NotFoundError(f"None of the clips that run {run.id} was measured on is in the workspace any more.")
    levels = measure_levels(store.workspace, tuple(known.values()), progress) if set(by) & set(LEVELS) else {}
    return tuple(report_groups(scored, known, run.labels, name, levels, n_permutations, seed) for name in by)


def report_groups(
    scored: Sequence[ScoredClip],
    clips: Mapping[str, Clip],
    labels: Sequence[str],
    by: str,
    levels: Mapping[str, ClipLevels],
    n_permutations: int = 1000,
    seed: int = 0,
) -> GroupReport:
    """Report predictions by one grouping, without those whose clip isn't among ``clips`` (by id); see `group_clips`."""
    rows = [row for row in scored if row.clip_id in clips]
    own = [clips[row.clip_id] for row in rows]
    grouping = group_clips(by, own, [row.reference for row in rows], levels, seed)
    speakers = [clip.speaker for clip in own]
    return group_report(by, rows, grouping.groups, labels, speakers, grouping.order, n_permutations, seed)
