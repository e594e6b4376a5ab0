"""What models fitted in one step by scikit-learn share: clips as rows of figures, labels or votes as weighted rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from affexion_core.models._masking import masked_mean, valid_frames

Pooling = Literal["mean", "mean_std"]

_VARIANCE_FLOOR = 1e-8  # keeps the root's slope finite where a feature stands still
# The score of a label that no training clip has: below all that is ever met.
ABSENT = -20.0


class Pool(nn.Module):
    """Mean (and standard deviation) of each feature over a clip's frames, z-scored by those of the training clips.

    What does not vary over the training clips becomes 0. Several inputs stand side by side.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_features: tuple[int, ...], pooling: Pooling) -> None:
        super().__init__()
        self.with_deviation = pooling == "mean_std"
        self.size = sum(n_features) * (2 if self.with_deviation else 1)
        self.register_buffer("mean", torch.zeros(self.size))
        self.register_buffer("scale", torch.ones(self.size))

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> Tensor:
        """Turn tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end, into ``(B, size)``."""
        return (self.pooled(inputs, lengths) - self.mean) * self.scale

    def pooled(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> Tensor:
        """Pool without z-scoring."""
        parts = []
        for frames, n_valid in zip(inputs, lengths, strict=True):
            mask = valid_frames(frames, n_valid)
            frames = frames.masked_fill(~mask[..., None], 0.0)  # padding may hold anything, NaN included
            mean = masked_mean(frames, mask)
            parts.append(mean)
            if self.with_deviation:
                variance = masked_mean((frames - mean[:, None]).square(), mask)
                parts.append((variance + _VARIANCE_FLOOR).sqrt())
        return torch.cat(parts, dim=1)

    def fit(self, clips: Sequence[tuple[np.ndarray, ...]]) -> np.ndarray:
        """Learn mean and scale from the training clips; returns their rows, float64 ``(n_clips, size)``."""
        rows = torch.cat([self._of_clip(clip) for clip in clips])
        deviation = rows.double().std(dim=0, correction=0)
        still = deviation <= 1e-6 * rows.double().abs().amax(dim=0).clamp(min=1e-3)
        self.mean.copy_(rows.double().mean(dim=0))
        self.scale.copy_(torch.where(still, torch.zeros_like(deviation), 1 / deviation.clamp(min=1e-12)))
        return ((rows - self.mean) * self.scale).double().numpy()

    def _of_clip(self, clip: tuple[np.ndarray, ...]) -> Tensor:
        inputs = tuple(torch.from_numpy(np.asarray(frames))[None] for frames in clip)
        return self.pooled(inputs, tuple(torch.tensor([frames.shape[1]]) for frames in inputs))


class Rows(NamedTuple):
    """Examples for scikit-learn: ``clips`` and ``labels`` int ``(n,)``, ``weights`` float64 ``(n,)`` of mean 1."""

    clips: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def weighted_rows(targets: np.ndarray, sample_weights: np.ndarray | None) -> Rows:
    """Write labels ``(n,)``, or shares of votes ``(n, k)``, as rows with one label each.

    A clip whose votes are split stands there once for each label voted for, by its share.
    """
    given = np.ones(len(targets)) if sample_weights is None else np.asarray(sample_weights, dtype=np.float64)
    if targets.ndim == 1:
        clips, labels, weights = np.arange(len(targets)), targets.astype(int), given
    else:
        clips, labels = np.nonzero(targets)
        weights = given[clips] * targets[clips, labels]
    used = weights > 0
    return Rows(clips[used], labels[used], weights[used] / weights[used].mean())
