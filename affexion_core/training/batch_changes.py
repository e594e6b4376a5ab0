"""What is done to a training batch against overfitting: masks over time and features, and mixtures of two clips.

All is drawn on the CPU by the generator of the training, so that a resumed training draws the same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from affexion_core.training.batches import Batch
from affexion_core.training.run_config import TrainingConfig


def masked(batch: Batch, settings: TrainingConfig, generator: torch.Generator) -> Batch:
    """Set stretches of frames and bands of features to 0, the mean of normalised features; the same bands all along.

    Source: D. S. Park et al.: SpecAugment, Interspeech 2019, without its time warp. Widths are drawn evenly from 0 to
    the most that is set; no mask takes more than half of a clip, or of its features. Each front-end is masked alone.
    """
    if not settings.time_masks and not settings.feature_masks:
        return batch
    inputs = []
    for frames, lengths in zip(batch.inputs, batch.lengths, strict=True):
        n_clips, n_frames, n_features = frames.shape
        keep = torch.ones(frames.shape, dtype=torch.bool)
        for _ in range(settings.time_masks):
            most = torch.clamp(lengths // 2, max=settings.time_mask_frames)
            keep &= ~_stretches(most, lengths, n_frames, generator)[:, :, None]
        for _ in range(settings.feature_masks):
            most = torch.full((n_clips,), min(n_features // 2, settings.feature_mask_bands))
            keep &= ~_stretches(most, torch.full((n_clips,), n_features), n_features, generator)[:, None]
        inputs.append(frames.masked_fill(~keep, 0.0))
    return replace(batch, inputs=tuple(inputs))


def _stretches(most: torch.Tensor, sizes: torch.Tensor, n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw one stretch in each row, up to ``most`` wide and within ``sizes``; bool ``(B, n)``."""
    width = (torch.rand(len(sizes), generator=generator) * (most + 1)).long().clamp(max=n)
    start = (torch.rand(len(sizes), generator=generator) * (sizes - width + 1)).long()
    place = torch.arange(n)
    return (place >= start[:, None]) & (place < (start + width)[:, None])


def mixed(
    batch: Batch, shares: np.ndarray | None, n_outputs: int, alpha: float, generator: torch.Generator
) -> tuple[Batch, np.ndarray]:
    """Mix each clip with another of its batch, and what they are to be with it.

    Source: H. Zhang, M. Cisse, Y. Dauphin, D. Lopez-Paz: mixup, ICLR 2018. One weight a batch is drawn from
    Beta(alpha, alpha) and the larger part is taken as the clip's own, whose label the batch keeps. Where a clip is
    shorter than the other, the rest is the other alone with its weight.

    Returns
    -------
    Batch, float32 ``(B, n_outputs)``
        The mixed batch, and the shares of labels it is to be given.
    """
    draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    weight = float(draw.beta(alpha, alpha))
    weight = max(weight, 1 - weight)
    other = torch.randperm(len(batch.rows), generator=generator)
    inputs = tuple(weight * frames + (1 - weight) * frames[other] for frames in batch.inputs)
    lengths = tuple(torch.maximum(n, n[other]) for n in batch.lengths)
    own = np.eye(n_outputs, dtype=np.float32)[batch.targets.numpy()] if shares is None else shares
    wanted = np.float32(weight) * own + np.float32(1 - weight) * own[other.numpy()]
    return replace(batch, inputs=inputs, lengths=lengths), wanted
