"""Run a model over many clips without learning."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from affexion_core.training.batches import ClipFeatures, ordered_batches
from affexion_core.training.device import on_device


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
    outputs: list[np.ndarray | None] = [None] * len(prepared)
    attention: list[np.ndarray | None] = [None] * len(prepared)
    model.eval()
    device = next((str(values.device) for values in model.parameters()), "cpu")
    with torch.inference_mode():
        for batch in ordered_batches(prepared, batch_size):
            moved = on_device(batch, device)
            result = model(moved.inputs, moved.lengths)
            by_clip, weights = result.outputs.cpu(), None if result.attention is None else result.attention.cpu()
            for place, row in enumerate(batch.rows):
                outputs[row] = by_clip[place].numpy()
                if weights is not None:
                    attention[row] = weights[place, : batch.lengths[0][place]].numpy()
    return np.stack(outputs), attention  # type: ignore[arg-type]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits ``(n, k)`` into probabilities that sum to 1 by row (float64)."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
