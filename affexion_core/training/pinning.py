"""Recipes that name encoders: which files those names mean is written down when a run is prepared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from affexion_core import encoders
from affexion_core.discovery import load_plugin
from affexion_core.training.run_config import RunConfig


def pinned(config: RunConfig) -> RunConfig:
    """Note in a recipe which encoders its names mean now; a recipe that names none, or has noted it, stays as it is.

    Raises
    ------
    ModelError
        If an encoder isn't on this machine, or is no longer the one that was noted.
    """
    return replace(
        config,
        front_ends=tuple(replace(one, config=_noted("features", one.name, one.config)) for one in config.front_ends),
        model_config=_noted("models", config.model, config.model_config),
    )


def check_encoders(config: RunConfig) -> None:
    """Say early, before weights are read, whether the encoders that a recipe names are here.

    Raises
    ------
    ModelError
        As `pinned`.
    """
    for part in (*(each.config for each in config.front_ends), config.model_config):
        if hasattr(part, "encoder"):
            encoders.find_encoder(part.encoder)


def _noted(package: str, name: str, config: Any) -> Any:
    plugin = load_plugin(package, name)
    return plugin.pin(config) if hasattr(plugin, "pin") else config
