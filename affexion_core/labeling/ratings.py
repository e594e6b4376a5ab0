"""The table that every figure about raters starts from: who gave which clip which value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.errors import LabelError, allowed


@dataclass(frozen=True, eq=False)
class Ratings:
    """Judgements of clips under one scheme, at most one per clip and rater; missing ones are simply not there.

    Skips and "unclear" are no values: whoever fills the table leaves them out.

    Attributes
    ----------
    clip_ids, raters
        Names, each once, sorted where `ratings_of` made the table.
    labels
        The scheme's labels in its order; empty where the values are numbers.
    clip_index, rater_index
        Positions in ``clip_ids`` and ``raters``, int ``(n_judgements,)``, sorted by clip, then rater.
    values
        ``(n_judgements,)``: positions in ``labels``, int; or finite numbers, float64.
    anonymous
        Those of ``raters`` that are no people but slots for votes whose givers are unknown (``cremad:vote-3``): the
        same name on two clips may be two people. What follows one person over clips is then undefined.

    Raises
    ------
    LabelError
        If a clip has two values by the same rater, or the parts don't fit each other.
    """

    clip_ids: tuple[str, ...]
    raters: tuple[str, ...]
    labels: tuple[str, ...]
    clip_index: np.ndarray
    rater_index: np.ndarray
    values: np.ndarray
    anonymous: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        strangers = self.anonymous - set(self.raters)
        if strangers:
            raise LabelError(f"Anonymous raters are not among the raters: {', '.join(sorted(strangers))}.")
        if not len(self.clip_index) == len(self.rater_index) == len(self.values):
            raise LabelError("A table of judgements needs one clip, one rater and one value for each.")
        _check_range(self.clip_index, len(self.clip_ids), "clip")
        _check_range(self.rater_index, len(self.raters), "rater")
        if self.labels:
            _check_range(self.values, len(self.labels), "label")
        elif not np.isfinite(self.values).all():
            raise LabelError("A judgement is not a finite number; leave it out.")
        self._check_once()

    def _check_once(self) -> None:
        keys = self.clip_index.astype(np.int64) * max(len(self.raters), 1) + self.rater_index
        steps = np.diff(keys)
        if (steps < 0).any():
            raise LabelError("A table of judgements is sorted by clip, then rater; make it with ratings_of.")
        if (steps == 0).any():
            row = int(np.flatnonzero(steps == 0)[0])
            clip, rater = self.clip_ids[self.clip_index[row]], self.raters[self.rater_index[row]]
            raise LabelError(f"Clip {clip!r} has two values by rater {rater!r}; keep the one that counts.")

    @property
    def numeric(self) -> bool:
        """Whether the values are numbers, not labels."""
        return not self.labels


def _check_range(positions: np.ndarray, n: int, what: str) -> None:
    if len(positions) and (positions.min() < 0 or positions.max() >= n):
        raise LabelError(f"A judgement points to a {what} that isn't in the table of {n}.")


def ratings_of(
    judgements: Iterable[tuple[str, str, str | float]],
    labels: Sequence[str] | None = None,
    anonymous: Iterable[str] = (),
) -> Ratings:
    """Put judgements into a table.

    Parameters
    ----------
    judgements
        Clip id, rater and value (a label or a number) of each, in any order. Leave skips and "unclear" out before.
    labels
        The scheme's labels in its order. None: the labels found, sorted; or none where the values are numbers.
    anonymous
        Raters that are slots for votes by unknown people; names that gave no judgement are ignored.

    Raises
    ------
    LabelError
        If a clip has two values by the same rater, a label isn't in ``labels``, a number isn't finite, or labels and
        numbers are mixed.

    Examples
    --------
    >>> ratings_of([("c1", "ann", "sad"), ("c1", "bob", "happy")]).labels
    ('happy', 'sad')
    """
    rows = list(judgements)
    clip_ids = tuple(sorted({clip for clip, _, _ in rows}))
    raters = tuple(sorted({rater for _, rater, _ in rows}))
    clip_at = {name: position for position, name in enumerate(clip_ids)}
    rater_at = {name: position for position, name in enumerate(raters)}
    clip_index = np.array([clip_at[clip] for clip, _, _ in rows], dtype=np.intp)
    rater_index = np.array([rater_at[rater] for _, rater, _ in rows], dtype=np.intp)
    names, values = _values(rows, labels)
    order = np.lexsort((rater_index, clip_index))
    slots = frozenset(anonymous) & set(raters)
    return Ratings(clip_ids, raters, names, clip_index[order], rater_index[order], values[order], slots)


def _values(
    rows: list[tuple[str, str, str | float]], labels: Sequence[str] | None
) -> tuple[tuple[str, ...], np.ndarray]:
    texts = [value for _, _, value in rows if isinstance(value, str)]
    if labels is None and not texts:
        for clip, rater, value in rows:
            if isinstance(value, str) or not math.isfinite(value):
                raise LabelError(f"Clip {clip!r} has {value} by rater {rater!r}; give a finite number or leave it out.")
        return (), np.array([value for _, _, value in rows], dtype=np.float64)
    names = tuple(labels) if labels is not None else tuple(sorted(set(texts)))
    if not names or len(set(names)) != len(names):
        raise LabelError(f"A scheme needs labels, each once, not {', '.join(names) or 'none'}.")
    at = {name: position for position, name in enumerate(names)}
    for clip, rater, value in rows:
        if value not in at:
            raise LabelError(f"Clip {clip!r} has {value!r} by rater {rater!r}; the scheme allows {allowed(names)}.")
    return names, np.array([at[str(value)] for _, _, value in rows], dtype=np.intp)


def people(ratings: Ratings) -> Ratings:
    """Keep the judgements of raters who are known by name; clips that they did not judge are left out."""
    if not ratings.anonymous:
        return ratings
    named = np.array([rater not in ratings.anonymous for rater in ratings.raters], dtype=bool)
    kept = named[ratings.rater_index]
    clips, clip_index = np.unique(ratings.clip_index[kept], return_inverse=True)
    new_position = np.cumsum(named) - 1
    return Ratings(
        clip_ids=tuple(ratings.clip_ids[clip] for clip in clips),
        raters=tuple(rater for rater in ratings.raters if rater not in ratings.anonymous),
        labels=ratings.labels,
        clip_index=clip_index,
        rater_index=new_position[ratings.rater_index[kept]],
        values=ratings.values[kept],
    )


def votes_per_clip(ratings: Ratings) -> np.ndarray:
    """Count the judgements of each clip, int ``(n_clips,)``."""
    return np.bincount(ratings.clip_index, minlength=len(ratings.clip_ids))


def vote_counts(ratings: Ratings) -> np.ndarray:
    """Count the votes of each clip for each label, int ``(n_clips, n_labels)``; `LabelError` for numbers."""
    check_labels(ratings, "Counts of votes")
    n_labels = len(ratings.labels)
    cells = ratings.clip_index * n_labels + ratings.values
    return np.bincount(cells, minlength=len(ratings.clip_ids) * n_labels).reshape(-1, n_labels)


def check_labels(ratings: Ratings, what: str) -> None:
    """Raise `LabelError` where ``what`` (the start of a sentence, plural) can't be had from numbers."""
    if ratings.numeric and len(ratings.values):
        raise LabelError(f"{what} need labels, but these judgements are numbers; use Krippendorff's α for them.")
