"""Two sets of clips in the space of a trained network: how far it keeps them apart, and a map of what it makes of them.

A network that answers for people as it does for synthetic voices should not care which of the two it hears. Its
embedding (what a clip is to it before its last layers) shows whether it does: a probe tries to tell the sides apart on
speakers it hasn't heard.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affexion_core.differences.origin import a_distance, probe_to_json, tell_apart
from affexion_core.differences.probes import Probe
from affexion_core.errors import ConfigError, LabelError, ModelError
from affexion_core.evaluation.scores import Estimate
from affexion_core.run_folder import fold_folders, read_config, seen_in_training
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import Store
from affexion_core.types import Clip, Dataset, Progress, Run, no_progress

if TYPE_CHECKING:
    from affexion_core.predictor import Predictor

# Strength of the regression: embeddings have some hundred dimensions, and sets are often small.
_STRENGTH = 0.01
_AT_ONCE = 256


@dataclass(frozen=True)
class Embedded:
    """Two sets of clips as one model hears them, those of A first.

    ``values`` float32 ``(n_a + n_b, E)``. ``fold`` is the number of the fold model asked, None for a run with one.
    ``learned`` counts the clips of A and of B that this model was trained on.
    """

    run: str
    fold: int | None
    a: Dataset
    b: Dataset
    values: np.ndarray
    learned: tuple[int, int]


@dataclass(frozen=True)
class NetworkReport:
    """How far a network keeps two sets apart; ``probe`` and ``a_distance`` are None where a side has too few clips.

    ``learned_synthetic`` and ``learned_real`` count the clips that it was trained on.
    """

    run: str
    fold: int | None
    synthetic: str
    real: str
    n_synthetic: int
    n_real: int
    learned_synthetic: int
    learned_real: int
    n_dimensions: int
    probe: Probe | None
    a_distance: Estimate | None


def may_embed(run: Run) -> bool:
    """Say whether a run is finished and holds networks trained step by step; whether these embed, only asking tells."""
    from affexion_core.training.direct import fits_directly

    if run.kind not in ("train", "cv", "gap") or not run.finished:
        return False
    try:
        return not fits_directly(read_config(Path(run.folder))["model"]["name"])
    except (ModelError, ConfigError, KeyError, TypeError):
        return False


def sets_of(run: Run, synthetic: str | None, real: str | None) -> tuple[str, str]:
    """Name the two sets to compare: those asked for, else what the run was trained and tested on.

    Raises
    ------
    ConfigError
        If one is neither asked for nor known of the run.
    """
    a, b = synthetic or run.train_dataset, real or run.test_dataset
    if not a or not b:
        raise ConfigError(f"Run {run.id} has no test set of its own; name the other set.", change=("real",))
    return a, b


def embed_sets(
    store: Store, run: Run, synthetic: str, real: str, fold: int | None = None, progress: Progress = no_progress
) -> Embedded:
    """Ask a run's model what clips of two datasets are to it.

    Parameters
    ----------
    run
        One with a network of its own; of a study of synthetic against real speech, its first model trained on
        synthetic clips alone.
    synthetic, real
        Names of datasets, A and B.
    fold
        Which fold model to ask, as each has a space of its own; None for the first, or where there is one model.

    Raises
    ------
    NotFoundError
        If a dataset or the fold isn't there.
    LabelError
        If both datasets are the same, or one is empty.
    ModelError
        If the model can't be loaded, or has no embedding.
    """
    if synthetic == real:
        raise LabelError(f"Dataset {real!r} can't be compared with itself; choose two.", change=("synthetic", "real"))
    from affexion_core.explain.attention import only_fold
    from affexion_core.predictor import Predictor

    sides = load_dataset(store, synthetic), load_dataset(store, real)
    for dataset in sides:
        if not dataset.items:
            raise LabelError(f"Dataset {dataset.name!r} has no clips; there is nothing to compare.")
    folder = _model_folder(run)
    if fold is None and fold_folders(folder):
        fold = int(fold_folders(folder)[0].name)
    predictor = only_fold(Predictor.load(folder), folder, fold)
    clips = [item.clip for dataset in sides for item in dataset.items]
    values = _embedded(store, predictor, clips, progress)
    seen = {trace.clip_id for trace in seen_in_training(folder if fold is None else folder / "folds" / str(fold))}
    learned = [sum(item.clip.id in seen for item in dataset.items) for dataset in sides]
    return Embedded(run.id, fold, *sides, values, (learned[0], learned[1]))


def _model_folder(run: Run) -> Path:
    """Give the run folder that holds the model to ask: of a study, its first model of synthetic clips alone."""
    folder = Path(run.folder)
    if run.kind == "gap":
        from affexion_core.gap.cells import BASE
        from affexion_core.gap.part import model_folders, part_folder

        return model_folders(part_folder(folder, BASE))[0]
    return folder


def _embedded(store: Store, predictor: Predictor, clips: list[Clip], progress: Progress) -> np.ndarray:
    rows = []
    for start in range(0, len(clips), _AT_ONCE):
        progress(start, len(clips), "asking the network")
        outcome = predictor.of_clips(store.workspace, clips[start : start + _AT_ONCE])
        if not outcome.embeddings:
            raise ModelError(
                f"The model {predictor.config.model!r} makes no space of its own (it has no embedding); choose a run "
                "with a network."
            )
        rows.append(outcome.embeddings[0])
    progress(len(clips), len(clips), "asking the network")
    return np.concatenate(rows)


def compare_embedded(embedded: Embedded, seed: int = 0) -> NetworkReport:
    """Ask a probe to tell the two sets apart by what they are to the network."""
    speakers = [[item.clip.speaker for item in side.items] for side in (embedded.a, embedded.b)]
    found = tell_apart(embedded.values.astype(np.float64), speakers[0], speakers[1], seed, _STRENGTH)
    return NetworkReport(
        run=embedded.run,
        fold=embedded.fold,
        synthetic=embedded.a.name,
        real=embedded.b.name,
        n_synthetic=len(embedded.a.items),
        n_real=len(embedded.b.items),
        learned_synthetic=embedded.learned[0],
        learned_real=embedded.learned[1],
        n_dimensions=embedded.values.shape[1],
        probe=found,
        a_distance=a_distance(found),
    )


def network_to_json(report: NetworkReport) -> dict[str, Any]:
    """Give a report JSON-ready."""
    return {**asdict(report), "probe": probe_to_json(report.probe)}
