"""What a clip is to be: one label, the shares of the votes that raters gave it, or numbers such as arousal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from affexion_core.training.dimensions import FEWEST
from affexion_core.training.run_config import TrainingConfig

# Of numbers in [-1, 1]: less than this is rounding.
_NO_SPREAD = 1e-12


def vote_shares(
    votes: Sequence[Mapping[str, float] | None], targets: Sequence[int], labels: Sequence[str]
) -> np.ndarray:
    """Put the votes on clips into rows that sum to 1, float32 ``(n_clips, n_labels)``.

    Votes for labels that the model doesn't know are left out and the others raised to sum to 1 again. A clip without
    votes, or with none that are left, is wholly its label.

    Parameters
    ----------
    votes
        Share of the votes by label, None for a clip that nobody judged.
    targets
        The position of each clip's label in ``labels``.
    labels
        Those the model tells apart, in its order.
    """
    rows = np.zeros((len(targets), len(labels)), dtype=np.float64)
    for row, said, target in zip(rows, votes, targets, strict=True):
        row[:] = [(said or {}).get(label, 0.0) for label in labels]
        if row.sum() > 0:
            row /= row.sum()
        else:
            row[target] = 1.0
    return rows.astype(np.float32)


def label_mass(targets: Sequence[int], shares: np.ndarray | None, n_labels: int) -> np.ndarray:
    """Count the clips of each label, float64 ``(n_labels,)``; a clip of several by its shares."""
    if shares is not None:
        return shares.sum(axis=0, dtype=np.float64)
    return np.bincount(targets, minlength=n_labels).astype(np.float64)


def label_loss(
    logits: torch.Tensor, targets: torch.Tensor, shares: np.ndarray | None, weights: torch.Tensor | None
) -> torch.Tensor:
    """Cross-entropy of logits ``(B, k)`` against labels, or against the shares of votes; the mean over the batch.

    Each clip counts by the weight of its label, or by the mean weight of its votes. Where every clip has but one label
    by its votes, this is to the bit what it would be without them.

    Parameters
    ----------
    logits, targets
        ``(B, k)`` and positions of labels, int64 ``(B,)``, on one device.
    shares
        float32 ``(B, k)``, rows sum to 1; None for hard labels.
    weights
        One for each label ``(k,)``, on the same device; None for equal ones.
    """
    if shares is None or _only_labels(shares, targets):
        return F.cross_entropy(logits, targets, weight=weights)
    wanted = torch.from_numpy(shares).to(logits.device)
    weighted = wanted if weights is None else wanted * weights
    return -(weighted * F.log_softmax(logits, dim=1)).sum() / weighted.sum()


def ccc_loss(outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """1 - CCC of outputs against numbers ``(B, k)``, each dimension by its own clips; the mean over dimensions.

    The concordance correlation coefficient is 2 cov / (var + var + (mean - mean)²), with moments divided by n. Clips
    whose wanted number is NaN take no part. A dimension without any spread counts nothing, and where that leaves none
    the loss is 0. The CCC of fewer than four clips says little and throws the weights about; there the squared error
    stands in for it.

    Source: L. I. Lin: A concordance correlation coefficient to evaluate reproducibility, Biometrics 45 (1989).
    """
    losses = []
    for heard, said in zip(outputs.unbind(1), wanted.unbind(1), strict=True):
        known = torch.isfinite(said)
        heard, said = heard[known], said[known]
        if 0 < len(said) < FEWEST:
            losses.append((heard - said).square().mean())
        if len(said) < FEWEST:
            continue
        off, apart = heard - heard.mean(), said - said.mean()
        spread = off.square().mean() + apart.square().mean() + (heard.mean() - said.mean()).square()
        if float(spread.detach()) > _NO_SPREAD:
            losses.append(1 - 2 * (off * apart).mean() / spread)
    return torch.stack(losses).mean() if losses else outputs.sum() * 0.0


def squared_loss(outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean squared error of outputs against numbers ``(B, k)``; clips whose number is NaN take no part."""
    known = torch.isfinite(wanted)
    return (outputs[known] - wanted[known]).square().mean() if bool(known.any()) else outputs.sum() * 0.0


def target_loss(
    outputs: torch.Tensor,
    targets: torch.Tensor,
    shares: np.ndarray | None,
    values: np.ndarray | None,
    weights: torch.Tensor | None,
    settings: TrainingConfig,
) -> torch.Tensor:
    """Loss of a batch against all it is to be: `label_loss`, and that of the dimensions by their weight.

    Parameters
    ----------
    outputs
        ``(B, n_labels + n_dimensions)``.
    targets, shares, weights
        As `label_loss` takes them.
    values
        float32 ``(B, n_dimensions)`` in [-1, 1], NaN where a clip has none; None where labels alone are learned.
    settings
        What dimensions are learned by, and what they count.
    """
    if values is None:
        return label_loss(outputs, targets, shares, weights)
    n_labels = outputs.shape[1] - values.shape[1]
    wanted = torch.from_numpy(values).to(outputs.device)
    by_dimension = ccc_loss if settings.dimension_loss == "ccc" else squared_loss
    loss = by_dimension(outputs[:, n_labels:], wanted)
    if not n_labels:
        return loss
    return label_loss(outputs[:, :n_labels], targets, shares, weights) + settings.dimension_weight * loss


def loss_mass(targets: torch.Tensor, shares: np.ndarray | None, weights: torch.Tensor | None) -> float:
    """Say what `label_loss` divides by: clips, each by its weight. Means of parts join by these."""
    if weights is None:
        return float(len(targets))
    if shares is None:
        return float(weights[targets].sum())
    return float((torch.from_numpy(shares).to(weights.device) * weights).sum())


def _only_labels(shares: np.ndarray, targets: torch.Tensor) -> bool:
    return bool((shares[np.arange(len(shares)), targets.cpu().numpy()] == 1).all())
