"""Predict files that are not in the library: a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affexion_core.audio.isolated import load_audio
from affexion_core.corpora._files import is_audio
from affexion_core.errors import AudioError
from affexion_core.predictor import Predictor
from affexion_core.types import Utterance

UNSURE_BELOW = 0.5
"""Probability of the first label below which a run that was never calibrated is unsure: more speaks against the label
than for it."""

_BLOCK = 16


def sound_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """List files as named, and for folders all sound files below them by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if is_audio(p) and p.is_file())
        else:
            found.append(path)
    return tuple(found)


def is_unsure(predictor: Predictor, probs: np.ndarray) -> np.ndarray:
    """Tell for which rows of the model's own probabilities ``(n, n_labels)`` the answer is "unsure", bool ``(n,)``.

    Where the run was calibrated, its own threshold on calibrated probabilities decides, else `UNSURE_BELOW`.
    """
    threshold = UNSURE_BELOW if predictor.unsure_below is None else predictor.unsure_below
    return np.asarray(predictor.calibrated(probs).max(axis=-1) < threshold)


def predict_files(run_folder: Path, files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Predict files in their order.

    Yields
    ------
    dict
        ``file``, ``label``, ``probs`` {label: probability}, ``unsure`` and ``warnings``; or ``file`` and ``error``.
    """
    return predict_with(Predictor.load(run_folder), files)


def predict_with(predictor: Predictor, files: Sequence[Path], block: int = _BLOCK) -> Iterator[dict[str, Any]]:
    """Predict files as `predict_files` does, ``block`` of them at once; how many changes no number but rounding."""
    for start in range(0, len(files), block):
        yield from _predict_block(predictor, files[start : start + block])


def _predict_block(predictor: Predictor, files: Sequence[Path]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    utterances: list[Utterance] = []
    good: list[dict[str, Any]] = []
    for file in files:
        row: dict[str, Any] = {"file": str(file)}
        try:
            decoded = load_audio(file)
        except AudioError as error:
            row["error"] = str(error)
        else:
            row["warnings"] = list(decoded.warnings)
            utterances.append(Utterance(decoded.signal, decoded.sampling_rate))
            good.append(row)
        rows.append(row)
    if utterances:
        outcome = predictor.of_utterances(utterances)
        predictions = predictor.predictions([row["file"] for row in good], outcome)
        unsure = is_unsure(predictor, outcome.probs)
        for row, prediction, doubt in zip(good, predictions, unsure, strict=True):
            row["label"] = prediction.label
            row["probs"] = dict(zip(prediction.labels, prediction.probs, strict=True))
            row["unsure"] = bool(doubt)
    return rows
