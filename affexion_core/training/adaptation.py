"""Bring a model closer to clips that have no labels, such as real ones for a model trained on synthetic speech.

- ``coral``: the second moments of both domains' embeddings are pulled together (B. Sun, K. Saenko: Deep CORAL, ECCV
  Workshops 2016).
- ``dann``: a classifier tells the domains apart from the embedding, and the reversed gradient teaches the model to
  give it nothing to go by (Y. Ganin et al.: Domain-adversarial training of neural networks, JMLR 17, 2016).
- ``batchnorm``: after training, mean and variance of batch norm are measured anew on the target clips (Y. Li et al.:
  Revisiting batch normalization for practical domain adaptation, 2016).
- ``statistics``: the same for the z-scores of the features, so for every model.
- ``prior``: the labels' shares among the target clips are estimated from the model's own probabilities, which are
  corrected for them (M. Saerens, P. Latinne, C. Decaestecker: Adjusting the outputs of a classifier to new a priori
  probabilities, Neural Computation 14, 2002).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from affexion_core.errors import ConfigError
from affexion_core.models._output import ModelOutput
from affexion_core.training.adaptation_check import check_adaptation as check_adaptation
from affexion_core.training.batches import Batch, ClipFeatures, collate, ordered_batches
from affexion_core.training.device import on_device
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.run_config import RunConfig

_HIDDEN = 64  # of the classifier that tells domains apart


class Aligned(nn.Module):
    """A model in training with the classifier that tells domains apart, where the method has one."""

    def __init__(self, model: nn.Module, domains: nn.Module | None, target: Sequence[ClipFeatures]) -> None:
        super().__init__()
        self.model, self.domains, self._target = model, domains, target

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Run the model alone."""
        return self.model(inputs, lengths)

    def joined(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Put as many target clips, drawn, below the clips of a batch; its targets and rows stay those of its clips.

        They go through the model together: apart, batch norm would make the domains alike in training alone.
        """
        n = len(batch.rows)
        rows = torch.randint(len(self._target), (n,), generator=generator).tolist()
        other = collate([self._target[row] for row in rows], [0] * n, rows)
        inputs = []
        for mine, theirs in zip(batch.inputs, other.inputs, strict=True):
            n_frames = max(mine.shape[1], theirs.shape[1])
            padded = [nn.functional.pad(x, (0, 0, 0, n_frames - x.shape[1])) for x in (mine, theirs)]
            inputs.append(torch.cat(padded))
        lengths = tuple(torch.cat(pair) for pair in zip(batch.lengths, other.lengths, strict=True))
        return replace(batch, inputs=tuple(inputs), lengths=lengths)

    def loss(self, source: Tensor, target: Tensor, strength: float, share_done: float) -> Tensor:
        """Say how far embeddings ``(n, E)`` of the two domains are from each other.

        The distance counts ``strength`` times. Of the classifier only the reversed gradient does, which also grows
        with ``share_done``, 0 to 1, of the training (Ganin et al.); the classifier itself learns at full strength.
        """
        if self.domains is None:
            return strength * coral_distance(source, target)
        factor = strength * (2 / (1 + math.exp(-10 * share_done)) - 1)
        logits = self.domains(_Reversed.apply(torch.cat([source, target]), factor))[:, 0]
        wanted = torch.cat([torch.zeros(len(source)), torch.ones(len(target))]).to(logits.device)
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted)


def aligned(model: nn.Module, config: RunConfig, target: Sequence[ClipFeatures]) -> Aligned | None:
    """Wrap a model for training by ``coral`` or ``dann``; None for other methods.

    Raises
    ------
    ConfigError
        If the model has no embedding.
    """
    method = config.adaptation.method
    if method not in ("coral", "dann"):
        return None
    device = next(model.parameters()).device
    one = on_device(collate(target[:1], [0], [0]), str(device))
    model.eval()
    with torch.no_grad():
        embedding = model(one.inputs, one.lengths).embedding
    if embedding is None:
        raise ConfigError(
            f"Model {config.model!r} has no embedding to align; choose adaptation by statistics or prior, "
            "or another model.",
            change=("settings",),
        )
    if method == "coral":
        return Aligned(model, None, target)
    width = embedding.shape[1]
    return Aligned(model, nn.Sequential(nn.Linear(width, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1)).to(device), target)


def coral_distance(source: Tensor, target: Tensor) -> Tensor:
    """Squared distance of the covariances of ``(n, E)`` and ``(m, E)``, over 4 E²; 0 where one has a single row."""
    if len(source) < 2 or len(target) < 2:
        return source.sum() * 0
    return (torch.cov(source.T) - torch.cov(target.T)).square().sum() / (4 * source.shape[1] ** 2)


class _Reversed(torch.autograd.Function):
    """The identity, whose gradient points the other way."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.factor * gradient, None


class PriorCorrected(nn.Module):
    """A model whose logits are moved by ``shift`` ``(n_outputs,)``, so that other shares of labels are expected."""

    shift: Tensor

    def __init__(self, model: nn.Module, n_outputs: int) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("shift", torch.zeros(n_outputs))
        if hasattr(model, "attention_rows"):
            self.attention_rows = model.attention_rows

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Run the model and move its logits."""
        result: ModelOutput = self.model(inputs, lengths)
        return result._replace(outputs=result.outputs + self.shift)


def correct_priors(model: PriorCorrected, target: Sequence[ClipFeatures], trained: np.ndarray, strength: float) -> None:
    """Estimate the labels' shares among target clips and move the logits by them, ``strength`` times."""
    shares = estimate_priors(softmax(outputs_of(model, target)[0]), trained)
    shift = np.where(trained > 0, np.log(np.maximum(shares, 1e-6)) - np.log(np.maximum(trained, 1e-6)), 0.0)
    model.shift.copy_(torch.from_numpy(strength * shift))


def estimate_priors(probs: np.ndarray, trained: np.ndarray, n_steps: int = 1000) -> np.ndarray:
    """Estimate the shares of labels ``(k,)`` behind probabilities ``(n, k)`` by expectation and maximisation.

    Parameters
    ----------
    probs
        What a classifier says that was trained where labels had the shares ``trained`` ``(k,)``, which sum to 1.
    """
    shares = np.where(trained > 0, trained, 0.0)
    for _ in range(n_steps):
        weighed = probs * np.divide(shares, trained, out=np.zeros_like(shares), where=trained > 0)
        after = (weighed / np.maximum(weighed.sum(axis=1, keepdims=True), 1e-300)).mean(axis=0)
        if np.abs(after - shares).max() < 1e-8:
            break
        shares = after
    return shares


def remeasure_batchnorm(model: nn.Module, clips: Sequence[ClipFeatures]) -> None:
    """Put mean and variance of the clips into each batch norm, the first layers first; exact over all valid frames.

    Raises
    ------
    ConfigError
        If the model has no batch norm.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    if not norms:
        raise ConfigError(
            "This model has no batch norm to measure anew; choose adaptation by statistics or prior.",
            change=("settings",),
        )
    for norm in norms:
        sums: list[Tensor] = []
        handle = norm.register_forward_pre_hook(lambda _, args, kept=sums: kept.append(_moments(*args)))
        device = str(next(model.parameters()).device)
        model.eval()
        with torch.no_grad():
            for batch in ordered_batches(clips, 16):
                moved = on_device(batch, device)
                model(moved.inputs, moved.lengths)
        handle.remove()
        n, total, squares = torch.stack(sums).sum(dim=0)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(total / n)
        norm.running_var.copy_((squares / n - (total / n).square()).clamp(min=0) * n / (n - 1).clamp(min=1))


def _moments(values: Tensor, mask: Tensor | None = None) -> Tensor:
    """Count, sum and sum of squares by channel of ``(B, C, …)``, valid where ``mask`` ``(B, T)`` says; ``(3, C)``."""
    values = values.detach().double()
    valid = torch.ones_like(values[:, :1])
    if mask is not None:
        valid = valid * mask.reshape(len(mask), *[1] * (values.ndim - 2), mask.shape[1]).to(values.dtype)
    valid = valid.expand_as(values)
    dims = [d for d in range(values.ndim) if d != 1]
    values = values.masked_fill(valid == 0, 0.0)
    return torch.stack([valid.sum(dims), values.sum(dims), values.square().sum(dims)])
