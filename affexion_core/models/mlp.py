"""A clip's pooled features, or the layers of an encoder weighed by what helps, under a feed-forward network."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from affexion_core.config import config_class
from affexion_core.errors import ModelError
from affexion_core.models._masking import masked_mean, valid_frames, weighted_sum
from affexion_core.models._output import ModelOutput

# Rows that layer weights are kept for; the largest encoders have half as many layers.
_MOST_LAYERS = 64


def _listed(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):  # on a command line, one layer looks like a number
        return [value]
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


@config_class
class Config:
    """The shape of the network."""

    hidden: Annotated[
        tuple[Annotated[int, Field(ge=1, le=8192)], ...],
        BeforeValidator(_listed),
        Field(max_length=8, description="Units of each hidden layer; none makes it linear"),
    ] = (256,)
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of units left out in training")] = 0.3
    layer_weights: Annotated[
        bool, Field(description="Rows are the layers of an encoder (layers = stack): learn how much each one counts")
    ] = False


class Model(nn.Module):
    """Mean over frames (or a learned mean over layers), then hidden layers with ReLU and dropout.

    Several inputs stand side by side. With ``layer_weights`` each row is first scaled to mean 0 and variance 1, so that
    weights say how much a layer counts and not how large its numbers are.
    """

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.layer_weights = (
            nn.ParameterList([torch.zeros(_MOST_LAYERS) for _ in n_features]) if config.layer_weights else None
        )
        sizes = (sum(n_features), *config.hidden)
        steps: list[nn.Module] = []
        for before, after in zip(sizes[:-1], sizes[1:], strict=True):
            steps += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
        self.hidden = nn.Sequential(*steps)
        self.classifier = nn.Linear(sizes[-1], n_outputs)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end."""
        pooled = []
        for i, (frames, n_valid) in enumerate(zip(inputs, lengths, strict=True)):
            mask = valid_frames(frames, n_valid)
            frames = frames.masked_fill(~mask[..., None], 0.0)  # padding may hold anything, NaN included
            pooled.append(masked_mean(frames, mask) if self.layer_weights is None else self._weighed(i, frames, mask))
        embedding = self.hidden(torch.cat(pooled, dim=1))
        return ModelOutput(self.classifier(embedding), None, embedding)

    def _weighed(self, i: int, rows: Tensor, mask: Tensor) -> Tensor:
        """Sum rows ``(B, n_layers, F)`` by their learned shares."""
        assert self.layer_weights is not None
        n_rows = rows.shape[1]
        if n_rows > _MOST_LAYERS:
            raise ModelError(
                f"layer_weights takes at most {_MOST_LAYERS} rows a clip, one for each layer of an encoder, not "
                f"{n_rows}; set layers of the front-end to stack, or layer_weights to false."
            )
        scores = self.layer_weights[i][:n_rows].expand(len(rows), -1).masked_fill(~mask, float("-inf"))
        return weighted_sum(F.layer_norm(rows, rows.shape[-1:]), scores.softmax(dim=1))
