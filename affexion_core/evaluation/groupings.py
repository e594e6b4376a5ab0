"""Ways to put clips into groups: by what is known of them, by thirds of what is measured, or automatically."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affexion_core.errors import ConfigError, allowed

if TYPE_CHECKING:
    from affexion_core.evaluation.clip_levels import ClipLevels
    from affexion_core.types import Clip

AUTO_GROUPS = 7
LEVELS = ("loudness", "snr")
MEASURED = ("duration", *LEVELS)
_PLAIN = ("speaker", "corpus", "language", "origin", "generator")
_UNITS = {"duration": "s", "loudness": "LUFS", "snr": "dB"}
_AUTO = re.compile(r"auto(?::(\d+))?")
# Attributes with more values than this tell clips, not groups.
_MOST_VALUES = 20


@dataclass(frozen=True)
class Grouping:
    """Group of each clip, None where it isn't known; ``order`` is how the groups are to stand."""

    by: str
    groups: tuple[str | None, ...]
    order: tuple[str, ...]


def grouping_names(clips: Sequence[Clip]) -> tuple[str, ...]:
    """List the groupings that make at least two groups of these clips, automatic ones aside."""
    found = [name for name in _PLAIN if len(set(map(_plain(name), clips)) - {None}) > 1]
    attributes = sorted({name for clip in clips for name in clip.attributes})
    for name in attributes:
        values = {clip.attributes.get(name) for clip in clips} - {None}
        if 1 < len(values) <= _MOST_VALUES and name not in found:
            found.append(name)
    return (*found, *MEASURED) if len(clips) > 2 else tuple(found)


def group_clips(
    by: str,
    clips: Sequence[Clip],
    labels: Sequence[str],
    levels: Mapping[str, ClipLevels] | None = None,
    seed: int = 0,
) -> Grouping:
    """Put clips into groups.

    Parameters
    ----------
    by
        ``auto`` or ``auto:N`` (see `deal`), ``speaker``, ``corpus``, ``language``, ``origin``, ``generator``, an
        attribute of the clips such as ``gender``, or ``duration``, ``loudness`` and ``snr``: thirds of these clips.
    clips
        In the order of the predictions.
    labels
        Reference label of each, for ``auto``.
    levels
        What `clip_levels.measure_levels` gave; needed for ``loudness`` and ``snr``.
    seed
        For ``auto``.

    Raises
    ------
    ConfigError
        If there is no such grouping; the message lists those there are.
    """
    automatic = _AUTO.fullmatch(by)
    if automatic:
        n_groups = int(automatic[1] or AUTO_GROUPS)
        dealt = deal(labels, [clip.speaker for clip in clips], n_groups, seed)
        return Grouping(by, tuple(f"group {k + 1}" for k in dealt), tuple(f"group {k + 1}" for k in range(n_groups)))
    if by in MEASURED:
        return _thirds(by, [_value_of(by, clip, levels or {}) for clip in clips])
    known = grouping_names(clips)
    if by not in known and by not in _PLAIN:
        choices = allowed((*known, "auto:7"))
        raise ConfigError(f"These clips can't be grouped by {by!r}; choose {choices}.", change=("by",))
    value = _plain(by)
    values = tuple(value(clip) for clip in clips)
    return Grouping(by, values, tuple(sorted({v for v in values if v is not None}, key=_with_numbers)))


def _with_numbers(name: str) -> list[tuple[int, str]]:
    """Sort key by which s2 stands before s10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _plain(by: str) -> Callable[[Clip], str | None]:
    if by == "generator":
        return lambda clip: clip.provenance.generator
    if by in _PLAIN:
        return lambda clip: getattr(clip, by)
    return lambda clip: clip.attributes.get(by)


def _value_of(by: str, clip: Clip, levels: Mapping[str, ClipLevels]) -> float | None:
    if by == "duration":
        return clip.duration
    return getattr(levels[clip.id], by) if clip.id in levels else None


def _thirds(by: str, values: Sequence[float | None]) -> Grouping:
    """Cut where a third and two thirds of the known values lie below; equal values stay together.

    Where more than two thirds share the greatest value, as of clean clips whose noise is beyond measure, these are one
    group and the others another.
    """
    known = np.array([value for value in values if value is not None])
    if not len(known):
        return Grouping(by, (None,) * len(values), ())
    low, high = np.quantile(known, [1 / 3, 2 / 3])
    digits = 1 if by == "duration" else 0
    unit = _UNITS[by]
    if known.min() < low == known.max():
        two = (f"below {low:.{digits}f} {unit}", f"{low:.{digits}f} {unit} or more")
        return Grouping(by, tuple(None if v is None else two[int(v >= low)] for v in values), two)
    below, above = f"{low:.{digits}f}", f"{high:.{digits}f}"
    names = (f"up to {below} {unit}", f"{below} to {above} {unit}", f"above {above} {unit}")
    groups = tuple(None if v is None else names[int(v > low) + int(v > high)] for v in values)
    return Grouping(by, groups, tuple(dict.fromkeys(names)))


def deal(labels: Sequence[str], speakers: Sequence[str | None], n_groups: int, seed: int = 0) -> tuple[int, ...]:
    """Deal clips into groups of nearly the same size and mix of labels, each a small validation set of its own.

    Where every speaker is known and there are at least two for each group, whole speakers are dealt (scikit-learn's
    `StratifiedGroupKFold`), so that no speaker stands in two groups; else clips are, label by label.

    Returns
    -------
    tuple of int
        Group of each clip, 0 to ``n_groups - 1``; the same for the same seed.

    Raises
    ------
    ConfigError
        If there are fewer than 2 groups, or fewer clips than groups.
    """
    if not 2 <= n_groups <= len(labels):
        raise ConfigError(f"{len(labels)} clips can't be dealt into {n_groups} groups; choose 2 to {len(labels)}.")
    if None not in speakers and len(set(speakers)) >= 2 * n_groups:
        from sklearn.model_selection import StratifiedGroupKFold

        dealt = np.zeros(len(labels), dtype=int)
        folds = StratifiedGroupKFold(n_groups, shuffle=True, random_state=seed)
        # scikit-learn warns of labels with fewer clips than groups; they are then as even as they can be
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            parts = list(folds.split(np.zeros(len(labels)), list(labels), list(speakers)))
        for group, (_, members) in enumerate(parts):
            dealt[members] = group
        return tuple(dealt.tolist())
    return _dealt_by_label(labels, n_groups, seed)


def _dealt_by_label(labels: Sequence[str], n_groups: int, seed: int) -> tuple[int, ...]:
    rng = np.random.default_rng(seed)
    groups = np.zeros(len(labels), dtype=int)
    dealt = 0
    for label in sorted(set(labels)):
        members = [i for i, own in enumerate(labels) if own == label]
        # each label goes on where the last one stopped, so that sizes differ by one clip at most
        groups[rng.permutation(members)] = (dealt + np.arange(len(members))) % n_groups
        dealt += len(members)
    return tuple(groups.tolist())
