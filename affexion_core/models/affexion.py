"""The network of the Affexion paper: multi-scale convolutions, a BiLSTM and self-attention over time.

Source: "Affexion" (CMPT 419, Simon Fraser University, 2025), section 2.1. What the paper leaves open:

- It names no activation after the convolutions, while it names ReLU for the dense layer; there is none here, unless
  ``conv_relu`` is set.
- It doesn't say how the attended frames are pooled; they are averaged over time.
- It doesn't give the size of the first dense layer; 128 here, as the LSTM's.
- It pads every clip to MAX_LEN and lets the network see the padding. Here padding never changes an output.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from affexion_core.config import config_class
from affexion_core.models._masking import MaskedBatchNorm1d, masked_mean, only_input, valid_frames, weighted_sum
from affexion_core.models._output import ModelOutput
from affexion_core.models._recurrent import BiLSTM


def _odd(size: int) -> int:
    if size % 2 == 0:
        raise ValueError(f"kernel size {size} must be odd, so that a frame stays in the middle of its window")
    return size


KernelSize = Annotated[int, Field(ge=1, le=31), AfterValidator(_odd)]


@config_class
class Config:
    """Size of the network and how much of it is dropped in training. Defaults are the paper's."""

    channels: Annotated[
        int,
        Field(
            ge=1,
            le=512,
            description="Channels of each convolution; the paper tried 64 and 128, and 64 did best.",
            json_schema_extra={"paper": 64},
        ),
    ] = 64
    kernel_sizes: Annotated[
        tuple[KernelSize, ...],
        Field(
            min_length=1,
            max_length=8,
            description="Frames that each parallel convolution sees; odd. More sizes see more time scales.",
            json_schema_extra={"paper": [3, 5, 7]},
        ),
    ] = (3, 5, 7)
    conv_relu: Annotated[
        bool,
        Field(
            description="ReLU between batch norm and dropout; the paper names no activation there.",
            json_schema_extra={"paper": False},
        ),
    ] = False
    conv_dropout: Annotated[
        float,
        Field(
            ge=0.0,
            le=0.9,
            description="Share of the convolutions' outputs dropped in training, against overfitting.",
            json_schema_extra={"paper": 0.2},
        ),
    ] = 0.2
    hidden: Annotated[
        int,
        Field(
            ge=1,
            le=1024,
            description="Hidden size of the LSTM in each direction; training time grows with its square.",
            json_schema_extra={"paper": 128},
        ),
    ] = 128
    lstm_layers: Annotated[
        int,
        Field(
            ge=1,
            le=8,
            description="Stacked bidirectional LSTM layers; each adds about as much training time again.",
            json_schema_extra={"paper": 2},
        ),
    ] = 2
    attention: Annotated[
        bool,
        Field(
            description="Self-attention over the frames; without it, frames are averaged alike.",
            json_schema_extra={"paper": True},
        ),
    ] = True
    dense: Annotated[
        int,
        Field(ge=1, le=4096, description="Size of the dense layer before the outputs; the paper doesn't give it."),
    ] = 128
    dropout: Annotated[
        float,
        Field(
            ge=0.0,
            le=0.9,
            description="Share of the dense layer dropped in training; the paper tried 0.1 to 0.4, and 0.3 did best.",
            json_schema_extra={"paper": 0.3},
        ),
    ] = 0.3


class Model(nn.Module):
    """Convolutions → batch norm → dropout → BiLSTM → self-attention → mean over time → dense layers."""

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        size = only_input(n_features, "affexion")
        width, wide = config.channels * len(config.kernel_sizes), 2 * config.hidden
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, config.channels, kernel, padding="same") for kernel in config.kernel_sizes
        )
        self.norm = MaskedBatchNorm1d(width)
        self.activation = nn.ReLU() if config.conv_relu else nn.Identity()
        self.conv_dropout = nn.Dropout(config.conv_dropout)
        self.lstm = BiLSTM(width, config.hidden, config.lstm_layers)
        self.attention = SelfAttention(wide) if config.attention else None
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
        """
        x, mask = self._encoded(inputs, lengths)
        if self.attention is None:
            pooled = masked_mean(x, mask)
            return ModelOutput(self.head(pooled), None, pooled)
        pooled, weights = self.attention(x, mask)
        return ModelOutput(self.head(pooled), weights, pooled)

    def attention_rows(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> Tensor | None:
        """Give what every frame asks of every other, ``(B, T query, T key)``; None without attention.

        The rows of valid frames sum to 1, those of padding are 0. Their mean over a clip's valid frames is the
        attention that `forward` gives.
        """
        x, mask = self._encoded(inputs, lengths)
        if self.attention is None:
            return None
        return self.attention.rows(x, mask).masked_fill(~mask[..., None], 0.0)

    def _encoded(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Run up to the LSTM: states ``(B, T, 2 hidden)``, and which of them are valid ``(B, T)``."""
        (frames,), (n_valid,) = inputs, lengths
        mask = valid_frames(frames, n_valid)
        x = frames.masked_fill(~mask[..., None], 0.0).transpose(1, 2)  # (B, F, T), silent after a clip's end
        x = torch.cat([convolution(x) for convolution in self.convolutions], dim=1)  # (B, C, T)
        x = self.conv_dropout(self.activation(self.norm(x, mask)))
        return self.lstm(x.permute(2, 0, 1).contiguous(), n_valid.to(x.device)).transpose(0, 1), mask


class SelfAttention(nn.Module):
    """Scaled dot-product self-attention with one head, followed by the mean over time.

    Every valid frame asks all valid frames (a row of the softmax) and the rows' results are averaged. The mean of the
    rows taken first gives the same and is all that is needed of the values: ``mean_q(A V) = mean_q(A) V``, and as
    the weights sum to 1, the value map may come after the sum.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Pool ``frames`` ``(B, T, size)``, valid where ``mask`` says, to ``(B, size)`` and weights ``(B, T)``."""
        weights = masked_mean(self.rows(frames, mask), mask)
        return self.value(weighted_sum(frames, weights)), weights

    def rows(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Give the softmax over keys for each query, ``(B, T query, T key)``; keys of padding get exactly 0.

        The key map is taken to the queries' side, ``(W_q x_i + b_q) · W_k x_j``, where both maps become one. The key's
        bias adds the same to all of a row, so the softmax doesn't see it and its gradient is 0.
        """
        keys = frames.shape[2] ** -0.5 * self.key.weight
        asked = F.linear(frames, keys.T @ self.query.weight, self.query.bias @ keys + 0 * self.key.bias)
        barred = torch.zeros_like(mask, dtype=frames.dtype).masked_fill(~mask, -torch.inf)[:, None]
        return torch.baddbmm(barred, asked, frames.transpose(1, 2)).softmax(dim=2)
