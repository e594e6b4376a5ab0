"""Features to padded batches; normalisation by statistics of the training part alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from affexion_core.training.run_config import InputConfig

# One clip's features: an array (n_frames, n_features) for each front-end.
ClipFeatures = tuple[np.ndarray, ...]

# Batches are cut from pools of this many batches sorted by length, so that little padding is computed.
_POOL = 8


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation for each front-end, float32 ``(n_features,)``; applied by channel."""

    means: tuple[np.ndarray, ...]
    deviations: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Batch:
    """``inputs``: float32 ``(B, T, F)`` and ``lengths``: int64 ``(B,)`` for each front-end; ``targets``: ``(B,)``."""

    inputs: tuple[torch.Tensor, ...]
    lengths: tuple[torch.Tensor, ...]
    targets: torch.Tensor
    rows: tuple[int, ...]


def fit_normalisation(features: Sequence[ClipFeatures], inputs: InputConfig) -> Normalisation:
    """Measure mean and deviation by channel over all kept frames of the training clips (float64 sums)."""
    means, deviations = [], []
    for i in range(len(features[0])):
        n, total, squares = 0, 0.0, 0.0
        for clip in features:
            frames = np.asarray(clip[i][: inputs.max_len], dtype=np.float64)
            n, total, squares = n + len(frames), total + frames.sum(0), squares + (frames**2).sum(0)
        if not n:  # an input that all training clips lack
            means.append(np.zeros(features[0][i].shape[1], np.float32))
            deviations.append(np.ones(features[0][i].shape[1], np.float32))
            continue
        mean = np.asarray(total / n)
        means.append(mean.astype(np.float32))
        deviations.append(np.sqrt(np.maximum(squares / n - mean**2, 1e-10)).astype(np.float32))
    return Normalisation(tuple(means), tuple(deviations))


def prepare(clip: ClipFeatures, inputs: InputConfig, normalisation: Normalisation) -> ClipFeatures:
    """Truncate to ``max_len`` frames and normalise one clip."""
    prepared = []
    for i, features in enumerate(clip):
        frames = np.asarray(features[: inputs.max_len], dtype=np.float32)
        if inputs.normalisation == "train":
            frames = (frames - normalisation.means[i]) / normalisation.deviations[i]
        elif inputs.normalisation == "clip" and len(frames):
            frames = (frames - frames.mean(0)) / np.sqrt(np.maximum(frames.var(0), 1e-10))
        prepared.append(frames)
    return tuple(prepared)


def collate(clips: Sequence[ClipFeatures], targets: Sequence[int], rows: Sequence[int]) -> Batch:
    """Pad prepared clips with zeros to the longest of the batch."""
    inputs, lengths = [], []
    for i in range(len(clips[0])):
        # cached features that are used as they are can't be written to, and torch wants to be able to
        frames = [torch.from_numpy(clip[i] if clip[i].flags.writeable else clip[i].copy()) for clip in clips]
        lengths.append(torch.tensor([len(f) for f in frames]))
        inputs.append(torch.nn.utils.rnn.pad_sequence(frames, batch_first=True))
    return Batch(tuple(inputs), tuple(lengths), torch.tensor(list(targets), dtype=torch.int64), tuple(rows))


def shuffled_batches(
    clips: Sequence[ClipFeatures],
    targets: Sequence[int],
    batch_size: int,
    generator: torch.Generator,
    order: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Give every clip once, or the rows of ``order`` (drawn already), in random batches of clips of like length."""
    if order is None:
        order = torch.randperm(len(clips), generator=generator).tolist()
    pool = batch_size * _POOL
    groups = []
    for start in range(0, len(order), pool):
        by_length = sorted(order[start : start + pool], key=lambda row: len(clips[row][0]))
        groups += [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    for i in torch.randperm(len(groups), generator=generator).tolist():
        rows = groups[i]
        yield collate([clips[row] for row in rows], [targets[row] for row in rows], rows)


def ordered_batches(clips: Sequence[ClipFeatures], batch_size: int) -> Iterator[Batch]:
    """Give every clip once, shortest first; `Batch.rows` says which is which."""
    order = sorted(range(len(clips)), key=lambda row: len(clips[row][0]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield collate([clips[row] for row in rows], [0] * len(rows), rows)
