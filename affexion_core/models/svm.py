"""Support vector machines, each label against the others, on mean and deviation of the features over a clip.

Fitted by scikit-learn: ``LinearSVC`` (liblinear) for the linear kernel, ``SVC`` (libsvm) for the Gaussian one. The
outputs are the machines' decision values times one factor, so that the label with the highest value is the most
probable one; the factor is that under which clips left out of training (three inner folds over the training clips
alone) are most likely. scikit-learn's own probabilities (Platt's, by label) are not taken: they may put another label
first than the decision values do. The inner folds don't keep speakers apart, so probabilities may be a little too
sure; calibrating the run mends that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affexion_core.config import config_class
from affexion_core.models._direct import ABSENT, Pool, Pooling, Rows, weighted_rows
from affexion_core.models._output import ModelOutput

_N_INNER = 3
# Above as many rows the kernel is computed bit by bit: whole, it would take more than 1 GB.
_MOST_IN_MEMORY = 10_000
# Vectors of an unfitted machine with a Gaussian kernel; a fitted one has as many as the training left.
_UNFITTED = 64


@config_class
class Config:
    """Kernel and cost; the classical floor of the field is the linear kernel with a small cost."""

    kernel: Annotated[
        Literal["linear", "rbf"], Field(description="How clips are compared: along a line, or by distance (Gaussian)")
    ] = "linear"
    cost: Annotated[
        float,
        Field(gt=0, le=1e6, description="What errors cost against a wide margin (scikit-learn's C); small is cautious"),
    ] = 0.001
    value_cost: Annotated[
        float,
        Field(
            gt=0,
            le=1e6,
            description="What errors of dimensions cost (scikit-learn's C); a Gaussian kernel needs far more: 1",
        ),
    ] = 0.001
    tolerance: Annotated[
        float, Field(ge=0, lt=1, description="Errors of dimensions that cost nothing; their scale runs from -1 to 1")
    ] = 0.1
    width: Annotated[
        float,
        Field(
            gt=0,
            le=1000,
            description="Steepness of the Gaussian, in units of 1 / number of figures (scikit-learn's scale)",
        ),
    ] = 1.0
    pooling: Annotated[
        Pooling, Field(description="What is kept of each feature: its mean over the clip, or deviation as well")
    ] = "mean_std"
    max_iter: Annotated[int, Field(ge=1, le=1_000_000, description="Steps of the linear solver, at most")] = 10_000


class Model(nn.Module):
    """Pool, z-score, decision values. With a Gaussian kernel the support vectors lie in a buffer."""

    vectors: Tensor
    sharpness: Tensor

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        self.pool = Pool(n_features, config.pooling)
        self.gaussian, self.steepness = config.kernel == "rbf", config.width / self.pool.size
        n = _UNFITTED if self.gaussian else self.pool.size
        self.register_buffer("vectors", torch.randn(_UNFITTED if self.gaussian else 0, self.pool.size))
        self.register_buffer("sharpness", torch.tensor(1.0))
        self.weights = nn.Parameter(torch.randn(n, n_outputs) / (4 * n**0.5))
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end."""
        return ModelOutput(self.sharpness * self.decisions(self.pool(inputs, lengths)), None)

    def decisions(self, rows: Tensor) -> Tensor:
        """Give the decision values ``(B, n_outputs)`` of pooled, z-scored rows ``(B, size)``."""
        if self.gaussian:
            rows = torch.exp(-self.steepness * torch.cdist(rows, self.vectors).square())
        return rows @ self.weights + self.bias

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # the number of support vectors is known only from what was saved
        for name in ("vectors", "weights"):
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if self.gaussian and saved is not None and saved.shape[1:] == own.shape[1:]:
                own.data = own.data.new_zeros(saved.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def fit(
    model: Model,
    features: Sequence[tuple[np.ndarray, ...]],
    targets: np.ndarray,
    sample_weights: np.ndarray | None,
    config: Config,
    seed: int,
) -> None:
    """Fit a model in place; see `training.direct`. A label without clips gets the lowest score."""
    with torch.no_grad():
        figures = model.pool.fit(features)
        rows = weighted_rows(np.asarray(targets), sample_weights)
        _learn(model, figures, rows, config, seed)
        model.sharpness.fill_(_inner_sharpness(model, figures, rows, config, seed))
        _learn(model, figures, rows, config, seed)


def _learn(model: Model, figures: np.ndarray, rows: Rows, config: Config, seed: int) -> None:
    """Fit one machine a label, and put them into the model."""
    n_outputs = len(model.bias)
    present = [k for k in range(n_outputs) if (rows.labels == k).any()]
    x = figures[rows.clips]
    learn = _gaussian_machine(x, model.steepness) if model.gaussian else _linear_machine(x, config, seed)
    weights, bias = np.zeros((x.shape[0] if model.gaussian else x.shape[1], n_outputs)), np.full(n_outputs, ABSENT)
    for k in present:
        weights[:, k], bias[k] = learn(rows.labels == k, rows.weights, config.cost)
    if model.gaussian:
        kept = weights.any(axis=1)
        model.vectors.data = torch.from_numpy(x[kept]).float()
        weights = weights[kept]
    model.weights.data = torch.from_numpy(weights).float()
    model.bias.copy_(torch.from_numpy(bias))


def fit_values(
    model: Model, features: Sequence[tuple[np.ndarray, ...]], values: np.ndarray, config: Config, seed: int
) -> None:
    """Fit the last outputs of a model in place; see `training.direct`. One without values stays in the middle."""
    with torch.no_grad():
        figures = model.pool.fit(features)
        n_labels = len(model.bias) - values.shape[1]
        weights, bias = np.zeros((len(figures) if model.gaussian else figures.shape[1], values.shape[1])), []
        for place, wanted in enumerate(values.T):
            known = np.isfinite(wanted)
            learned, middle = np.zeros(0), 0.0
            if known.any():
                learned, middle = _regression(model, figures[known], wanted[known].astype(np.float64), config, seed)
                weights[known if model.gaussian else slice(None), place] = learned
            bias.append(middle)
        if not n_labels:
            model.sharpness.fill_(1.0)
        _set_values(model, figures, weights, n_labels)
        model.bias[n_labels:] = torch.tensor(bias) / model.sharpness  # it is for labels alone


def _regression(model: Model, x: np.ndarray, wanted: np.ndarray, config: Config, seed: int) -> tuple[np.ndarray, float]:
    """Learn one dimension; returns a weight for each figure (or row, under a Gaussian kernel) and the bias."""
    from sklearn.svm import SVR, LinearSVR

    if not model.gaussian:
        machine = LinearSVR(
            C=config.value_cost,
            epsilon=config.tolerance,
            loss="squared_epsilon_insensitive",
            dual=x.shape[0] < x.shape[1],
            max_iter=config.max_iter,
            random_state=seed,
        ).fit(x, wanted)
        return machine.coef_, float(np.ravel(machine.intercept_)[0])
    machine = SVR(C=config.value_cost, epsilon=config.tolerance, gamma=model.steepness).fit(x, wanted)
    alpha = np.zeros(len(x))
    alpha[machine.support_] = machine.dual_coef_[0]
    return alpha, float(machine.intercept_[0])


def _set_values(model: Model, figures: np.ndarray, weights: np.ndarray, n_labels: int) -> None:
    """Put the weights of dimensions beside those of the labels; of a Gaussian kernel, their vectors below."""
    learned = torch.from_numpy(weights).float() / model.sharpness
    if not model.gaussian:
        model.weights[:, n_labels:] = learned
        return
    kept = torch.from_numpy(weights.any(axis=1))
    kept[0] = True  # a machine without any vector would have no shape
    vectors, old = torch.from_numpy(figures).float()[kept], model.vectors[: len(model.vectors) if n_labels else 0]
    of_labels = torch.cat([model.weights[: len(old), :n_labels], torch.zeros(len(vectors), n_labels)])
    of_values = torch.cat([torch.zeros(len(old), weights.shape[1]), learned[kept]])
    model.vectors.data = torch.cat([old, vectors])
    model.weights.data = torch.cat([of_labels, of_values], dim=1)


def _linear_machine(x: np.ndarray, config: Config, seed: int) -> Any:
    from sklearn.svm import LinearSVC

    def learn(mine: np.ndarray, weights: np.ndarray, cost: float) -> tuple[np.ndarray, float]:
        machine = LinearSVC(C=cost, dual=x.shape[0] < x.shape[1], max_iter=config.max_iter, random_state=seed)
        machine.fit(x, mine, sample_weight=weights)
        return machine.coef_[0], float(machine.intercept_[0])

    return learn


def _gaussian_machine(x: np.ndarray, steepness: float) -> Any:
    from sklearn.metrics.pairwise import rbf_kernel
    from sklearn.svm import SVC

    whole = len(x) <= _MOST_IN_MEMORY
    seen = rbf_kernel(x, gamma=steepness) if whole else x

    def learn(mine: np.ndarray, weights: np.ndarray, cost: float) -> tuple[np.ndarray, float]:
        machine = SVC(C=cost, kernel="precomputed" if whole else "rbf", gamma=steepness)
        machine.fit(seen, mine, sample_weight=weights)
        alpha = np.zeros(len(x))
        alpha[machine.support_] = machine.dual_coef_[0]
        return alpha, float(machine.intercept_[0])

    return learn


def _inner_sharpness(model: Model, figures: np.ndarray, rows: Rows, config: Config, seed: int) -> float:
    """Find the factor under which clips of inner folds are most likely by machines that haven't seen them."""
    from sklearn.model_selection import StratifiedKFold

    first = np.r_[True, rows.clips[1:] != rows.clips[:-1]]  # votes of a clip stand next to each other
    clips, labels = rows.clips[first], rows.labels[first]
    if np.bincount(labels).max() < _N_INNER:
        return 1.0
    scores, tested = [], []
    folds = StratifiedKFold(_N_INNER, shuffle=True, random_state=seed)
    for _, held_out in folds.split(clips, labels):
        inside = np.isin(rows.clips, clips[held_out])
        kept = Rows(*(part[~inside] for part in rows))
        if len(set(kept.labels)) < 2:
            return 1.0
        _learn(model, figures, kept, config, seed)
        scores.append(model.decisions(torch.from_numpy(figures[rows.clips[inside]]).float()).double())
        tested.append(np.flatnonzero(inside))
    order = np.concatenate(tested)
    return _likeliest(torch.cat(scores), torch.from_numpy(rows.labels[order]), torch.from_numpy(rows.weights[order]))


def _likeliest(scores: Tensor, labels: Tensor, weights: Tensor) -> float:
    factors = torch.logspace(-1, 1.7, 109, dtype=torch.float64)  # 0.1 to 50
    present, labels = torch.unique(labels, return_inverse=True)  # other outputs are no label, or one without clips
    scores = scores[:, present]
    known = scores[torch.arange(len(labels)), labels] > ABSENT / 2
    losses = [
        (weights * torch.nn.functional.cross_entropy(factor * scores, labels, reduction="none"))[known].sum()
        for factor in factors
    ]
    return float(factors[int(torch.stack(losses).argmin())])
