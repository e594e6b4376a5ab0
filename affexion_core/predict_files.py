"""Predict files that are not in the library: a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from affexion_core.audio.decode import load_audio
from affexion_core.corpora._files import is_audio
from affexion_core.errors import AudioError
from affexion_core.predictor import Predictor
from affexion_core.types import Utterance

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


def predict_files(run_folder: Path, files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Predict files in their order.

    Yields
    ------
    dict
        ``file``, ``label``, ``probs`` {label: probability} and ``warnings``; or ``file`` and ``error``.
    """
    predictor = Predictor.load(run_folder)
    for start in range(0, len(files), _BLOCK):
        yield from _predict_block(predictor, files[start : start + _BLOCK])


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
        predictions = predictor.predictions([row["file"] for row in good], predictor.of_utterances(utterances))
        for row, prediction in zip(good, predictions, strict=True):
            row["label"] = prediction.label
            row["probs"] = dict(zip(prediction.labels, prediction.probs, strict=True))
    return rows
