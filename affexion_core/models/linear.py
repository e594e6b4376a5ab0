"""The baseline: mean and standard deviation of each feature over a clip, then one linear layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affexion_core.config import config_class
from affexion_core.models._masking import masked_mean, valid_frames
from affexion_core.models._output import ModelOutput

_VARIANCE_FLOOR = 1e-8  # keeps the root's slope finite where a feature stands still


@config_class
class Config:
    """The baseline has no settings: what it reaches is the mark that a larger model has to beat."""


class Model(nn.Module):
    """Logistic regression on mean and standard deviation; several inputs stand side by side."""

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * sum(n_features), n_outputs)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end."""
        pooled = [_statistics(frames, n_valid) for frames, n_valid in zip(inputs, lengths, strict=True)]
        return ModelOutput(self.linear(torch.cat(pooled, dim=1)), None)


def _statistics(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mean and (biased) standard deviation over the valid frames: ``(B, T, F)`` to ``(B, 2 F)``."""
    mask = valid_frames(frames, lengths)
    frames = frames.masked_fill(~mask[..., None], 0.0)  # padding may hold anything, NaN included
    mean = masked_mean(frames, mask)
    variance = masked_mean((frames - mean[:, None]).square(), mask)
    return torch.cat([mean, (variance + _VARIANCE_FLOOR).sqrt()], dim=1)
