"""Checkpoints: everything a training needs to go on as if it had never stopped, bit for bit on the same CPU.

What was written on a GPU can go on on a CPU and the other way round: the file holds CPU tensors. There the numbers
differ in their last digits, and dropout draws from another generator.

One file a checkpoint, ``<epoch>-<hash>.safetensors``: tensors (weights, optimizer, random generators, best weights) and
a JSON header (history, schedule, patience). It is written beside, flushed to disk and renamed, so that a kill leaves
the one before; the hash in its name is that of its content, so that a damaged one is passed over.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from affexion_core.config import config_hash
from affexion_core.training.run_config import RunConfig, config_to_json

EpochRow = dict[str, float]
# The newest and the one before it, in case the newest turns out damaged.
_KEPT = 2


@dataclass
class Progress:
    """A training under way: changed in place from epoch to epoch.

    ``generator`` draws the batches (on the CPU, whatever the device); dropout draws from torch's global generator of
    the model's device. ``best`` holds the weights with the lowest dev loss so far, where early stopping needs them.
    """

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    scheduler: Any
    generator: torch.Generator
    history: list[EpochRow] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None
    best_epoch: int = 0


def save_checkpoint(folder: Path, config: RunConfig, progress: Progress) -> Path:
    """Write a checkpoint of the epoch just finished, and drop all but the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    content = save(_tensors(progress), metadata={"state": json.dumps(_state(config, progress))})
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = folder / f"{len(progress.history):06d}-{digest}.safetensors"
    partial = folder / f".{path.name}.{os.getpid()}"
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    _sync_folder(folder)
    for old in _newest_first(folder)[_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def restore_checkpoint(folder: Path, config: RunConfig, progress: Progress) -> bool:
    """Bring a fresh training to where the newest sound checkpoint of the same recipe left it.

    Returns
    -------
    bool
        False where there is none to go on from; ``progress`` is then as it was.
    """
    for path in _newest_first(folder):
        if hashlib.sha256(path.read_bytes()).hexdigest()[:16] != path.stem.split("-")[1]:
            continue
        try:
            with safe_open(path, framework="pt") as file:
                state = json.loads((file.metadata() or {})["state"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, KeyError, ValueError):
            continue
        if state["recipe"] == _recipe(config):
            _apply(progress, tensors, state)
            return True
    return False


def _tensors(progress: Progress) -> dict[str, torch.Tensor]:
    tensors = {f"model.{name}": value for name, value in progress.model.state_dict().items()}
    for index, values in progress.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
    tensors |= {f"best.{name}": value for name, value in (progress.best or {}).items()}
    tensors["random.torch"] = torch.get_rng_state()
    tensors["random.batches"] = progress.generator.get_state()
    if (gpu := _gpu_of(progress.model)) is not None:
        tensors["random.cuda"] = torch.cuda.get_rng_state(gpu)
    return {name: value.cpu().contiguous() for name, value in tensors.items()}


def _gpu_of(model: torch.nn.Module) -> torch.device | None:
    device = next((values.device for values in model.parameters()), None)
    return device if device is not None and device.type == "cuda" else None


def _state(config: RunConfig, progress: Progress) -> dict[str, Any]:
    return {
        "recipe": _recipe(config),
        "history": progress.history,
        "best_epoch": progress.best_epoch,
        "groups": [
            {name: value for name, value in group.items() if name != "params"}
            for group in progress.optimizer.param_groups
        ],
        "scheduler": progress.scheduler.state_dict() if progress.scheduler is not None else None,
    }


def _recipe(config: RunConfig) -> str:
    return config_hash(config_to_json(config))


def _apply(progress: Progress, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    progress.model.load_state_dict(part("model."))
    saved: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in part("optimizer.").items():
        index, key = name.split(".", 1)
        saved.setdefault(int(index), {})[key] = tensor
    params = [group["params"] for group in progress.optimizer.state_dict()["param_groups"]]
    groups = [{**group, "params": indices} for group, indices in zip(state["groups"], params, strict=True)]
    progress.optimizer.load_state_dict({"state": saved, "param_groups": groups})
    if progress.scheduler is not None:
        progress.scheduler.load_state_dict(state["scheduler"])
    progress.best = part("best.") or None
    progress.best_epoch = state["best_epoch"]
    progress.history = state["history"]
    torch.set_rng_state(tensors["random.torch"])
    if (gpu := _gpu_of(progress.model)) is not None and "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"], gpu)
    progress.generator.set_state(tensors["random.batches"])


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*-*.safetensors"), reverse=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut; Windows has no such thing."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
