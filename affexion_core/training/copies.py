"""Changed copies of training clips: the same clip and copy give the same samples in every run, fold and process."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from affexion_core.config import config_hash
from affexion_core.discovery import load_plugin
from affexion_core.extraction import Change, FeatureFile, FrontEnd, feature_files
from affexion_core.types import Clip, Progress, Utterance, no_progress
from affexion_core.workspace import Workspace


@dataclass(frozen=True)
class Augmenter:
    """An augment plug-in by name, and its settings (an instance of the plug-in's ``Config``)."""

    name: str
    config: Any


@dataclass(frozen=True)
class Copy:
    """The ``number``-th copy (from 1) of clips, by one of the augmenters, drawn for each clip, or by all in turn."""

    number: int
    augmenters: tuple[Augmenter, ...]
    combine: Literal["one", "all"] = "one"


def features_of_copy(
    workspace: Workspace, clips: Sequence[Clip], front_end: FrontEnd, copy: Copy, progress: Progress = no_progress
) -> list[FeatureFile]:
    """Get the features of a copy of clips, in their order, through the cache; for errors see `features_of`."""
    chains = {clip.id: _chain(clip, copy) for clip in clips}
    found: dict[str, FeatureFile] = {}
    for chain in dict.fromkeys(chains.values()):
        chosen = [clip for clip in clips if chains[clip.id] == chain]
        features = feature_files(workspace, chosen, front_end, progress, change=_change(chain, copy))
        found |= {clip.id: file for clip, file in zip(chosen, features, strict=True)}
    return [found[clip.id] for clip in clips]


def copy_of(clip: Clip, utterance: Utterance, copy: Copy) -> Utterance:
    """Make a copy of a clip's signal; the transcript stays."""
    signal = utterance.signal
    for place, each in enumerate(_chain(clip, copy)):
        seed = _seed(clip, copy.number, f"{place} {each.name}")
        signal = load_plugin("augment", each.name).apply(signal, utterance.sampling_rate, each.config, seed)
    return Utterance(signal, utterance.sampling_rate, utterance.transcript)


def _chain(clip: Clip, copy: Copy) -> tuple[Augmenter, ...]:
    if copy.combine == "all":
        return copy.augmenters
    return (copy.augmenters[_seed(clip, copy.number, "kind") % len(copy.augmenters)],)


def _change(chain: tuple[Augmenter, ...], copy: Copy) -> Change:
    steps = [[each.name, config_hash(each.config), load_plugin("augment", each.name).VERSION] for each in chain]
    key = config_hash(steps, copy.number)
    return Change(key, lambda clip, utterance: copy_of(clip, utterance, copy))


def _seed(clip: Clip, number: int, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{clip.id} {number} {what}".encode()).digest()[:6], "big")
