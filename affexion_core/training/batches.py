"""Features to padded batches; normalisation by statistics of the training part alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from affexion_core.extraction import FeatureFile
from affexion_core.training.run_config import InputConfig

if TYPE_CHECKING:
    import torch

# One clip's features: an array (n_frames, n_features) for each front-end.
ClipFeatures = tuple[np.ndarray, ...]
# The same as they come: in memory, or in files that are read when their frames are asked for.
RawFeatures = tuple[np.ndarray | FeatureFile, ...]

# Prepared clips are kept in memory up to so many bytes: two hours of the paper's features.
_KEPT = 256 << 20

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


def fit_normalisation(features: Sequence[RawFeatures], inputs: InputConfig) -> Normalisation:
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


def prepare(clip: RawFeatures, inputs: InputConfig, normalisation: Normalisation) -> ClipFeatures:
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


class Prepared(Sequence[ClipFeatures]):
    """Clips that are prepared when they are asked for, so that memory doesn't grow with their number.

    The first to be asked for are kept, up to `_KEPT` bytes; those beyond are prepared anew each time.
    """

    def __init__(self, features: Sequence[RawFeatures], inputs: InputConfig, normalisation: Normalisation) -> None:
        self._features, self._inputs, self._normalisation = features, inputs, normalisation
        self._kept: dict[int, ClipFeatures] = {}
        self._room = _KEPT

    def __len__(self) -> int:
        return len(self._features)

    @overload
    def __getitem__(self, row: int) -> ClipFeatures: ...
    @overload
    def __getitem__(self, row: slice) -> list[ClipFeatures]: ...
    def __getitem__(self, row: int | slice) -> ClipFeatures | list[ClipFeatures]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        if row in self._kept:
            return self._kept[row]
        clip = prepare(self._features[row], self._inputs, self._normalisation)
        size = sum(frames.nbytes for frames in clip)
        if size <= self._room:
            self._kept[row] = clip
            self._room -= size
        return clip

    def n_frames(self, row: int) -> int:
        """Count the frames a clip has for the first front-end, without preparing it."""
        return min(len(self._features[row][0]), self._inputs.max_len)


def _n_frames(clips: Sequence[ClipFeatures], row: int) -> int:
    return clips.n_frames(row) if isinstance(clips, Prepared) else len(clips[row][0])


def collate(clips: Sequence[ClipFeatures], targets: Sequence[int], rows: Sequence[int]) -> Batch:
    """Pad prepared clips with zeros to the longest of the batch."""
    import torch  # here, as predictions by exported runs prepare features and need no torch

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
    import torch

    if order is None:
        order = torch.randperm(len(clips), generator=generator).tolist()
    pool = batch_size * _POOL
    groups = []
    for start in range(0, len(order), pool):
        by_length = sorted(order[start : start + pool], key=lambda row: _n_frames(clips, row))
        groups += [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    for i in torch.randperm(len(groups), generator=generator).tolist():
        rows = groups[i]
        yield collate([clips[row] for row in rows], [targets[row] for row in rows], rows)


def ordered_batches(clips: Sequence[ClipFeatures], batch_size: int) -> Iterator[Batch]:
    """Give every clip once, longest first; `Batch.rows` says which is which.

    Shortest first, each batch needs a little more memory than the one before it left free, and a process that keeps
    what it frees can grow with the number of clips (see `allocator.allocator_environment`, which not every one has).
    """
    order = sorted(range(len(clips)), key=lambda row: _n_frames(clips, row))
    for start in reversed(range(0, len(order), batch_size)):
        rows = order[start : start + batch_size]
        yield collate([clips[row] for row in rows], [0] * len(rows), rows)
