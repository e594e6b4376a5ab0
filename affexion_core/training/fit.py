"""The training loop: one readable pass from features to weights, the same numbers for the same seed."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affexion_core.discovery import load_plugin
from affexion_core.errors import TrainingError
from affexion_core.training.adaptation import (
    Aligned,
    PriorCorrected,
    aligned,
    correct_priors,
    remeasure_batchnorm,
)
from affexion_core.training.adaptation_check import check_adaptation
from affexion_core.training.batch_changes import masked, mixed
from affexion_core.training.batches import (
    ClipFeatures,
    Normalisation,
    Prepared,
    RawFeatures,
    fit_normalisation,
    shuffled_batches,
)
from affexion_core.training.checkpoint import EpochRow, Progress, restore_checkpoint, save_checkpoint
from affexion_core.training.device import CPU, Device, at_work, on_device
from affexion_core.training.dimensions import FEWEST, check_recipe
from affexion_core.training.direct import fit_directly, fit_values_directly, fits_directly
from affexion_core.training.forward import outputs_of
from affexion_core.training.run_config import RunConfig, TrainingConfig
from affexion_core.training.sampling import balanced_order, kept_by_truncation
from affexion_core.training.targets import ccc_loss, label_mass, loss_mass, target_loss
from affexion_core.training.update import Update


@dataclass(frozen=True)
class Examples:
    """Features of clips, the index of each one's label, and float32 ``(n_clips, n_labels)`` shares of votes, if any.

    ``values`` float32 ``(n_clips, n_dimensions)`` in [-1, 1] are the numbers to learn, NaN where a clip has none; None
    where labels alone are learned.
    """

    features: Sequence[RawFeatures]
    targets: Sequence[int]
    shares: np.ndarray | None = None
    values: np.ndarray | None = None

    def n_labels(self, n_outputs: int) -> int:
        """Say how many of a model's outputs are labels; the others are dimensions."""
        return n_outputs - (0 if self.values is None else self.values.shape[1])


def chosen_rows(examples: Examples, rows: Sequence[int]) -> Examples:
    """Give some of the clips."""
    shares = None if examples.shares is None else examples.shares[list(rows)]
    values = None if examples.values is None else examples.values[list(rows)]
    return Examples([examples.features[row] for row in rows], [examples.targets[row] for row in rows], shares, values)


@dataclass(frozen=True)
class Fitted:
    """A trained network with the normalisation it was trained under, and what happened epoch by epoch."""

    model: torch.nn.Module
    normalisation: Normalisation
    history: tuple[EpochRow, ...]


def build_model(
    config: RunConfig, n_features: tuple[int, ...], n_outputs: int, architecture: str | None = None
) -> torch.nn.Module:
    """Make the untrained network of a recipe.

    ``architecture`` is what a model that holds an encoder tells of it in its attribute of that name. With it the model
    is built for weights to come, without it the encoder is loaded from where the recipe says.
    """
    make = load_plugin("models", config.model).Model
    more = () if architecture is None else (architecture,)
    model = make(config.model_config, n_features, n_outputs, *more)
    return PriorCorrected(model, n_outputs) if config.adaptation.method == "prior" else model


def fit(
    train: Examples,
    n_outputs: int,
    config: RunConfig,
    dev: Examples | None = None,
    on_epoch: Callable[[EpochRow], None] = lambda row: None,
    checkpoints: Path | None = None,
    on_resume: Callable[[Sequence[EpochRow]], None] = lambda rows: None,
    device: Device = CPU,
    target: Sequence[RawFeatures] = (),
) -> Fitted:
    """Train a network, or fit it in one step where its plug-in can (see `training.direct`).

    Parameters
    ----------
    train, dev
        Raw features; normalisation statistics and class weights come from ``train`` alone. Where there are shares of
        votes they are what is learned; accuracies are by label all the same. Outputs behind those of the labels are
        the dimensions.
    on_epoch
        Called after each epoch with its row: ``epoch`` (from 1), ``train_loss`` (mean over clips),
        ``train_loss_sum`` (sum of the batch means, as the paper logs it), ``train_accuracy``, ``learning_rate``,
        ``seconds``, and with a dev part ``dev_loss``, ``dev_accuracy``, ``dev_uar``, ``dev_ccc`` (mean over the
        dimensions). Accuracies stand where labels are learned, the CCC where dimensions are. A model that is fitted in
        one step has one row, without a learning rate.
    checkpoints
        Folder for a checkpoint after each epoch. Where one of the same recipe lies there, training goes on from it
        and ends with the same numbers as if it had never stopped; ``on_resume`` first gets the rows so far. It may
        have been written on another device.
    device
        Where to compute. The untrained weights and the order of the batches are the same on each. A model fitted in
        one step is fitted on the CPU.
    target
        Raw features of the unlabelled clips to adapt to, where the recipe asks for that.

    Raises
    ------
    TrainingError
        If the loss stops being a number, a setting needs a dev part and there is none, or a GPU's memory is full.
    """
    if dev is None and config.training.early_stopping and not fits_directly(config.model):
        raise TrainingError(
            "early_stopping needs a dev part; set dev_fraction to 0.15, for example.", change=("settings",)
        )
    check_adaptation(config, bool(target))
    check_recipe(config)
    if config.training.sampling == "truncated":
        train = chosen_rows(train, kept_by_truncation(train.targets, config.seed))
    if fits_directly(config.model):
        with at_work(CPU):
            return _fit_directly(train, n_outputs, config, dev, on_epoch, target)
    with at_work(device):
        return _fit(train, n_outputs, config, dev, on_epoch, checkpoints, on_resume, device, target)


def _fit(
    train: Examples,
    n_outputs: int,
    config: RunConfig,
    dev: Examples | None,
    on_epoch: Callable[[EpochRow], None],
    checkpoints: Path | None,
    on_resume: Callable[[Sequence[EpochRow]], None],
    device: Device,
    target: Sequence[RawFeatures],
) -> Fitted:
    settings = config.training
    torch.manual_seed(config.seed)
    normalisation = fit_normalisation(train.features, config.inputs)
    clips = Prepared(train.features, config.inputs, normalisation)
    dev_clips = Prepared(dev.features if dev else [], config.inputs, normalisation)
    model = build_model(config, tuple(f.shape[1] for f in clips[0]), n_outputs).to(device.name)
    aligning = aligned(model, config, Prepared(target, config.inputs, normalisation))
    progress = _fresh_progress(aligning or model, config)
    weights = _class_weights(train, n_outputs, settings)
    if checkpoints and restore_checkpoint(checkpoints, config, progress):
        on_resume(progress.history)

    while len(progress.history) < settings.epochs and not _patience_is_over(progress, settings):
        began = time.perf_counter()
        row: EpochRow = {
            "epoch": len(progress.history) + 1,
            "learning_rate": progress.optimizer.param_groups[0]["lr"],
            **_train_epoch(progress, clips, train, n_outputs, config, weights, device),
        }
        if dev is not None:
            row |= _figures(model, dev_clips, dev, settings, weights, "dev")
        _advance(progress.scheduler, row)
        row["seconds"] = round(time.perf_counter() - began, 3)
        _note_epoch(progress, row, settings)
        if checkpoints:
            save_checkpoint(checkpoints, config, progress)
        on_epoch(row)
    if progress.best is not None:
        progress.model.load_state_dict(progress.best)
    return _adapted(Fitted(model, normalisation, tuple(progress.history)), train, n_outputs, config, target)


def _adapted(
    fitted: Fitted, train: Examples, n_outputs: int, config: RunConfig, target: Sequence[RawFeatures]
) -> Fitted:
    """Adapt what is trained to the target clips, by the methods that come after training."""
    method = config.adaptation.method
    if method == "statistics":
        fitted = replace(fitted, normalisation=fit_normalisation(target, config.inputs))
    clips = Prepared(target, config.inputs, fitted.normalisation)
    if method == "batchnorm":
        remeasure_batchnorm(fitted.model, clips)
    if isinstance(fitted.model, PriorCorrected):
        mass = label_mass(train.targets, train.shares, n_outputs)
        if config.training.class_weights == "balanced" or config.training.sampling != "none":
            mass = (mass > 0).astype(np.float64)  # what the model learned is as if labels were alike frequent
        correct_priors(fitted.model, clips, mass / mass.sum(), config.adaptation.strength)
    fitted.model.eval()
    return fitted


def _fit_directly(
    train: Examples,
    n_outputs: int,
    config: RunConfig,
    dev: Examples | None,
    on_epoch: Callable[[EpochRow], None],
    target: Sequence[RawFeatures],
) -> Fitted:
    began = time.perf_counter()
    torch.manual_seed(config.seed)
    normalisation = fit_normalisation(train.features, config.inputs)
    clips = Prepared(train.features, config.inputs, normalisation)
    model = build_model(config, tuple(f.shape[1] for f in clips[0]), n_outputs)
    weights = _class_weights(train, n_outputs, config.training)
    if weights is None and config.training.sampling == "balanced" and train.n_labels(n_outputs):
        weights = balanced_weights(train, train.n_labels(n_outputs))  # nothing is drawn: they do what draws would
    network = getattr(model, "model", model)
    if train.n_labels(n_outputs):
        fit_directly(network, clips, train.targets, train.shares, weights, config)
    if train.values is not None:
        fit_values_directly(network, clips, train.values, config)
    row: EpochRow = {"epoch": 1, **_figures(model, clips, train, config.training, weights, "train")}
    if dev is not None:
        dev_clips = Prepared(dev.features, config.inputs, normalisation)
        row |= _figures(model, dev_clips, dev, config.training, weights, "dev")
    row["seconds"] = round(time.perf_counter() - began, 3)
    on_epoch(row)
    return _adapted(Fitted(model, normalisation, (row,)), train, n_outputs, config, target)


def _fresh_progress(model: torch.nn.Module, config: RunConfig) -> Progress:
    settings = config.training
    optimizer = torch.optim.Adam(
        _learning(model, settings), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    generator = torch.Generator().manual_seed(config.seed)
    return Progress(model, optimizer, _scheduler(optimizer, settings), generator)


def _learning(model: torch.nn.Module, settings: TrainingConfig) -> Any:
    """Choose the parameters that learn; a model may name them itself, in groups with rates of their own."""
    groups = getattr(model, "parameter_groups", None)
    return model.parameters() if groups is None else groups(settings.learning_rate)


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
    train: Examples,
    n_outputs: int,
    config: RunConfig,
    weights: torch.Tensor | None,
    device: Device,
) -> EpochRow:
    model, optimizer, generator, settings = progress.model, progress.optimizer, progress.generator, config.training
    weights = None if weights is None else weights.to(device.name)
    model.train()
    loss_sum, loss_by_clip, right, n_labels = 0.0, 0.0, 0, train.n_labels(n_outputs)
    order = balanced_order(train.targets, generator) if settings.sampling == "balanced" else None
    update = Update(optimizer, settings.accumulate)
    for batch in shuffled_batches(clips, train.targets, settings.batch_size, generator, order):
        shares = None if train.shares is None else train.shares[list(batch.rows)]
        values = None if train.values is None else train.values[list(batch.rows)]
        batch = masked(batch, settings, generator)
        if settings.mixup:
            batch, shares = mixed(batch, shares, n_outputs, settings.mixup, generator)
        n = len(batch.rows)
        if isinstance(model, Aligned):
            batch = model.joined(batch, generator)
        batch = on_device(batch, device.name)
        result = model(batch.inputs, batch.lengths)
        outputs = result.outputs[:n]
        loss = target_loss(outputs, batch.targets, shares, values, weights, settings)
        if not torch.isfinite(loss):
            raise TrainingError("The training loss is no longer a number; try a smaller learning_rate.")
        if isinstance(model, Aligned):
            done = len(progress.history) / settings.epochs
            apart = model.loss(result.embedding[:n], result.embedding[n:], config.adaptation.strength, done)
            update.learn(loss + apart, loss_mass(batch.targets, shares, weights))
        else:
            update.learn(loss, loss_mass(batch.targets, shares, weights))
        loss_sum += loss.item()
        loss_by_clip += loss.item() * n
        right += int((outputs[:, :n_labels].argmax(1) == batch.targets).sum()) if n_labels else 0
    update.finish()
    row: EpochRow = {"train_loss": loss_by_clip / len(clips), "train_loss_sum": loss_sum}
    return row | ({"train_accuracy": right / len(clips)} if n_labels else {})


def _figures(
    model: torch.nn.Module,
    clips: Sequence[ClipFeatures],
    examples: Examples,
    settings: TrainingConfig,
    weights: torch.Tensor | None,
    part: str,
) -> EpochRow:
    outputs = torch.from_numpy(outputs_of(model, clips)[0])
    reference, n_labels = torch.tensor(list(examples.targets)), examples.n_labels(outputs.shape[1])
    loss = target_loss(outputs, reference, examples.shares, examples.values, weights, settings)
    row: EpochRow = {f"{part}_loss": loss.item()}
    if n_labels:
        right = (outputs[:, :n_labels].argmax(1) == reference).float()
        recalls = [right[reference == k].mean().item() for k in range(n_labels) if (reference == k).any()]
        row |= {f"{part}_accuracy": right.mean().item(), f"{part}_uar": float(np.mean(recalls))}
    if examples.values is not None and np.isfinite(examples.values).sum(axis=0).min() >= FEWEST:
        row[f"{part}_ccc"] = 1 - ccc_loss(outputs[:, n_labels:], torch.from_numpy(examples.values)).item()
    return row


def _class_weights(train: Examples, n_outputs: int, settings: TrainingConfig) -> torch.Tensor | None:
    n_labels = train.n_labels(n_outputs)
    return None if settings.class_weights == "none" or not n_labels else balanced_weights(train, n_labels)


def balanced_weights(train: Examples, n_outputs: int) -> torch.Tensor:
    """Weigh each label by the inverse of its share, float32 ``(n_outputs,)``; 0 for a label without clips."""
    counts = label_mass(train.targets, train.shares, n_outputs)
    present = counts > 0
    weights = np.where(present, len(train.targets) / (present.sum() * np.maximum(counts, 1)), 0.0)
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
