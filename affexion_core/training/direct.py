"""Models that are fitted in one step: a model plug-in that has a function ``fit`` is not trained by gradient.

``fit(model, features, targets, sample_weights, config, seed)`` learns all of a model in place from its prepared
training clips; what it learned lies in parameters and buffers of the network. So the run folder, the predictor and the
pages know no difference: only the history has one row. One that learns dimensions as well has a function
``fit_values(model, features, values, config, seed)`` for its last outputs, which is called after ``fit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from affexion_core.discovery import load_plugin
from affexion_core.errors import TrainingError
from affexion_core.training.run_config import RunConfig

if TYPE_CHECKING:
    import torch

    from affexion_core.training.batches import ClipFeatures


def fits_directly(model: str) -> bool:
    """Say whether a model, by name, is fitted in one step."""
    return hasattr(load_plugin("models", model), "fit")


def n_epochs(config: RunConfig) -> int:
    """Count the rows that the history of a training has at most: its epochs, 1 where the model is fitted directly."""
    return 1 if fits_directly(config.model) else config.training.epochs


def fit_directly(
    model: torch.nn.Module,
    clips: Sequence[ClipFeatures],
    targets: Sequence[int],
    shares: np.ndarray | None,
    class_weights: torch.Tensor | None,
    config: RunConfig,
) -> None:
    """Fit a model in place.

    Parameters
    ----------
    model
        As the plug-in made it, on the CPU.
    clips, targets, shares
        Prepared features, positions of labels, and float32 ``(n_clips, n_labels)`` shares of votes or None.
    class_weights
        A weight for each label, which becomes one for each clip; None for equal ones.

    Raises
    ------
    TrainingError
        If there are clips of one label only.
    """
    if len(set(targets)) < 2:
        raise TrainingError(f"All {len(clips)} training clips have the same label; a model needs two or more labels.")
    wanted = np.asarray(targets) if shares is None else shares
    weights = None if class_weights is None else _clip_weights(wanted, class_weights.numpy())
    with threadpool_limits(1):  # as everywhere in training: sums by more threads differ in their last digits
        load_plugin("models", config.model).fit(model, clips, wanted, weights, config.model_config, config.seed)


def fit_values_directly(
    model: torch.nn.Module, clips: Sequence[ClipFeatures], values: np.ndarray, config: RunConfig
) -> None:
    """Fit the outputs of a model that are dimensions in place, by ``fit_values`` of its plug-in.

    Parameters
    ----------
    model, clips
        As for `fit_directly`.
    values
        float32 ``(n_clips, n_dimensions)`` in [-1, 1], NaN where a clip has none.
    """
    with threadpool_limits(1):
        load_plugin("models", config.model).fit_values(model, clips, values, config.model_config, config.seed)


def _clip_weights(wanted: np.ndarray, class_weights: np.ndarray) -> np.ndarray:
    """Weigh each clip by its label, or by the mean weight of its votes; float64 ``(n_clips,)``."""
    weights = class_weights.astype(np.float64)
    return wanted @ weights if wanted.ndim == 2 else weights[wanted]
