"""Our own small model: a kernel machine on the figures of a whole clip, each made normal by its ranks in training.

Each figure of a clip is replaced by the normal deviate of its rank among the training clips, so that no odd value
weighs more than its order says. A Gaussian kernel then compares the clip with those it was trained on, and one
closed-form least-squares step (J. Suykens and J. Vandewalle, "Least squares support vector machine classifiers", Neural
Processing Letters 9, 1999) gives every label its weights, rare labels counting as much as common ones. Leaving each
training clip out once, which costs nothing here, says how sure the probabilities may be. `fit` does that in seconds;
dimensions are learned by the same step with their numbers in the labels' stead (kernel ridge regression);
without it the network is one of radial basis functions, whose output weights can be learned by gradient.

A clip may come in several rows, the same words at other speeds: each row is learned from, and scores are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Annotated, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from affexion_core.config import config_class
from affexion_core.errors import ModelError
from affexion_core.models._masking import masked_mean, valid_frames
from affexion_core.models._output import ModelOutput

_NORMAL = NormalDist()
_TAIL = 0.01  # ranks are held between 1 and 99 %: beyond, training clips say nothing


@config_class
class Config:
    """Settings of the kernel machine; its defaults are those of the preset."""

    width: Annotated[
        float, Field(gt=0, le=10, description="Steepness of the kernel: small is nearly linear, large looks closer")
    ] = 0.5
    ridge: Annotated[float, Field(gt=0, le=1000, description="How strongly weights are held back")] = 5.0
    n_centres: Annotated[
        int, Field(ge=8, le=8192, description="Training rows that others are compared with, at most; more are drawn")
    ] = 2400
    n_knots: Annotated[int, Field(ge=5, le=201, description="Points by which ranks are kept, for each figure")] = 51


class Model(nn.Module):
    """Ranks to normal deviates, kernel with the centres, weights. Several inputs stand side by side."""

    deviates: Tensor
    knots: Tensor
    centres: Tensor
    steepness: Tensor

    def __init__(self, config: Config, n_features: tuple[int, ...], n_outputs: int) -> None:
        super().__init__()
        width = sum(n_features)
        # in plain numbers: loading first builds the network where tensors have none
        ranks = (min(max(k / (config.n_knots - 1), _TAIL), 1 - _TAIL) for k in range(config.n_knots))
        self.register_buffer("deviates", torch.tensor([_NORMAL.inv_cdf(rank) for rank in ranks]))
        self.register_buffer("knots", self.deviates.repeat(width, 1) + 1e-4 * torch.arange(config.n_knots))
        self.register_buffer("centres", torch.randn(config.n_centres, width) / 2)
        self.register_buffer("steepness", torch.tensor(4 * config.width / width))
        self.weights = nn.Parameter(torch.randn(config.n_centres, n_outputs) / math.sqrt(config.n_centres))
        self.bias = nn.Parameter(torch.zeros(n_outputs))

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of tensors ``(B, T, F)`` with valid lengths ``(B,)``, one of each per front-end."""
        rows, mask = stacked(inputs, lengths)
        scores = self.kernel(self.normal(rows), self.centres) @ self.weights + self.bias
        by_row = scores.new_zeros(*mask.shape, scores.shape[1]).masked_scatter(mask[..., None], scores)
        return ModelOutput(masked_mean(by_row, mask), None)

    def normal(self, figures: Tensor) -> Tensor:
        """Turn figures ``(B, F)`` into the normal deviates of their ranks in training, between -2.33 and 2.33."""
        columns = figures.T.contiguous()
        after = torch.searchsorted(self.knots, columns).clamp(1, self.knots.shape[1] - 1)
        low, high = self.knots.gather(1, after - 1), self.knots.gather(1, after)
        part = ((columns - low) / (high - low)).clamp(0.0, 1.0)
        return torch.lerp(self.deviates[after - 1], self.deviates[after], part).T

    def kernel(self, one: Tensor, other: Tensor) -> Tensor:
        """Compare rows ``(n, F)`` and ``(m, F)``: 1 where equal, towards 0 where far; ``(n, m)``."""
        squares = one.square().sum(dim=1)[:, None] + other.square().sum(dim=1) - 2 * one @ other.T
        return torch.exp(-self.steepness * squares.clamp(min=0.0))


def stacked(inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Put the valid rows of all clips below each other, ``(n_rows, sum of F)``; and say where they were, ``(B, T)``.

    Raises
    ------
    ModelError
        If a clip has another number of rows in one input than in another.
    """
    masks = [valid_frames(frames, n_valid) for frames, n_valid in zip(inputs, lengths, strict=True)]
    if any(not torch.equal(n_valid, lengths[0]) for n_valid in lengths):
        raise ModelError("Model 'affexion-next' needs as many rows from each front-end; give all the same speeds.")
    return torch.cat([frames[mask] for frames, mask in zip(inputs, masks, strict=True)], dim=1), masks[0]


def fit(
    model: Model,
    features: Sequence[tuple[np.ndarray, ...]],
    targets: np.ndarray,
    sample_weights: np.ndarray | None,
    config: Config,
    seed: int,
) -> None:
    """Learn all of a model at once, in place.

    Parameters
    ----------
    model
        As `Model` made it.
    features
        Prepared features of the training clips, one tuple of ``(n_frames, n_features)`` arrays a clip.
    targets
        Positions of labels ``(n_clips,)``, or shares of votes ``(n_clips, n_outputs)``.
    sample_weights
        How much each clip counts ``(n_clips,)``; None for equal. Labels are balanced on top of it.
    config, seed
        Settings; the seed draws the centres where there are more clips than those.
    """
    by_clip = _shares(np.asarray(targets), len(model.bias))
    with torch.no_grad():
        deviates, centres, clip_of, steepness = _placed(model, features, config, seed)
        wanted, counted = 2 * by_clip[clip_of] - 1, _balanced(by_clip, sample_weights)[clip_of]
        rows = _Rows(deviates, wanted, counted, clip_of)
        weights, bias, held_out = _solve(rows, centres, config.ridge, steepness)
        if held_out is None:
            rows, held_out = _scores_of_a_fifth(rows, centres, config.ridge, steepness)
        sharpness = _sharpness(_mean_by(rows.clip_of, held_out), _mean_by(rows.clip_of, rows.shares), rows)
        model.weights.zero_()
        model.weights[: len(centres)] = (sharpness * weights).float()
        model.bias.copy_(sharpness * bias)


def fit_values(
    model: Model, features: Sequence[tuple[np.ndarray, ...]], values: np.ndarray, config: Config, seed: int
) -> None:
    """Fit the last outputs of a model in place; see `training.direct`. One without values stays in the middle."""
    with torch.no_grad():
        deviates, centres, clip_of, steepness = _placed(model, features, config, seed)
        said = torch.from_numpy(values.astype(np.float64))
        outputs = torch.arange(len(model.bias) - values.shape[1], len(model.bias))
        model.weights[:, outputs], model.bias[outputs] = 0.0, 0.0
        known = torch.isfinite(said)
        for there in torch.unique(known, dim=1).T:  # dimensions that the same clips have are learned at once
            if not there.any():
                continue
            places = (known == there[:, None]).all(dim=0)
            middle = said[there][:, places].mean(dim=0)
            chosen = there[clip_of]
            wanted = said[:, places][clip_of] - middle
            rows = _Rows(deviates, wanted, torch.ones(len(deviates), dtype=wanted.dtype), clip_of).only(chosen)
            weights, bias, _ = _solve(rows, centres, config.ridge, steepness)
            model.weights[: len(centres), outputs[places]] = weights.float()
            model.bias[outputs[places]] = (bias + middle).float()


def _placed(
    model: Model, features: Sequence[tuple[np.ndarray, ...]], config: Config, seed: int
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Learn ranks, centres and steepness; returns deviates of all rows and of the centres, clips of rows, steepness."""
    figures = np.concatenate([np.concatenate(clip, axis=1) for clip in features]).astype(np.float64)
    clip_of = torch.arange(len(features)).repeat_interleave(torch.tensor([len(clip[0]) for clip in features]))
    chosen = _centres(len(figures), config.n_centres, seed)
    model.knots.copy_(torch.from_numpy(_knots(figures, config.n_knots)))
    deviates = model.normal(torch.from_numpy(figures).float()).double()
    centres = deviates[chosen]
    steepness = config.width / _median_distance(centres)
    model.steepness.fill_(steepness)
    model.centres.zero_()
    model.centres[: len(chosen)] = centres.float()
    return deviates, centres, clip_of, steepness


def _shares(targets: np.ndarray, n_outputs: int) -> Tensor:
    if targets.ndim == 2:
        return torch.from_numpy(targets.astype(np.float64))
    return torch.from_numpy(np.eye(n_outputs)[targets.astype(int)])


def _balanced(shares: Tensor, sample_weights: np.ndarray | None) -> Tensor:
    """Weigh clips so that every label that occurs counts the same; the mean weight is 1."""
    given = torch.ones(len(shares), dtype=torch.float64)
    if sample_weights is not None:
        given = torch.from_numpy(np.asarray(sample_weights, dtype=np.float64)).clamp(min=1e-6)
    mass = (shares * given[:, None]).sum(dim=0)
    by_label = torch.where(mass > 0, 1 / mass.clamp(min=1e-9), torch.zeros_like(mass))
    weights = given * (shares @ by_label)
    return weights / weights.mean()


def _centres(n_clips: int, n_centres: int, seed: int) -> np.ndarray:
    if n_clips <= n_centres:
        return np.arange(n_clips)
    return np.sort(np.random.default_rng(seed).choice(n_clips, n_centres, replace=False))


def _knots(figures: np.ndarray, n_knots: int) -> np.ndarray:
    """Quantiles of each figure ``(F, n_knots)``, spread a little where many clips have the same value."""
    knots = np.quantile(figures, np.linspace(0, 1, n_knots), axis=0).T
    spread = np.maximum(np.abs(knots).max(axis=1, keepdims=True), 1.0)
    return (knots + 1e-5 * spread * np.linspace(-1, 1, n_knots)).astype(np.float32)


def _median_distance(centres: Tensor) -> float:
    """Median squared distance between centres, each to itself included as the kernel was tuned so."""
    return max(float((torch.cdist(centres, centres) ** 2).median()), 1e-6)


class _Rows(NamedTuple):
    """Training rows: deviates ``(n, F)``, outputs wanted ``(n, k)``, weights and clips ``(n,)``.

    A label is wanted at 1 where a clip is wholly its own, and at -1 where it is not at all.
    """

    deviates: Tensor
    wanted: Tensor
    counted: Tensor
    clip_of: Tensor

    @property
    def shares(self) -> Tensor:
        """Shares of labels ``(n, k)``."""
        return (self.wanted + 1) / 2

    def only(self, chosen: Tensor) -> _Rows:
        return _Rows(*(part[chosen] for part in self))


def _solve(rows: _Rows, centres: Tensor, ridge: float, steepness: float) -> tuple[Tensor, Tensor, Tensor | None]:
    """Solve for weights ``(m, k)`` and bias ``(k,)``.

    Where every row is a centre, the scores ``(n, k)`` that each gets from a model without its clip come along.
    """
    deviates, counted, wanted = rows.deviates, rows.counted, rows.wanted
    among = _kernel(centres, centres, steepness)
    means, whole = among.mean(dim=1), among.mean()
    centred = among - means[:, None] - means[None] + whole
    scale = centred.diagonal().mean().clamp(min=1e-9)
    centred = centred / scale + 1.0  # the 1 is the bias, held back as the weights are
    held_out = None
    if torch.equal(centres, deviates):
        inverse = torch.linalg.inv(centred + torch.diag(ridge / counted))
        alpha = inverse @ wanted
        held_out = wanted - _errors_without(rows.clip_of, inverse, alpha)
    else:
        across = _kernel(deviates, centres, steepness)
        seen = (across - across.mean(dim=1, keepdim=True) - means[None] + whole) / scale + 1.0
        normal = seen.T @ (counted[:, None] * seen) + ridge * centred
        normal = normal + 1e-8 * normal.diagonal().mean() * torch.eye(len(normal), dtype=normal.dtype)
        alpha = torch.linalg.solve(normal, seen.T @ (counted[:, None] * wanted))
    # the centring folds into weights and bias, so that predicting takes the plain kernel
    total = alpha.sum(dim=0)
    weights = (alpha - total / len(centres)) / scale
    bias = ((whole - means)[:, None] * alpha).sum(dim=0) / scale + total
    return weights, bias, held_out


def _errors_without(clip_of: Tensor, inverse: Tensor, alpha: Tensor) -> Tensor:
    """Say how far off each row is when its clip is left out, all its rows together; ``(n, k)``."""
    errors = torch.empty_like(alpha)
    for block in torch.split(torch.arange(len(clip_of)), torch.bincount(clip_of).tolist()):
        errors[block] = torch.linalg.solve(inverse[block[:, None], block], alpha[block])
    return errors


def _kernel(one: Tensor, other: Tensor, steepness: float) -> Tensor:
    return torch.exp(-steepness * torch.cdist(one, other).square())


def _scores_of_a_fifth(rows: _Rows, centres: Tensor, ridge: float, steepness: float) -> tuple[_Rows, Tensor]:
    """Score the rows of every fifth clip, which come along, by the weights of the others: ``(n / 5, k)``."""
    apart = rows.clip_of % 5 == 0
    weights, bias, _ = _solve(rows.only(~apart), centres, ridge, steepness)
    tested = rows.only(apart)
    return tested, _kernel(tested.deviates, centres, steepness) @ weights + bias


def _mean_by(clip_of: Tensor, values: Tensor) -> Tensor:
    """Average rows ``(n, k)`` by clip, in the order of the clips."""
    _, place, n_rows = torch.unique(clip_of, return_inverse=True, return_counts=True)
    return torch.zeros(len(n_rows), values.shape[1], dtype=values.dtype).index_add(0, place, values) / n_rows[:, None]


def _sharpness(scores: Tensor, shares: Tensor, rows: _Rows) -> float:
    """Find the factor that makes softmax of the clips' scores most likely, from 1 (unsure) to 12."""
    present = shares.sum(dim=0) > 0  # other outputs are no label, or one without clips
    scores, shares = scores[:, present], shares[:, present]
    counted = _mean_by(rows.clip_of, rows.counted[:, None])
    factors = torch.linspace(1.0, 12.0, 45, dtype=torch.float64)
    losses = [-(counted * shares * torch.log_softmax(factor * scores, dim=1)).sum().item() for factor in factors]
    return float(factors[int(np.argmin(losses))])
