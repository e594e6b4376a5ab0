"""Predict files that are not in the library: a bad one never stops the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affexion_core.audio.isolated import load_audio
from affexion_core.corpora._files import is_audio
from affexion_core.errors import AffexionError, AudioError
from affexion_core.extraction import needs_transcript
from affexion_core.types import Utterance

if TYPE_CHECKING:
    from affexion_core.exported import ExportedPredictor
    from affexion_core.predictor import Outcome, Predictor

    AnyPredictor = Predictor | ExportedPredictor

UNSURE_BELOW = 0.5
"""Probability of the first label below which a run that was never calibrated is unsure: more speaks against the label
than for it."""

_BLOCK = 16
# More words than a clip of ten minutes has.
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True)
class Chosen:
    """A run ready to predict; ``note`` says why its export was not used, where there is one."""

    predictor: AnyPredictor
    note: str | None = None


def choose_predictor(run_folder: Path) -> Chosen:
    """Load a run by its export where it has a sound one, which is ready sooner, else the models themselves.

    Raises
    ------
    ModelError
        If there are no models, or they can't be used.
    """
    from affexion_core.exported import ExportedPredictor, is_exported
    from affexion_core.predictor import Predictor

    if not is_exported(run_folder):
        return Chosen(Predictor.load(run_folder))
    try:
        return Chosen(ExportedPredictor.load(run_folder))
    except AffexionError as error:
        return Chosen(Predictor.load(run_folder), f"The run's export was not used. {error}")


def sound_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """List files as named, and for folders all sound files below them by name."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if is_audio(p) and p.is_file())
        else:
            found.append(path)
    return tuple(found)


def is_unsure(predictor: AnyPredictor, probs: np.ndarray) -> np.ndarray:
    """Tell for which rows of the model's own probabilities ``(n, n_labels)`` the answer is "unsure", bool ``(n,)``.

    Where the run was calibrated, its own threshold on calibrated probabilities decides, else `UNSURE_BELOW`.
    """
    calibration = predictor.calibration
    if calibration is None:
        return np.asarray(probs.max(axis=-1) < UNSURE_BELOW)
    return calibration.unsure(calibration.calibrated(probs))


def predict_files(run_folder: Path, files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """Predict files in their order.

    Yields
    ------
    dict
        ``file``, ``label``, ``probs`` {label: probability}, ``unsure`` and ``warnings``; or ``file`` and ``error``. Of
        a model with several inputs also ``inputs``, a list of ``front_end``, ``share`` (0 to 1), ``label``, ``probs``;
        of one that predicts dimensions also ``values`` {dimension: number}, alone with ``label`` None and no ``probs``.
    """
    from affexion_core.predictor import Predictor

    return predict_with(Predictor.load(run_folder), files)


def predict_with(predictor: AnyPredictor, files: Sequence[Path], block: int = _BLOCK) -> Iterator[dict[str, Any]]:
    """Predict files as `predict_files` does, ``block`` of them at once; how many changes no number but rounding."""
    for start in range(0, len(files), block):
        yield from _predict_block(predictor, files[start : start + block])


def _predict_block(predictor: AnyPredictor, files: Sequence[Path]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    utterances: list[Utterance] = []
    good: list[dict[str, Any]] = []
    reads = needs_transcript(predictor.front_ends)
    for file in files:
        row: dict[str, Any] = {"file": str(file)}
        try:
            decoded = load_audio(file)
        except AudioError as error:
            row["error"] = str(error)
        else:
            row["warnings"] = list(decoded.warnings)
            transcript = transcript_beside(file)
            if reads and transcript is None:
                row["error"] = f"This run reads transcripts; write the words into {file.with_suffix('.txt').name}."
            else:
                utterances.append(Utterance(decoded.signal, decoded.sampling_rate, transcript))
                good.append(row)
        rows.append(row)
    if utterances:
        _add_answers(good, predictor, predictor.of_utterances(utterances))
    return rows


def _add_answers(rows: Sequence[dict[str, Any]], predictor: AnyPredictor, outcome: Outcome) -> None:
    if predictor.labels:
        predictions = predictor.predictions([row["file"] for row in rows], outcome)
        unsure = is_unsure(predictor, outcome.probs)
        for row, prediction, doubt in zip(rows, predictions, unsure, strict=True):
            row["label"] = prediction.label
            row["probs"] = dict(zip(prediction.labels, prediction.probs, strict=True))
            row["unsure"] = bool(doubt)
        _add_inputs(rows, predictor, outcome)
    else:
        for row in rows:
            row.update(label=None, probs={}, unsure=False)
    if outcome.values is not None:
        names = [scheme.name for scheme in predictor.dimensions]
        for row, values in zip(rows, outcome.values, strict=True):
            row["values"] = dict(zip(names, map(float, values), strict=True))


def _add_inputs(rows: Sequence[dict[str, Any]], predictor: AnyPredictor, outcome: Outcome) -> None:
    """Say of each input how much it counted and what it would have said alone, where the model tells."""
    if outcome.shares is None or outcome.alone is None:
        return
    for row, shares, alone in zip(rows, outcome.shares, outcome.alone, strict=True):
        row["inputs"] = [
            {
                "front_end": front_end.name,
                "share": float(share),
                # what is missing says nothing
                "label": predictor.labels[int(probs.argmax())] if share > 0 else None,
                "probs": dict(zip(predictor.labels, map(float, probs), strict=True)) if share > 0 else None,
            }
            for front_end, share, probs in zip(predictor.front_ends, shares, alone, strict=True)
        ]


def transcript_beside(file: Path) -> str | None:
    """Read the words of a sound file from the text file of the same name beside it; None where there is none."""
    beside = file.with_suffix(".txt")
    if beside == file or not beside.is_file():
        return None
    with beside.open(encoding="utf-8", errors="replace") as words:
        return words.read(_MOST_CHARACTERS).strip() or None
