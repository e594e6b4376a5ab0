"""Who trains and who tests: folds and dev parts that keep speakers, texts or generators on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from affexion_core.errors import ConfigError, SplitError, allowed
from affexion_core.types import LabelledClip, LeakKind, Split, normalised_text

Group = Literal["speaker", "text", "generator", "none"]
GROUPS: tuple[Group, ...] = get_args(Group)

# What may stand on both sides once the clips are grouped so. The split is stamped with whatever does.
_TOLERATED: dict[Group, frozenset[LeakKind]] = {
    "speaker": frozenset({"text"}),
    "text": frozenset({"speaker", "voice"}),
    "generator": frozenset({"text"}),
    "none": frozenset({"speaker", "voice", "text"}),
}


@dataclass(frozen=True)
class Grouping:
    """The grouping used, and why another than the default was taken (None if the default or as asked)."""

    group: Group
    reason: str | None = None


def group_keys(items: Sequence[LabelledClip], group: Group) -> list[str]:
    """Name the group each clip belongs to; a clip whose group is unknown stands alone."""

    def key(item: LabelledClip) -> str | None:
        clip = item.clip
        if group == "speaker":
            return clip.speaker
        if group == "text":
            return normalised_text(clip.transcript)
        if group == "generator":
            return clip.provenance.generator or clip.corpus
        return None

    return [f"{group}:{value}" if (value := key(item)) is not None else f"clip:{item.clip.id}" for item in items]


def choose_grouping(items: Sequence[LabelledClip], n_folds: int, asked: str | None = None) -> Grouping:
    """Choose how to keep the folds apart: as asked, else by speaker, else the strictest that fills the folds.

    Raises
    ------
    ConfigError
        If ``asked`` is no grouping.
    SplitError
        If a grouping was asked for that can't fill the folds, or if there is only one speaker.
    """
    if asked is not None:
        return _asked_grouping(items, n_folds, asked)
    speakers = {item.clip.speaker for item in items}
    n_speakers = len(set(group_keys(items, "speaker")))
    if len(speakers) == 1 and None not in speakers:
        raise SplitError(
            f"All {len(items)} clips are by one speaker ({next(iter(speakers))}), so no fold can be speaker-disjoint. "
            "Add speakers, or keep texts or nothing on one side instead: the figures are then stamped leaky.",
            change=("group",),
        )
    if n_speakers >= n_folds:
        return Grouping("speaker")
    fallback: Group = "text" if len(set(group_keys(items, "text"))) >= n_folds else "none"
    return Grouping(
        fallback,
        f"{n_speakers} speakers can't fill {n_folds} speaker-disjoint folds, so clips are grouped by {fallback} and "
        f"the figures stamped leaky. {_speaker_disjoint(n_speakers)}",
    )


def _speaker_disjoint(n_speakers: int) -> str:
    most = f"at most {n_speakers} folds" if n_speakers > 1 else "more speakers"
    return f"Speaker-disjoint folds need {most} with speakers kept on one side."


def _asked_grouping(items: Sequence[LabelledClip], n_folds: int, asked: str) -> Grouping:
    name = "speaker" if asked == "voice" else asked
    if name not in GROUPS:
        raise ConfigError(f"There is no grouping {asked!r}. Choose {allowed((*GROUPS, 'voice'))}.")
    group: Group = name
    n_groups = len(set(group_keys(items, group)))
    if n_groups < n_folds:
        hint = f"at most {n_groups} folds" if n_groups > 1 else "something else to keep on one side"
        wanted = "clips" if name == "none" else f"{asked}s"
        raise SplitError(
            f"{n_folds} folds need {n_folds} {wanted}; the dataset has {n_groups}. Choose {hint}.",
            change=("n_folds", "group") if n_groups > 1 else ("group",),
        )
    return Grouping(group)


def check_labels(items: Sequence[LabelledClip], dataset: str) -> None:
    """Refuse to train on nothing, or on one label only.

    Raises
    ------
    SplitError
        Saying what the dataset has.
    """
    counts = Counter(item.label for item in items)
    if not counts:
        raise SplitError(f"Dataset {dataset!r} has no labelled clips; import or synthesize some first.")
    if len(counts) == 1:
        only = next(iter(counts))
        raise SplitError(
            f"Dataset {dataset!r} has one label only ({only!r}, {counts[only]} clips); a classifier needs at least two."
        )


def kfold(items: Sequence[LabelledClip], n_folds: int, group: Group = "speaker", seed: int = 0) -> tuple[Split, ...]:
    """Cut clips into folds, each the test part once: stratified by label, groups kept whole.

    Parameters
    ----------
    n_folds
        2 or more, at most the number of groups.
    seed
        Same seed, same folds.

    Raises
    ------
    SplitError
        If the folds can't be filled.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    _asked_grouping(items, n_folds, group)
    if not 2 <= n_folds <= len(items):
        raise SplitError(f"{n_folds} folds can't be made of {len(items)} clips; choose 2 to {len(items)}.")
    largest = max(Counter(item.label for item in items).values())
    if largest < n_folds:
        raise SplitError(f"No label has {n_folds} clips to spread over {n_folds} folds (the largest has {largest}).")
    folder = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    labels = [item.label for item in items]
    parts = folder.split(labels, labels, group_keys(items, group))
    return tuple(
        Split(train=tuple(items[i] for i in train), test=tuple(items[i] for i in test), allow=_TOLERATED[group])
        for train, test in parts
    )


def set_apart_dev(split: Split, fraction: float, seed: int) -> Split:
    """Move about ``fraction`` of the training clips to the dev part; speakers kept whole where there are several.

    Raises
    ------
    SplitError
        If the training clips have too few groups.
    """
    if fraction == 0:
        return split
    counts: dict[Group, int] = {group: len(set(group_keys(split.train, group))) for group in ("speaker", "text")}
    group: Group = next((name for name, n in counts.items() if n > 1), "none")
    n_parts = min(max(2, round(1 / fraction)), counts.get(group, len(split.train)))
    inner = kfold(split.train, n_parts, group, seed)[0]
    return Split(train=inner.train, dev=inner.test, test=split.test, allow=split.allow)
