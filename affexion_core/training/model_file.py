"""A trained model on disk: safetensors weights and statistics beside a JSON description; nothing executable."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from affexion_core.errors import ConfigError, LabelError, ModelError
from affexion_core.training.batches import Normalisation
from affexion_core.training.fit import build_model
from affexion_core.training.model_check import check_description, check_fit, read_header
from affexion_core.training.run_config import RunConfig, config_from_json, config_to_json
from affexion_core.types import Scheme

WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
FORMAT = 1


@dataclass(frozen=True)
class TrainedModel:
    """All that prediction needs. ``dimensions`` are what the outputs behind those of the labels stand for."""

    model: torch.nn.Module
    normalisation: Normalisation
    config: RunConfig
    labels: tuple[str, ...]
    dimensions: tuple[Scheme, ...] = ()


def save_model(folder: Path, trained: TrainedModel) -> None:
    """Write ``model.safetensors`` and ``model.json`` into a run folder."""
    tensors = {f"model.{name}": value.contiguous() for name, value in trained.model.state_dict().items()}
    for i, (mean, deviation) in enumerate(
        zip(trained.normalisation.means, trained.normalisation.deviations, strict=True)
    ):
        tensors[f"normalisation.{i}.mean"] = torch.from_numpy(mean)
        tensors[f"normalisation.{i}.deviation"] = torch.from_numpy(deviation)
    save_file(tensors, folder / WEIGHTS)
    network = getattr(trained.model, "model", trained.model)
    description = {
        "format": FORMAT,
        "labels": list(trained.labels),
        "n_features": [len(mean) for mean in trained.normalisation.means],
        "config": config_to_json(trained.config),
    }
    if trained.dimensions:
        description["dimensions"] = [asdict(scheme) for scheme in trained.dimensions]
    if isinstance(getattr(network, "architecture", None), str):
        description["architecture"] = network.architecture
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")


def load_model(folder: Path) -> TrainedModel:
    """Read a trained model back, ready for prediction.

    Raises
    ------
    ModelError
        If a file is missing, damaged, of a newer format, or doesn't fit its description.
    """
    description = _description(folder)
    try:
        config = config_from_json(description["config"])
        labels = tuple(str(label) for label in description["labels"])
        dimensions = tuple(Scheme(**{**each, "labels": ()}) for each in description.get("dimensions", ()))
        n_features = tuple(int(n) for n in description["n_features"])
        n_outputs = len(labels) + len(dimensions)
        about = (config, n_features, n_outputs, description.get("architecture"))
        check_fit(read_header(folder / WEIGHTS), n_features, n_outputs, partial(build_model, *about))
        tensors = load_file(folder / WEIGHTS)
        model = build_model(*about)
        weights = {name.removeprefix("model."): t for name, t in tensors.items() if name.startswith("model.")}
        model.load_state_dict(weights)
        normalisation = Normalisation(
            tuple(_statistic(tensors, i, "mean", n) for i, n in enumerate(n_features)),
            tuple(_statistic(tensors, i, "deviation", n) for i, n in enumerate(n_features)),
        )
    except (KeyError, TypeError, ValueError, OSError, SafetensorError, RuntimeError, ConfigError, LabelError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The model in {folder} can't be used: {reason}. Train it again, or copy it anew.") from error
    if not all(torch.isfinite(t).all() for t in tensors.values() if t.is_floating_point()):
        raise ModelError(f"The model in {folder} holds values that are no numbers. Train it again.")
    model.eval()
    return TrainedModel(model, normalisation, config, labels, dimensions)


def _description(folder: Path) -> dict[str, Any]:
    check_description(folder / DESCRIPTION)
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder} holds no trained model ({DESCRIPTION} is missing); name a finished run.") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / DESCRIPTION} can't be read: {error}.") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        found = description.get("format") if isinstance(description, dict) else type(description).__name__
        raise ModelError(f"{folder / DESCRIPTION} has format {found!r}; this version reads format {FORMAT}.")
    return description


def _statistic(tensors: dict[str, torch.Tensor], i: int, name: str, n: int) -> np.ndarray:
    values = tensors[f"normalisation.{i}.{name}"].numpy()
    if values.shape != (n,):
        raise ValueError(f"normalisation.{i}.{name} has shape {values.shape} instead of ({n},)")
    return values
