"""Several inputs, such as voice and words, each judged alone and weighed by a gate; any of them may be missing."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from affexion_core.config import config_class
from affexion_core.models._masking import masked_mean, valid_frames
from affexion_core.models._output import ModelOutput


@config_class
class Config:
    """The shape of the network."""

    hidden: Annotated[int, Field(ge=1, le=8192, description="Units that each input is brought to")] = 128
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of units left out in training")] = 0.3
    drop_input: Annotated[
        float,
        Field(ge=0, lt=1, description="How often an input is left out in training, so that the others learn to do"),
    ] = 0.2


class Model(nn.Module):
    """Mean over the frames of each input, a hidden layer each, and logits of each alone.

    A gate, a softmax over the inputs that are there, says how much each one counts; the output is the sum of the
    logits by these shares. So a clip's result tells which input decided, and what the others would have said.
    """

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.drop_input = config.drop_input if len(n_features) > 1 else 0.0
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(size, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)) for size in n_features
        )
        self.heads = nn.ModuleList(nn.Linear(config.hidden, n_outputs) for _ in n_features)
        # with one input there is nothing to weigh
        self.gates = nn.ModuleList(nn.Linear(config.hidden, 1) for _ in n_features[1:] and n_features)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end.

        A length of 0 says that the clip lacks this input; one of them must be there.
        """
        there = torch.stack([n_valid.to(inputs[0].device) > 0 for n_valid in lengths], dim=1)  # (B, n_inputs)
        if not bool(there.any(dim=1).all()):
            valid_frames(inputs[0], lengths[0] if len(lengths) == 1 else there.any(dim=1).long())
        if self.training and self.drop_input:
            there = self._dropped(there)
        hidden = torch.stack([self._branch(i, inputs[i], lengths[i]) for i in range(len(inputs))], dim=1)
        alone = torch.stack([head(hidden[:, i]) for i, head in enumerate(self.heads)], dim=1)
        shares = self._shares(hidden, there)
        outputs = (shares[..., None] * alone).sum(dim=1)
        embedding = (shares[..., None] * hidden).sum(dim=1)
        return ModelOutput(outputs, None, embedding, shares, alone)

    def _branch(self, i: int, frames: Tensor, lengths: Tensor) -> Tensor:
        """Bring one input to ``(B, hidden)``; what is missing counts as zeros, and its share is 0."""
        if not frames.shape[1]:
            return self.branches[i](frames.new_zeros(len(frames), frames.shape[2]))
        mask = valid_frames(frames, lengths.clamp(min=1))
        missing = (lengths.to(frames.device) == 0)[:, None]
        frames = frames.masked_fill(~mask[..., None] | missing[..., None], 0.0)
        return self.branches[i](masked_mean(frames, mask))

    def _shares(self, hidden: Tensor, there: Tensor) -> Tensor:
        """Weigh the inputs of each clip, ``(B, n_inputs)``; shares sum to 1, what is missing has 0."""
        if not self.gates:
            return torch.ones_like(hidden[..., 0])
        scores = torch.cat([gate(hidden[:, i]) for i, gate in enumerate(self.gates)], dim=1)
        return scores.masked_fill(~there, float("-inf")).softmax(dim=1)

    def _dropped(self, there: Tensor) -> Tensor:
        """Leave out inputs at random, never a clip's last one."""
        kept = there & (torch.rand(there.shape, device=there.device) >= self.drop_input)
        return torch.where(kept.any(dim=1, keepdim=True), kept, there)
