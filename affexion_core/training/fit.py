"""The training loop: one readable pass from features to weights, the same numbers for the same seed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from affexion_core.discovery import load_plugin
from affexion_core.errors import TrainingError
from affexion_core.training.batches import (
    ClipFeatures,
    Normalisation,
    fit_normalisation,
    prepare,
    shuffled_batches,
)
from affexion_core.training.checkpoint import EpochRow, Progress, restore_checkpoint, save_checkpoint
from affexion_core.training.forward import outputs_of
from affexion_core.training.run_config import RunConfig, TrainingConfig


@dataclass(frozen=True)
class Examples:
    """Features of clips and the index of each one's label."""

    features: Sequence[ClipFeatures]
    targets: Sequence[int]


@dataclass(frozen=True)
class Fitted:
    """A trained network with the normalisation it was trained under, and what happened epoch by epoch."""

    model: torch.nn.Module
    normalisation: Normalisation
    history: tuple[EpochRow, ...]


def build_model(config: RunConfig, n_features: tuple[int, ...], n_outputs: int) -> torch.nn.Module:
    """Make the untrained network of a recipe."""
    return load_plugin("models", config.model).Model(config.model_config, n_features, n_outputs)


def fit(
    train: Examples,
    n_outputs: int,
    config: RunConfig,
    dev: Examples | None = None,
    on_epoch: Callable[[EpochRow], None] = lambda row: None,
    checkpoints: Path | None = None,
    on_resume: Callable[[Sequence[EpochRow]], None] = lambda rows: None,
) -> Fitted:
    """Train a network.

    Parameters
    ----------
    train, dev
        Raw features; normalisation statistics and class weights come from ``train`` alone.
    on_epoch
        Called after each epoch with its row: ``epoch`` (from 1), ``train_loss`` (mean over clips),
        ``train_loss_sum`` (sum of the batch means, as the paper logs it), ``train_accuracy``, ``learning_rate``,
        ``seconds``, and with a dev part ``dev_loss``, ``dev_accuracy``, ``dev_uar``.
    checkpoints
        Folder for a checkpoint after each epoch. Where one of the same recipe lies there, training goes on from it
        and ends with the same numbers as if it had never stopped; ``on_resume`` first gets the rows so far.

    Raises
    ------
    TrainingError
        If the loss stops being a number, or a setting needs a dev part and there is none.
    """
    settings = config.training
    if dev is None and settings.early_stopping:
        raise TrainingError("early_stopping needs a dev part; set dev_fraction, e.g. --set dev_fraction=0.15.")
    torch.manual_seed(config.seed)
    normalisation = fit_normalisation(train.features, config.inputs)
    clips = [prepare(clip, config.inputs, normalisation) for clip in train.features]
    dev_clips = [prepare(clip, config.inputs, normalisation) for clip in dev.features] if dev else []
    model = build_model(config, tuple(f.shape[1] for f in clips[0]), n_outputs)
    progress = _fresh_progress(model, config)
    weights = _class_weights(train.targets, n_outputs, settings)
    if checkpoints and restore_checkpoint(checkpoints, config, progress):
        on_resume(progress.history)

    while len(progress.history) < settings.epochs and not _patience_is_over(progress, settings):
        began = time.perf_counter()
        row: EpochRow = {
            "epoch": len(progress.history) + 1,
            "learning_rate": progress.optimizer.param_groups[0]["lr"],
            **_train_epoch(progress, clips, train.targets, settings.batch_size, weights),
        }
        if dev is not None:
            row |= _dev_figures(model, dev_clips, dev.targets, n_outputs, weights)
        _advance(progress.scheduler, row)
        row["seconds"] = round(time.perf_counter() - began, 3)
        _note_epoch(progress, row, settings)
        if checkpoints:
            save_checkpoint(checkpoints, config, progress)
        on_epoch(row)
    if progress.best is not None:
        model.load_state_dict(progress.best)
    model.eval()
    return Fitted(model, normalisation, tuple(progress.history))


def _fresh_progress(model: torch.nn.Module, config: RunConfig) -> Progress:
    settings = config.training
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    generator = torch.Generator().manual_seed(config.seed)
    return Progress(model, optimizer, _scheduler(optimizer, settings), generator)


def _note_epoch(progress: Progress, row: EpochRow, settings: TrainingConfig) -> None:
    """Add an epoch to the history; keep its weights if early stopping finds them the best so far."""
    best_loss = progress.history[progress.best_epoch - 1]["dev_loss"] if progress.best_epoch else math.inf
    progress.history.append(row)
    if settings.early_stopping and row["dev_loss"] < best_loss:
        progress.best = copy.deepcopy(progress.model.state_dict())
        progress.best_epoch = len(progress.history)


def _patience_is_over(progress: Progress, settings: TrainingConfig) -> bool:
    waited = len(progress.history) - progress.best_epoch
    return bool(settings.early_stopping) and waited >= settings.early_stopping


def _train_epoch(
    progress: Progress,
    clips: Sequence[ClipFeatures],
    targets: Sequence[int],
    batch_size: int,
    weights: torch.Tensor | None,
) -> EpochRow:
    model, optimizer = progress.model, progress.optimizer
    model.train()
    loss_sum, loss_by_clip, right = 0.0, 0.0, 0
    for batch in shuffled_batches(clips, targets, batch_size, progress.generator):
        optimizer.zero_grad(set_to_none=True)
        outputs = model(batch.inputs, batch.lengths).outputs
        loss = F.cross_entropy(outputs, batch.targets, weight=weights)
        if not torch.isfinite(loss):
            raise TrainingError("The training loss is no longer a number; try a smaller learning_rate.")
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
        loss_by_clip += loss.item() * len(batch.rows)
        right += int((outputs.argmax(1) == batch.targets).sum())
    return {"train_loss": loss_by_clip / len(clips), "train_loss_sum": loss_sum, "train_accuracy": right / len(clips)}


def _dev_figures(
    model: torch.nn.Module,
    clips: Sequence[ClipFeatures],
    targets: Sequence[int],
    n_outputs: int,
    weights: torch.Tensor | None,
) -> EpochRow:
    logits = torch.from_numpy(outputs_of(model, clips)[0])
    reference = torch.tensor(list(targets))
    right = (logits.argmax(1) == reference).float()
    recalls = [right[reference == k].mean().item() for k in range(n_outputs) if (reference == k).any()]
    return {
        "dev_loss": F.cross_entropy(logits, reference, weight=weights).item(),
        "dev_accuracy": right.mean().item(),
        "dev_uar": float(np.mean(recalls)),
    }


def _class_weights(targets: Sequence[int], n_outputs: int, settings: TrainingConfig) -> torch.Tensor | None:
    if settings.class_weights == "none":
        return None
    counts = np.bincount(targets, minlength=n_outputs)
    present = counts > 0
    weights = np.where(present, len(targets) / (present.sum() * np.maximum(counts, 1)), 0.0)
    return torch.tensor(weights, dtype=torch.float32)


def _scheduler(optimizer: torch.optim.Optimizer, settings: TrainingConfig) -> Any:
    if settings.schedule == "step":
        return torch.optim.lr_scheduler.StepLR(optimizer, settings.step_size, settings.gamma)
    if settings.schedule == "plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=settings.gamma, patience=settings.step_size)
    return None


def _advance(scheduler: Any, row: EpochRow) -> None:
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        scheduler.step(row.get("dev_loss", row["train_loss"]))
    elif scheduler is not None:
        scheduler.step()
