"""Convolutions over time and frequency, a BiLSTM and attention: a speech emotion network on log-mel spectrograms.

Source: a student project on TESS (CMPT 419, Simon Fraser University, 2025), section 5. What it leaves open:

- It gives no sizes; four blocks of 16 to 64 channels are used here, small enough for a CPU.
- It names no activation; ReLU stands between convolution and pooling.
- It fills clips up to a fixed length and lets the network see that. Here padding never changes an output.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.models._masking import MaskedBatchNorm1d, masked_mean, only_input, valid_frames, weighted_sum
from affexion_core.models._output import ModelOutput
from affexion_core.models._recurrent import BiLSTM


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"kernel size {size} must be odd, so that a frame stays in the middle of its window")
    return size


Channels = Annotated[int, Field(ge=1, le=512)]
KernelSize = Annotated[int, Field(ge=1, le=31), AfterValidator(_odd)]


@config_class
class Config:
    """Size of the network and how much of it is dropped in training."""

    channels: Annotated[
        tuple[Channels, ...], Field(min_length=1, max_length=8, description="Channels of each block of convolutions")
    ] = (16, 32, 64, 64)
    kernel_sizes: Annotated[
        tuple[KernelSize, ...],
        Field(
            min_length=1,
            max_length=8,
            description="Frames and bands that each block's convolution sees; odd, small ones first",
        ),
    ] = (3, 3, 5, 5)
    time_pools: Annotated[
        int, Field(ge=0, le=8, description="Blocks that halve the frames; the others halve the bands alone")
    ] = 2
    conv_dropout: Annotated[
        float, Field(ge=0.0, le=0.9, description="Share of each block's channels dropped in training")
    ] = 0.2
    hidden: Annotated[int, Field(ge=1, le=1024, description="Hidden size of the LSTM in each direction")] = 64
    lstm_layers: Annotated[int, Field(ge=1, le=8, description="Stacked bidirectional LSTM layers")] = 2
    attention: Annotated[
        bool, Field(description="Weigh the LSTM's states by attention; without it, they are averaged alike")
    ] = True
    dense: Annotated[int, Field(ge=1, le=4096, description="Size of the dense layer before the outputs")] = 64
    dropout: Annotated[float, Field(ge=0.0, le=0.9, description="Share of the dense layer dropped in training")] = 0.3

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.kernel_sizes):
            raise ConfigError(
                f"channels names {len(self.channels)} blocks, kernel_sizes {len(self.kernel_sizes)}; "
                "give one of each for every block."
            )


class Model(nn.Module):
    """Blocks of convolution, pooling, batch norm and dropout → BiLSTM → attention over its states → dense layers."""

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        n_bands, before = only_input(n_features, "crnn"), 1
        blocks = []
        for place, (channels, kernel) in enumerate(zip(config.channels, config.kernel_sizes, strict=True)):
            blocks.append(Block(before, channels, kernel, 2 if place < config.time_pools else 1, config.conv_dropout))
            before, n_bands = channels, -(-n_bands // 2)
        self.blocks = nn.ModuleList(blocks)
        self.stride = 2 ** min(config.time_pools, len(blocks))
        wide = 2 * config.hidden
        self.lstm = BiLSTM(before * n_bands, config.hidden, config.lstm_layers)
        self.attention = StateAttention(wide) if config.attention else None
        self.head = nn.Sequential(
            nn.Linear(wide, config.dense),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, n_outputs),
        )

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch.

        Parameters
        ----------
        inputs
            One float tensor ``(B, T, F)``; what it holds after a clip's length is ignored.
        lengths
            One int tensor ``(B,)`` of valid frames, 1 to T.

        Returns
        -------
        ModelOutput
            Its attention ``(B, T)`` is by frame of the input: the weight of a pooled state is shared evenly by the
            frames that it stands for.
        """
        (frames,), (n_valid,) = inputs, lengths
        mask = valid_frames(frames, n_valid)
        x, kept = frames.masked_fill(~mask[..., None], 0.0)[:, None], mask  # (B, 1, T, F)
        for block in self.blocks:
            x, kept = block(x, kept)
        states = x.permute(2, 0, 1, 3).flatten(2).contiguous()  # (T', B, C F')
        x = self.lstm(states, kept.sum(dim=1)).transpose(0, 1)  # (B, T', 2 hidden)
        if self.attention is None:
            pooled = masked_mean(x, kept)
            return ModelOutput(self.head(pooled), None, pooled)
        weights = self.attention(x, kept)
        pooled = weighted_sum(x, weights)
        return ModelOutput(self.head(pooled), by_frame(weights, mask, self.stride), pooled)


class Block(nn.Module):
    """Convolution → ReLU → max pooling → batch norm → dropout, over the valid frames alone."""

    def __init__(self, n_before: int, n_channels: int, kernel: int, time_pool: int, dropout: float) -> None:
        super().__init__()
        self.time_pool = time_pool
        self.convolution = nn.Conv2d(n_before, n_channels, kernel, padding="same")
        self.norm = MaskedBatchNorm1d(n_channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Go from ``x`` ``(B, C, T, F)``, zero where ``mask`` ``(B, T)`` is not set, to its halves, likewise."""
        x = F.relu(self.convolution(x))
        # what lies beyond a clip's end loses against anything, as all that is valid is 0 or more
        x = x.masked_fill(~mask[:, None, :, None], -1.0)
        x = F.max_pool2d(x, (self.time_pool, 2), ceil_mode=True)
        mask = F.max_pool1d(mask[:, None].float(), self.time_pool, ceil_mode=True)[:, 0] > 0
        flat, n_bands = x.flatten(2), x.shape[3]  # (B, C, T F)
        x = self.norm(flat, mask.repeat_interleave(n_bands, dim=1)).view_as(x)
        x = F.dropout2d(x, self.dropout.p, self.training)
        return x.masked_fill(~mask[:, None, :, None], 0.0), mask


class StateAttention(nn.Module):
    """Weights of states by what each holds and by what the whole sequence holds, its mean."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.state = nn.Linear(size, size)
        self.whole = nn.Linear(size, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Weigh ``states`` ``(B, T, size)``, valid where ``mask`` says: ``(B, T)``, each row summing to 1."""
        whole = self.whole(masked_mean(states, mask))[:, None]
        scores = self.score(torch.tanh(self.state(states) + whole))[..., 0]
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=1)


def by_frame(weights: Tensor, mask: Tensor, stride: int) -> Tensor:
    """Share the weights of pooled frames ``(B, T')`` among the valid frames ``(B, T)`` that each stands for."""
    n_pooled = weights.shape[1]
    valid = F.pad(mask.to(weights.dtype), (0, n_pooled * stride - mask.shape[1])).view(-1, n_pooled, stride)
    shared = valid * (weights / valid.sum(dim=2).clamp(min=1))[..., None]
    return shared.flatten(1)[:, : mask.shape[1]]
