"""What a preset is: a published recipe as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A recipe: front-ends, model and training settings that reproduce a published system.

    ``front_ends``, ``model_settings``, ``inputs`` and ``training`` hold only what differs from the plug-in's own
    defaults or what the source states; ``crossval`` holds the training settings that differ within
    cross-validation. ``preprocessing`` is done to every signal first. ``augmentation`` and ``augmenters`` (settings
    by name) say what changed copies of training clips are made, ``adaptation`` how unlabelled clips are used.
    ``reported`` are the source's own figures in percent, by the set they were measured on (``cv``, ``train``,
    ``real``).
    """

    name: str
    title: str
    source: str
    model: str
    front_ends: Mapping[str, Mapping[str, Any]]
    model_settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    crossval: Mapping[str, Any] = field(default_factory=dict)
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    augmentation: Mapping[str, Any] = field(default_factory=dict)
    augmenters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    adaptation: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    notes: str = ""
