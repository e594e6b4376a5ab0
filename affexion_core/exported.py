"""Runs exported to ONNX, and predictions by them without torch: a file is answered in a fraction of a second.

An export is a graph beside the weights it was made from, and a stamp that names both by their content. It is used where
the stamp fits what is there; a damaged one, or one of weights that were since replaced, is refused.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affexion_core.config import build
from affexion_core.errors import ConfigError, ModelError
from affexion_core.evaluation.calibration import Calibration, read_calibration
from affexion_core.extraction import FrontEnd, extracted
from affexion_core.predictor import Outcome, outcome_of, predictions_of
from affexion_core.run_folder import fold_folders, read_json, write_json
from affexion_core.training.batches import ClipFeatures, Normalisation, prepare
from affexion_core.training.forward import Results
from affexion_core.training.run_config import InputConfig, front_ends_from_json
from affexion_core.types import Prediction, Scheme, Utterance

GRAPH, STAMP = "model.onnx", "model.onnx.json"
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT = 1
# A graph holds the weights and little else.
_ROOM, _FACTOR = 8_000_000, 1.5


class Graph:
    """An exported model: prepared features of one clip in, logits and, where it has any, attention out."""

    def __init__(self, content: bytes, name: str) -> None:
        runtime = required("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no base of their own
            raise ModelError(f"{name} can't be used ({str(error).splitlines()[0]}); export the run again.") from error
        self._names = [given.name for given in self._session.get_inputs()]

    def run(self, clip: ClipFeatures) -> list[np.ndarray]:
        """Compute a clip: ``[outputs (1, n_outputs)]`` or ``[outputs, attention (1, n_frames)]``."""
        return self._session.run(None, {name: x[None] for name, x in zip(self._names, clip, strict=True)})


@dataclass(frozen=True)
class ExportedModel:
    """A graph, and all that prediction needs beside it; see `training.model_file.TrainedModel`."""

    graph: Graph
    normalisation: Normalisation
    front_ends: tuple[FrontEnd, ...]
    inputs: InputConfig
    labels: tuple[str, ...]
    dimensions: tuple[Scheme, ...]

    def results(self, clips: Sequence[ClipFeatures]) -> Results:
        """Compute prepared clips, in their order."""
        found = [self.graph.run(clip) for clip in clips]
        attention = [each[1][0] if len(each) > 1 else None for each in found]
        return Results(np.concatenate([each[0] for each in found]), attention)


@dataclass(frozen=True)
class ExportedPredictor:
    """What `Predictor` is for a trained run, for an exported one; of a cross-validation, all its folds."""

    models: tuple[ExportedModel, ...]
    calibration: Calibration | None = None

    @classmethod
    def load(cls, run_folder: Path) -> ExportedPredictor:
        """Load the exported models of a run folder.

        Raises
        ------
        ModelError
            If the run isn't exported, or its export can't be used; the message says why.
        ConfigError
            If onnxruntime isn't installed.
        """
        folders = fold_folders(run_folder) or (run_folder,)
        return cls(tuple(_load(folder) for folder in folders), read_calibration(run_folder))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it tells apart, in output order."""
        return self.models[0].labels

    @property
    def dimensions(self) -> tuple[Scheme, ...]:
        """The dimensions it predicts, with their ranges."""
        return self.models[0].dimensions

    @property
    def front_ends(self) -> tuple[FrontEnd, ...]:
        """The front-ends that make its input."""
        return self.models[0].front_ends

    def of_utterances(self, utterances: Sequence[Utterance]) -> Outcome:
        """Predict signals at the front-ends' sampling rate."""
        columns = [extracted(front_end, utterances) for front_end in self.front_ends]
        features = list(zip(*columns, strict=True))
        results = [
            model.results([prepare(clip, model.inputs, model.normalisation) for clip in features])
            for model in self.models
        ]
        return outcome_of(results, len(self.labels), self.dimensions)

    def predictions(self, keys: Sequence[str], outcome: Outcome) -> tuple[Prediction, ...]:
        """Name the outcome's rows."""
        return predictions_of(keys, self.labels, outcome)


def is_exported(run_folder: Path) -> bool:
    """Say whether a run was exported, whatever has become of it since."""
    return all((folder / GRAPH).is_file() for folder in fold_folders(run_folder) or (run_folder,))


def write_stamp(folder: Path, says_all: bool) -> None:
    """Note which graph was made of which weights; ``says_all`` where the model has no output that the graph lacks."""
    hashes = {name: _sha256(folder / name) for name in (GRAPH, WEIGHTS, DESCRIPTION)}
    write_json(folder / STAMP, {"format": FORMAT, "says_all": says_all, "sha256": hashes})


def checked_graph(folder: Path) -> Graph:
    """Load the graph of a folder, if its stamp fits it and the weights beside it.

    Raises
    ------
    ModelError
        If it doesn't, or there is none.
    """
    if not (folder / GRAPH).is_file():
        raise ModelError(f"{folder} holds no {GRAPH}; export the run first.")
    if not (folder / STAMP).is_file():
        raise ModelError(f"{folder / GRAPH} was made by an earlier version, without {STAMP}; export the run again.")
    stamp, content = read_json(folder / STAMP), (folder / GRAPH).read_bytes()
    hashes = stamp.get("sha256") if isinstance(stamp, dict) and stamp.get("format") == FORMAT else None
    if not isinstance(hashes, dict):
        raise ModelError(f"{folder / STAMP} can't be read by this version; export the run again.")
    if hashes.get(GRAPH) != hashlib.sha256(content).hexdigest():
        raise ModelError(f"{folder / GRAPH} is damaged, or isn't the one that was exported; export the run again.")
    if any(hashes.get(name) != _sha256(folder / name) for name in (WEIGHTS, DESCRIPTION)):
        raise ModelError(f"The model in {folder} has changed since it was exported; export the run again.")
    if len(content) > _FACTOR * (folder / WEIGHTS).stat().st_size + _ROOM:
        raise ModelError(f"{folder / GRAPH} is far larger than the weights beside it; export the run again.")
    return Graph(content, str(folder / GRAPH))


def _load(folder: Path) -> ExportedModel:
    from safetensors import SafetensorError, safe_open

    graph = checked_graph(folder)
    if not read_json(folder / STAMP).get("says_all"):
        raise ModelError(f"The export in {folder} leaves out what the model says of its inputs.")
    description = read_json(folder / DESCRIPTION)
    try:
        n_inputs = len(description["n_features"])
        with safe_open(folder / WEIGHTS, framework="np") as tensors:
            means, deviations = (
                tuple(tensors.get_tensor(f"normalisation.{i}.{name}") for i in range(n_inputs))
                for name in ("mean", "deviation")
            )
        return ExportedModel(
            graph,
            Normalisation(means, deviations),
            front_ends_from_json(description["config"]),
            build(InputConfig, description["config"]["inputs"]),
            tuple(description["labels"]),
            tuple(Scheme(**{**each, "labels": ()}) for each in description.get("dimensions", ())),
        )
    except (KeyError, TypeError, ValueError, OSError, SafetensorError, ConfigError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The model in {folder} can't be used: {reason}. Train it again, or copy it anew.") from error


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}).") from error


def required(name: str) -> Any:
    """Import a package that exports need.

    Raises
    ------
    ConfigError
        If it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ConfigError(
            f"Models as ONNX need the package {name}, which is not installed; "
            "run `pip install -r requirements-onnx.txt`."
        ) from None
