"""Logistic regression on mean and deviation of the features over a clip, fitted by scikit-learn to its optimum.

Several labels are told apart by one softmax (multinomial); its logits are the scores of scikit-learn's
``LogisticRegression``, its probabilities the same. Dimensions are learned by its ``Ridge`` on the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affexion_core.config import config_class
from affexion_core.models._direct import ABSENT, Pool, Pooling, weighted_rows
from affexion_core.models._output import ModelOutput


@config_class
class Config:
    """How much the weights are held back, and what of a clip's frames is kept."""

    cost: Annotated[
        float,
        Field(gt=0, le=1e6, description="What errors cost against large weights (scikit-learn's C); small is cautious"),
    ] = 0.1
    ridge: Annotated[
        float, Field(gt=0, le=1e9, description="How much the weights of dimensions are held back (Ridge's alpha)")
    ] = 100.0
    pooling: Annotated[
        Pooling, Field(description="What is kept of each feature: its mean over the clip, or deviation as well")
    ] = "mean_std"
    max_iter: Annotated[int, Field(ge=1, le=100_000, description="Steps of the solver, at most")] = 1000


class Model(nn.Module):
    """Pool, z-score, one linear layer."""

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.pool = Pool(n_features, config.pooling)
        self.linear = nn.Linear(self.pool.size, n_outputs)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end."""
        return ModelOutput(self.linear(self.pool(inputs, lengths)), None)


def fit(
    model: Model,
    features: Sequence[tuple[np.ndarray, ...]],
    targets: np.ndarray,
    sample_weights: np.ndarray | None,
    config: Config,
    seed: int,
) -> None:
    """Fit a model in place; see `training.direct`. A label without clips gets the lowest score."""
    from sklearn.linear_model import LogisticRegression

    with torch.no_grad():
        figures = model.pool.fit(features)
        rows = weighted_rows(np.asarray(targets), sample_weights)
        solver = LogisticRegression(C=config.cost, max_iter=config.max_iter, random_state=seed)
        solver.fit(figures[rows.clips], rows.labels, sample_weight=rows.weights)
        weights, bias = solver.coef_, solver.intercept_
        if len(solver.classes_) == 2:  # scikit-learn keeps the difference of the two scores alone
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        model.linear.weight.zero_()
        model.linear.bias.fill_(ABSENT)
        model.linear.weight[solver.classes_] = torch.from_numpy(weights).float()
        model.linear.bias[solver.classes_] = torch.from_numpy(bias).float()


def fit_values(
    model: Model, features: Sequence[tuple[np.ndarray, ...]], values: np.ndarray, config: Config, seed: int
) -> None:
    """Fit the last outputs of a model in place; see `training.direct`. One without values stays in the middle."""
    from sklearn.linear_model import Ridge

    with torch.no_grad():
        figures = model.pool.fit(features)
        first = model.linear.out_features - values.shape[1]
        for row, wanted in enumerate(values.T, start=first):
            known = np.isfinite(wanted)
            model.linear.weight[row], model.linear.bias[row] = 0.0, 0.0
            if known.any():
                solver = Ridge(alpha=config.ridge).fit(figures[known], wanted[known].astype(np.float64))
                model.linear.weight[row] = torch.from_numpy(solver.coef_).float()
                model.linear.bias[row] = float(solver.intercept_)
