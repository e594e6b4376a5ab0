"""A run's model as ONNX, for ONNX Runtime: checked against the model it comes from before anything counts on it."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from affexion_core.errors import ModelError
from affexion_core.exported import GRAPH, Graph, checked_graph, required, write_stamp
from affexion_core.models._output import ModelOutput
from affexion_core.predictor import Predictor
from affexion_core.run_folder import fold_folders
from affexion_core.training.model_file import TrainedModel

_OPSET = 17
# Frames of the clips that an export is tried on; the first is traced.
_LENGTHS = (150, 7, 64, 431)
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """The files of an export, and the greatest difference of an output or attention weight from the model's."""

    files: tuple[Path, ...]
    greatest_difference: float


class _OneClip(nn.Module):
    """A model for one clip without padding: its inputs ``(1, T, F)`` alone."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        lengths = tuple(torch.ones(1, dtype=torch.int64) * frames.shape[1] for frames in inputs)
        result = self.model(inputs, lengths)
        return (result.outputs,) if result.attention is None else (result.outputs, result.attention)


class OnnxModel(nn.Module):
    """An exported model in the place of the one it came from; clips of a batch are computed one by one."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Compute as `models` do; attention is padded with zeros."""
        outputs, attentions = [], []
        for row in range(len(inputs[0])):
            clip = tuple(frames[row, : int(n[row])].numpy() for frames, n in zip(inputs, lengths, strict=True))
            found = [torch.from_numpy(values) for values in self._graph.run(clip)]
            outputs.append(found[0])
            if len(found) > 1:
                attentions.append(nn.functional.pad(found[1], (0, inputs[0].shape[1] - found[1].shape[1])))
        return ModelOutput(torch.cat(outputs), torch.cat(attentions) if attentions else None)


def export_onnx(run_folder: Path) -> Exported:
    """Write a run's model, or those of its folds, as ``model.onnx`` beside its weights.

    The graph takes normalised features ``(1, T, n_features)`` of one clip, one input a front-end, T free, and gives
    logits ``(1, n_labels)`` and, where the model has any, attention ``(1, T)``.

    Raises
    ------
    ConfigError
        If the packages onnx and onnxruntime aren't installed.
    ModelError
        If there is no model, or its export doesn't give the same numbers.
    """
    required("onnx"), required("onnxruntime")
    files, greatest = [], 0.0
    for folder in fold_folders(run_folder) or (run_folder,):
        (trained,) = Predictor.load(folder).models
        model = trained.model.cpu().eval()
        path = folder / GRAPH
        partial = path.with_name(f".{GRAPH}.{os.getpid()}")
        try:
            _write_graph(model, trained, partial)
            exported = OnnxModel(Graph(partial.read_bytes(), str(path)))
            difference = _difference(model, exported, trained)
            if difference > _TOLERANCE:
                raise ModelError(
                    f"The export of {folder} differs by {difference:.2g} from its model; use the model itself."
                )
            os.replace(partial, path)
            write_stamp(folder, _says_all(model, trained))
        finally:
            partial.unlink(missing_ok=True)
        files.append(path)
        greatest = max(greatest, difference)
    return Exported(tuple(files), greatest)


def load_exported(run_folder: Path) -> Predictor:
    """Load a run with its exported models in the place of its own.

    Raises
    ------
    ModelError
        If the run wasn't exported, or the export is damaged or of other weights than those that are there.
    """
    predictor = Predictor.load(run_folder)
    folders = fold_folders(run_folder) or (run_folder,)
    graphs = [checked_graph(folder) for folder in folders]
    pairs = zip(predictor.models, graphs, strict=True)
    return replace(predictor, models=tuple(replace(trained, model=OnnxModel(graph)) for trained, graph in pairs))


def _says_all(model: nn.Module, trained: TrainedModel) -> bool:
    """Whether a model has no answers beside those that a graph gives."""
    inputs = _example(trained, _LENGTHS[0])
    with torch.inference_mode():
        return model(inputs, tuple(torch.tensor([_LENGTHS[0]]) for _ in inputs)).shares is None


def _write_graph(model: nn.Module, trained: TrainedModel, path: Path) -> None:
    inputs = _example(trained, _LENGTHS[0])
    names = [f"features_{i}" for i in range(len(inputs))]
    with torch.inference_mode():
        n_outputs = len(_OneClip(model)(*inputs))
    axes = {name: {1: "frames"} for name in [*names, *(["attention"] if n_outputs > 1 else [])]}
    with warnings.catch_warnings():
        # tracing warns of every check of a length, and that this exporter will be replaced; the new one fixes T
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _OneClip(model).eval(), inputs, path, input_names=names, dynamic_axes=axes, opset_version=_OPSET,
            output_names=["logits", "attention"][:n_outputs], dynamo=False,
        )  # fmt: skip


def _example(trained: TrainedModel, n_frames: int) -> tuple[Tensor, ...]:
    rng = np.random.default_rng(n_frames)
    sizes = [len(mean) for mean in trained.normalisation.means]
    return tuple(torch.from_numpy(rng.normal(size=(1, n_frames, size)).astype(np.float32)) for size in sizes)


def _difference(model: nn.Module, exported: OnnxModel, trained: TrainedModel) -> float:
    greatest = 0.0
    with torch.inference_mode():
        for n_frames in _LENGTHS:
            inputs = _example(trained, n_frames)
            lengths = tuple(torch.tensor([n_frames]) for _ in inputs)
            try:
                one, other = model(inputs, lengths), exported(inputs, lengths)
            except Exception as error:  # whatever a graph of the wrong shape raises
                raise ModelError(f"The export can't compute {n_frames} frames: {str(error).splitlines()[0]}") from error
            greatest = max(greatest, float((one.outputs - other.outputs).abs().max()))
            if one.attention is not None and other.attention is not None:
                greatest = max(greatest, float((one.attention - other.attention).abs().max()))
    return greatest
