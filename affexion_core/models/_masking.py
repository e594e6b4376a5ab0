"""Batches of clips of unequal length: everything here sees the valid frames alone, so that padding changes nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affexion_core.errors import ConfigError, ModelError


def only_input(n_features: tuple[int, ...], model: str) -> int:
    """Return the feature count of a model with one input; `ConfigError` where there is another number of inputs."""
    if len(n_features) != 1:
        raise ConfigError(f"Model {model!r} takes one front-end, not {len(n_features)}; choose one.")
    return n_features[0]


def valid_frames(frames: Tensor, lengths: Tensor) -> Tensor:
    """Mark the valid frames of a batch.

    Parameters
    ----------
    frames
        ``(B, T, F)``.
    lengths
        Valid frames of each clip, int ``(B,)``.

    Returns
    -------
    bool ``(B, T)``, on the device of ``frames``.

    Raises
    ------
    ModelError
        If a length is below 1 or above T: such a clip would come out as NaN.
    """
    n_frames = frames.shape[1]
    if int(lengths.min()) < 1 or int(lengths.max()) > n_frames:
        raise ModelError(
            f"Clip lengths run from {int(lengths.min())} to {int(lengths.max())} frames, but this batch "
            f"holds 1 to {n_frames}; leave out clips without frames."
        )
    return torch.arange(n_frames, device=frames.device) < lengths.to(frames.device)[:, None]


def masked_mean(frames: Tensor, mask: Tensor) -> Tensor:
    """Mean over the valid frames: ``(B, T, F)`` and bool ``(B, T)`` to ``(B, F)``."""
    weights = mask.to(frames.dtype)
    return weighted_sum(frames, weights / weights.sum(dim=1, keepdim=True))


def weighted_sum(frames: Tensor, weights: Tensor) -> Tensor:
    """Sum over time, each frame by its weight: ``(B, T, F)`` and ``(B, T)`` to ``(B, F)``."""
    return torch.bmm(weights[:, None], frames)[:, 0]


def reversal_index(lengths: Tensor, n_frames: int) -> Tensor:
    """Where each frame goes when every clip is turned round within its own length; padding stays where it is.

    Returns
    -------
    int64 ``(T * B,)``: rows of a time-first batch ``(T, B, …)`` flattened to ``(T * B, …)``. Applied twice, it gives
    the batch back.
    """
    time = torch.arange(n_frames, device=lengths.device)[:, None]
    source = torch.where(time < lengths, lengths - 1 - time, time)
    return (source * len(lengths) + torch.arange(len(lengths), device=lengths.device)).reshape(-1)


def reverse(frames: Tensor, index: Tensor) -> Tensor:
    """Turn every clip of a time-first batch ``(T, B, F)`` round, with the index of `reversal_index`."""
    return frames.flatten(0, 1).index_select(0, index).view_as(frames)


class MaskedBatchNorm1d(nn.BatchNorm1d):
    """Batch norm over ``(B, C, T)`` whose statistics come from the valid frames; otherwise as `torch.nn.BatchNorm1d`.

    Plain batch norm would pull mean and variance towards the padding, so that a clip's result hung on how long the
    other clips of its batch are. What comes out at padded frames means nothing.
    """

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise ``frames`` ``(B, C, T)`` by those that ``mask`` ``(B, T)`` marks."""
        if not self.training:
            return F.batch_norm(frames, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        valid = mask[:, None].to(frames.dtype)
        n = valid.sum()
        mean = (frames * valid).sum(dim=(0, 2)) / n
        centred = frames - mean[:, None]
        variance = (centred.square() * valid).sum(dim=(0, 2)) / n
        self._follow(mean.detach(), variance.detach(), n)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul(self.bias[:, None], centred, scale[:, None])

    def _follow(self, mean: Tensor, variance: Tensor, n: Tensor) -> None:
        """Move the running statistics as `torch.nn.BatchNorm1d` does: the variance there is the unbiased one."""
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * n / (n - 1).clamp(min=1), self.momentum)
