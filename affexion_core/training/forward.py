"""Run a model over many clips without learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affexion_core.training.batches import ClipFeatures, ordered_batches
from affexion_core.training.device import on_device

if TYPE_CHECKING:
    import torch


def outputs_of(
    model: torch.nn.Module, prepared: Sequence[ClipFeatures], batch_size: int = 16
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Compute the outputs and attention of prepared clips, in their order, on the device of the model.

    Returns
    -------
    outputs
        float32 ``(n_clips, n_outputs)``: logits.
    attention
        For each clip float32 ``(n_frames,)`` summing to 1, or None where the model has none.
    """
    found = results_of(model, prepared, batch_size)
    return found.outputs, found.attention


@dataclass(frozen=True)
class Results:
    """What a model says of clips, in their order.

    ``outputs`` and ``attention`` as from `outputs_of`; ``shares`` float32 ``(n_clips, n_inputs)`` how much each input
    counted and ``alone`` ``(n_clips, n_inputs, n_outputs)`` the logits of each alone, ``embedding`` ``(n_clips, E)``
    what a clip is to the model before its last layers; None where the model doesn't say.
    """

    outputs: np.ndarray
    attention: list[np.ndarray | None]
    shares: np.ndarray | None = None
    alone: np.ndarray | None = None
    embedding: np.ndarray | None = None


def results_of(model: torch.nn.Module, prepared: Sequence[ClipFeatures], batch_size: int = 16) -> Results:
    """Compute all that a model says of prepared clips, on the device of the model."""
    import torch

    outputs: list[np.ndarray | None] = [None] * len(prepared)
    attention: list[np.ndarray | None] = [None] * len(prepared)
    embedding: list[np.ndarray | None] = [None] * len(prepared)
    by_input: list[tuple[np.ndarray, np.ndarray]] = [(np.zeros(0), np.zeros(0))] * len(prepared)
    told = False
    model.eval()
    device = next((str(values.device) for values in model.parameters()), "cpu")
    with torch.inference_mode():
        for batch in ordered_batches(prepared, batch_size):
            moved = on_device(batch, device)
            result = model(moved.inputs, moved.lengths)
            by_clip, weights = result.outputs.cpu(), None if result.attention is None else result.attention.cpu()
            inner = None if result.embedding is None else result.embedding.cpu().numpy()
            for place, row in enumerate(batch.rows):
                outputs[row] = by_clip[place].numpy()
                embedding[row] = None if inner is None else inner[place]
                if result.shares is not None and result.alone is not None:
                    by_input[row] = (result.shares[place].cpu().numpy(), result.alone[place].cpu().numpy())
                    told = True
                if weights is not None:
                    attention[row] = weights[place, : batch.lengths[0][place]].numpy()
    shares, alone = (np.stack(column) for column in zip(*by_input, strict=True)) if told else (None, None)
    inside = np.stack(embedding) if embedding and embedding[0] is not None else None  # type: ignore[arg-type]
    return Results(np.stack(outputs), attention, shares, alone, inside)  # type: ignore[arg-type]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits ``(n, k)`` into probabilities that sum to 1 by row (float64); of no labels, nothing."""
    if not logits.shape[1]:
        return logits.astype(np.float64)
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
