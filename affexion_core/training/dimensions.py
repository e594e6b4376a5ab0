"""Dimensions as targets: which ones a run learns, what its recipe must allow, and numbers to outputs and back.

A model's outputs are its labels' logits, then one number for each dimension, in which -1 and 1 are the ends of the
scheme's range. Answers beyond the ends are cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError, LabelError, allowed
from affexion_core.training.run_config import RunConfig
from affexion_core.types import Dataset, LabelledClip, Scheme

# Clips that a batch needs for the CCC of a dimension to be learned by.
FEWEST = 4


def learns_labels(config: RunConfig) -> bool:
    """Say whether a recipe learns to tell labels apart."""
    return config.training.targets != "dimensions"


def learns_dimensions(config: RunConfig) -> bool:
    """Say whether a recipe learns numbers."""
    return config.training.targets in ("dimensions", "joint")


def run_dimensions(dataset: Dataset, config: RunConfig) -> tuple[Scheme, ...]:
    """List the dimensions that a run on this dataset learns: those the recipe names, else all it has values for.

    Raises
    ------
    LabelError
        If the dataset has no values, or none for one that is named.
    """
    if not learns_dimensions(config):
        return ()
    if not dataset.dimensions:
        raise LabelError(
            f"No clip of dataset {dataset.name!r} has a value for a dimension (such as arousal), so there are none to "
            "learn. Choose a dataset with values, or learn its labels.",
            change=("dataset", "settings"),
        )
    known = {scheme.name: scheme for scheme in dataset.dimensions}
    wrong = next((name for name in config.training.dimensions if name not in known), None)
    if wrong is not None:
        raise LabelError(
            f"No clip of dataset {dataset.name!r} has a value for {wrong!r}; it has {allowed(known)}.",
            change=("settings",),
        )
    chosen = config.training.dimensions or tuple(known)
    return tuple(known[name] for name in known if name in chosen)


def check_recipe(config: RunConfig) -> None:
    """Refuse a recipe whose parts can't go together with dimensions.

    Raises
    ------
    ConfigError
        Naming the setting, and what to choose instead.
    """
    if not learns_dimensions(config):
        return
    training = config.training
    plugin = load_plugin("models", config.model)
    if not _learns_numbers(config.model):
        able = [name for name in plugin_names("models") if _learns_numbers(name)]
        raise ConfigError(
            f"Model {config.model!r} tells labels apart and can't learn numbers; choose a recipe with one that can: "
            f"{', '.join(able)}.",
            change=("preset",),
        )
    if training.mixup:
        raise ConfigError("mixup mixes labels and can't be used with dimensions; set it to 0.", change=("settings",))
    if config.adaptation.method == "prior":
        raise ConfigError(
            "The adaptation 'prior' corrects shares of labels and can't be used with dimensions; choose another.",
            change=("settings",),
        )
    too_few = training.batch_size < FEWEST and not hasattr(plugin, "fit")
    if training.dimension_loss == "ccc" and too_few:
        raise ConfigError(
            f"The CCC of batches of {training.batch_size} says nothing; set batch_size to 8 or more, or dimension_loss "
            "to mse.",
            change=("settings",),
        )


def _learns_numbers(model: str) -> bool:
    plugin = load_plugin("models", model)
    return hasattr(plugin, "fit_values") or not hasattr(plugin, "fit")


def require_labels(config: RunConfig, what: str, alone: bool = False, instead: str = "") -> None:
    """Refuse a recipe on dimensions where labels are needed; with ``alone`` also one that learns both.

    Raises
    ------
    ConfigError
        If the recipe learns dimensions; ``what`` begins the message, ``instead`` says how to look at dimensions.
    """
    if not learns_labels(config) or (alone and learns_dimensions(config)):
        only = " alone" if alone else ""
        way = f" For dimensions, {instead}." if instead else ""
        raise ConfigError(
            f"{what} looks at labels{only}, and recipe {config.preset!r} learns dimensions. Choose another recipe, or "
            f"set targets to hard.{way}",
            change=("preset", "settings"),
        )


def unit_values(values: Sequence[Mapping[str, float] | None], dimensions: Sequence[Scheme]) -> np.ndarray:
    """Bring the values of clips to [-1, 1], float32 ``(n_clips, n_dimensions)``; NaN where a clip has none."""
    low, high = _ends(dimensions)
    rows = reference_values(values, dimensions)
    return (2 * (rows - low) / (high - low) - 1).astype(np.float32)


def reference_values(values: Sequence[Mapping[str, float] | None], dimensions: Sequence[Scheme]) -> np.ndarray:
    """Put the values of clips into rows as they are, float64 ``(n_clips, n_dimensions)``; NaN where a clip has none."""
    rows = [[(said or {}).get(scheme.name, np.nan) for scheme in dimensions] for said in values]
    return np.array(rows, dtype=np.float64).reshape(len(values), len(dimensions))


def scale_values(outputs: np.ndarray, dimensions: Sequence[Scheme]) -> np.ndarray:
    """Bring a model's outputs ``(…, n_dimensions)`` to the schemes' ranges, float64; what lies beyond is cut off."""
    low, high = _ends(dimensions)
    return low + (np.clip(outputs.astype(np.float64), -1, 1) + 1) / 2 * (high - low)


def _ends(dimensions: Sequence[Scheme]) -> tuple[np.ndarray, np.ndarray]:
    lows = [0.0 if scheme.low is None else scheme.low for scheme in dimensions]
    highs = [1.0 if scheme.high is None else scheme.high for scheme in dimensions]
    return np.array(lows, dtype=np.float64), np.array(highs, dtype=np.float64)


def check_measurable(dataset: Dataset, items: Sequence[LabelledClip], dimensions: Sequence[Scheme]) -> None:
    """Refuse a set of clips that nothing a run has learned can be measured on.

    Raises
    ------
    LabelError
        If no clip has a value for any of the dimensions, or a dimension has another range there.
    """
    there = {scheme.name: scheme for scheme in dataset.dimensions}
    names = [scheme.name for scheme in dimensions]
    if not any(name in (item.values or {}) for item in items for name in names):
        raise LabelError(
            f"No clip of dataset {dataset.name!r} has a value for {allowed(names)}, which the run predicts; choose a "
            "dataset with values.",
            change=("dataset",),
        )
    for scheme in dimensions:
        other = there.get(scheme.name, scheme)
        if (other.low, other.high) != (scheme.low, scheme.high):
            raise LabelError(
                f"Dataset {dataset.name!r} gives {scheme.name} from {other.low:g} to {other.high:g}, but the run "
                f"learned it from {scheme.low:g} to {scheme.high:g}; choose a dataset on the same scale.",
                change=("dataset",),
            )
