"""What every model returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class ModelOutput(NamedTuple):
    """Outputs of one batch.

    ``outputs`` ``(B, n_outputs)``: class logits or dimensional values. ``attention`` ``(B, T)``: how much each frame
    counted, summing to 1 over a clip's valid frames and 0 on padding; None where the model has no attention.
    ``embedding`` ``(B, E)``: what a clip is to the model before its last layers; None where it learns no such thing.
    ``shares`` ``(B, n_inputs)``: how much each input counted, summing to 1, 0 where it is missing; ``alone``
    ``(B, n_inputs, n_outputs)``: what each would have said alone. None where a model doesn't tell its inputs apart.
    """

    outputs: Tensor
    attention: Tensor | None
    embedding: Tensor | None = None
    shares: Tensor | None = None
    alone: Tensor | None = None
