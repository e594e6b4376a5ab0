"""Integrated gradients: which moments of its input a model's answer rests on, by the model's own slopes.

Source: M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks", ICML 2017.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affexion_core.errors import LabelError, allowed
from affexion_core.predictor import Predictor
from affexion_core.training.batches import ClipFeatures, prepare

N_STEPS = 64
_AT_ONCE = 16


@dataclass(frozen=True)
class Attribution:
    """How much each frame moved the score of ``label``, from the baseline to the clip.

    ``frames`` float64 ``(n_frames,)``: above 0 speaks for the label, below against it. ``difference`` is the score of
    the clip less that of the baseline, which the frames should sum to; ``gap`` is what they miss of it.
    """

    label: str
    frames: np.ndarray
    difference: float

    @property
    def gap(self) -> float:
        """Sum of the frames less the difference; near 0 where there were enough steps."""
        return float(self.frames.sum() - self.difference)


def integrated_gradients(
    predictor: Predictor, features: ClipFeatures, label: str, n_steps: int = N_STEPS
) -> Attribution:
    """Attribute the score of a label to the frames of a clip, averaged over the models.

    Parameters
    ----------
    features
        The clip's raw features.
    label
        One the run knows. Its score is its output less the mean of the others' (in logits), so that what raises all
        labels alike counts for none.
    n_steps
        Points on the way from the baseline, at the middle of equal parts.

    Notes
    -----
    The baseline is zero after normalisation: the mean frame of the training clips, all along.

    Raises
    ------
    LabelError
        If the run doesn't know the label.
    """
    if label not in predictor.labels:
        raise LabelError(f"The run doesn't know the label {label!r}; it knows {allowed(predictor.labels)}.")
    target = predictor.labels.index(label)
    found = [_of_model(predictor, i, features, target, n_steps) for i in range(len(predictor.models))]
    frames = np.mean([frames for frames, _ in found], axis=0)
    return Attribution(label, frames, float(np.mean([difference for _, difference in found])))


def _of_model(
    predictor: Predictor, place: int, features: ClipFeatures, target: int, n_steps: int
) -> tuple[np.ndarray, float]:
    import torch

    from affexion_core.training.device import at_work

    trained, device = predictor.models[place], predictor.device
    clip = prepare(features, trained.config.inputs, trained.normalisation)
    whole = [torch.from_numpy(np.ascontiguousarray(values)).to(device.name) for values in clip]

    def scores(alphas: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        points = [(alphas[:, None, None] * values).requires_grad_() for values in whole]
        lengths = tuple(torch.full((len(alphas),), len(values), device=device.name) for values in whole)
        outputs = trained.model(tuple(points), lengths).outputs
        others = (outputs.sum(dim=1) - outputs[:, target]) / max(outputs.shape[1] - 1, 1)
        return points, outputs[:, target] - others

    totals = [torch.zeros_like(values, dtype=torch.float64) for values in whole]
    middles = (torch.arange(n_steps, device=device.name) + 0.5) / n_steps
    # cuDNN's LSTM has no backward pass outside training
    with at_work(device), torch.backends.cudnn.flags(enabled=False):
        for alphas in middles.split(_AT_ONCE):
            points, along = scores(alphas)
            for total, slopes in zip(totals, torch.autograd.grad(along.sum(), points), strict=True):
                total += slopes.sum(dim=0)
        with torch.no_grad():
            ends = scores(torch.tensor([0.0, 1.0], device=device.name))[1]
    products = [(total / n_steps * values).sum(dim=1) for total, values in zip(totals, whole, strict=True)]
    frames = torch.stack([part for part in products if len(part) == len(products[0])]).sum(dim=0)
    return frames.cpu().numpy(), float(ends[1] - ends[0])
