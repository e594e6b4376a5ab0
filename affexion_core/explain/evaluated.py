"""Attention over all clips of an evaluation, and the deletion check on them; kept in the run's folder by content."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affexion_core.config import config_hash
from affexion_core.errors import StoreError
from affexion_core.explain import deletion as deleting
from affexion_core.explain.attention import attention_of, clip_features, fingerprint, only_fold, relative
from affexion_core.predictor import Predictor
from affexion_core.run_folder import ScoredClip, fold_folders, read_json, read_predictions, write_json
from affexion_core.store.clips import get_clips
from affexion_core.store.session import Store
from affexion_core.types import Progress, Run, no_progress

VERSION = 1
"""Counts up when the same clips would give other averages."""

_AT_ONCE = 32


@dataclass(frozen=True)
class EvaluatedAttention:
    """Where a run looks in each clip of an evaluation, over relative time.

    ``curves`` float32 ``(n_models, n_clips, n_bins)`` as multiples of an even spread (mean 1). For held-out folds
    ``n_models`` is 1, as each clip is asked of the fold that had not seen it, which stands in ``scored``.
    ``folds`` are the numbers of the run's fold models; empty for a run with one model.
    """

    scored: tuple[ScoredClip, ...]
    curves: np.ndarray
    folds: tuple[int, ...]

    @property
    def by_clip(self) -> np.ndarray:
        """Mean over the models, ``(n_clips, n_bins)``."""
        return self.curves.mean(axis=0)


def evaluated_attention(store: Store, run: Run, name: str, progress: Progress = no_progress) -> EvaluatedAttention:
    """Gather attention over an evaluation's clips, from the run's folder where it was gathered before.

    Raises
    ------
    NotFoundError
        If the run was not measured on that.
    ModelError
        If the run has no attention.
    """
    known = kept_attention(run, name)
    if known is not None:
        return known
    folder = Path(run.folder)
    scored = read_predictions(folder, name)
    curves = _gathered(store, folder, scored, progress)
    _write(_path(folder, "attention", name, scored, VERSION, ".npy"), curves)
    return EvaluatedAttention(scored, curves, fold_numbers(folder))


def kept_attention(run: Run, name: str) -> EvaluatedAttention | None:
    """Give attention over an evaluation's clips where it was gathered before; None where it wasn't."""
    folder = Path(run.folder)
    scored = read_predictions(folder, name)
    curves = _read(_path(folder, "attention", name, scored, VERSION, ".npy"), len(scored))
    return None if curves is None else EvaluatedAttention(scored, curves, fold_numbers(folder))


def explain_folder(run_folder: Path) -> Path:
    """Give the folder that holds what is kept about a run's attention."""
    return run_folder / "explain"


def fold_numbers(run_folder: Path) -> tuple[int, ...]:
    """List the numbers of a run's fold models in order; empty for a run with one model."""
    return tuple(int(folder.name) for folder in fold_folders(run_folder))


def _gathered(store: Store, folder: Path, scored: tuple[ScoredClip, ...], progress: Progress) -> np.ndarray:
    predictor = Predictor.load(folder)
    clips = get_clips(store, [row.clip_id for row in scored])
    groups: dict[int | None, list[int]] = {}
    for i, row in enumerate(scored):
        groups.setdefault(row.fold, []).append(i)
    found: dict[int, list[np.ndarray]] = {}
    for fold, places in groups.items():
        asked = only_fold(predictor, folder, fold)
        for start in range(0, len(places), _AT_ONCE):
            block = places[start : start + _AT_ONCE]
            progress(len(found), len(scored), "gathering attention")
            _, attention = attention_of(asked, clip_features(asked, store.workspace, [clips[i] for i in block]))
            for at, i in enumerate(block):
                found[i] = [relative(rows[at]) for rows in attention]
    progress(len(scored), len(scored), "gathering attention")
    return np.stack([np.stack(found[i]) for i in range(len(scored))], axis=1).astype(np.float32)


def kept_deletion(run: Run, name: str) -> deleting.Deletion | None:
    """Give the deletion check of an evaluation where it was done before; None where it wasn't, or models changed."""
    path = _deletion_path(Path(run.folder), name)
    return deleting.deletion_from_json(read_json(path)) if path.is_file() else None


def deletion_on(store: Store, run: Run, name: str, progress: Progress = no_progress) -> deleting.Deletion:
    """Do the deletion check on an evaluation's clips, or give the one done before.

    Raises
    ------
    NotFoundError
        If the run was not measured on that.
    ModelError
        If the run has no attention.
    """
    known = kept_deletion(run, name)
    if known is not None:
        return known
    folder = Path(run.folder)
    scored = read_predictions(folder, name)
    predictor = Predictor.load(folder)
    clips = get_clips(store, [row.clip_id for row in scored])
    chosen = deleting.sample(len(scored), deleting.MOST_CLIPS, seed=0)
    kept = [clips[i] for i in chosen]
    features = clip_features(predictor, store.workspace, kept)
    asked = [scored[i] for i in chosen]
    folds = fold_numbers(folder)
    found = deleting.deletion(predictor, kept, features, asked, folds, n_total=len(scored), progress=progress)
    write_json(_deletion_path(folder, name), deleting.deletion_json(found))
    return found


def _deletion_path(folder: Path, name: str) -> Path:
    settings = [deleting.VERSION, *deleting.SHARES, deleting.N_DRAWS, deleting.MOST_CLIPS]
    return _path(folder, "deletion", name, read_predictions(folder, name), settings, ".json")


def _path(folder: Path, what: str, name: str, scored: tuple[ScoredClip, ...], version: object, ending: str) -> Path:
    """Name a file by all that decides what stands in it: the models' weights, the clips, and how it is made."""
    clips = [[row.clip_id, row.reference, row.fold] for row in scored]
    return explain_folder(folder) / f"{what}-{config_hash(fingerprint(folder), name, clips, version)}{ending}"


def _read(path: Path, n_clips: int) -> np.ndarray | None:
    try:
        curves = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return curves if curves.ndim == 3 and curves.shape[1] == n_clips else None


def _write(path: Path, curves: np.ndarray) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, curves, allow_pickle=False)
        os.replace(file.name, path)
    except OSError as error:
        raise StoreError(f"Attention can't be kept in {path.parent} ({error.strerror}); free some space.") from error
