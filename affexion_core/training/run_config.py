"""Everything that decides how a run is trained, as data: built from a preset, changed by name, kept as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from affexion_core.config import build, config_class, plain
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, allowed
from affexion_core.extraction import FrontEnd
from affexion_core.presets._preset import Preset


@config_class
class InputConfig:
    """How features become model input."""

    max_len: Annotated[
        int,
        Field(ge=1, le=100_000, description="Frames kept from the start of a clip", json_schema_extra={"paper": 1000}),
    ] = 1000
    normalisation: Annotated[
        Literal["train", "clip", "none"],
        Field(
            description="z-score by channel: statistics of the training clips, of each clip alone, or none",
            json_schema_extra={"paper": "train"},
        ),
    ] = "train"


@config_class
class TrainingConfig:
    """How the weights are learned."""

    epochs: Annotated[
        int, Field(ge=1, le=10_000, description="Passes over the training clips", json_schema_extra={"paper": 15})
    ] = 15
    batch_size: Annotated[int, Field(ge=1, le=4096, description="Clips per weight update; the paper names none")] = 16
    learning_rate: Annotated[
        float, Field(gt=0, le=10, description="Adam's step size", json_schema_extra={"paper": 1e-3})
    ] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=1, description="L2 penalty on the weights")] = 0.0
    schedule: Annotated[
        Literal["none", "step", "plateau"],
        Field(description="When the learning rate falls: never, every few epochs, or when the dev loss stalls"),
    ] = "step"
    step_size: Annotated[
        int,
        Field(
            ge=1, le=10_000, description="Epochs between falls (for plateau: patience)", json_schema_extra={"paper": 10}
        ),
    ] = 10
    gamma: Annotated[float, Field(gt=0, le=1, description="Factor at each fall", json_schema_extra={"paper": 0.5})] = (
        0.5
    )
    dev_fraction: Annotated[
        float, Field(ge=0, lt=1, description="Share of training clips set apart to watch and to stop on")
    ] = 0.0
    early_stopping: Annotated[
        int, Field(ge=0, le=1000, description="Stop after so many epochs without a better dev loss; 0: never")
    ] = 0
    class_weights: Annotated[
        Literal["none", "balanced"], Field(description="Weigh each label by the inverse of its share in training")
    ] = "none"


@dataclass(frozen=True)
class RunConfig:
    """The full recipe of a run. ``model_config`` is the model plug-in's own Config."""

    preset: str
    front_ends: tuple[FrontEnd, ...]
    model: str
    model_config: Any
    inputs: InputConfig
    training: TrainingConfig
    seed: int = 0


def from_preset(preset: Preset, seed: int = 0, crossval: bool = False) -> RunConfig:
    """Build the recipe of a preset, as its source trains it or (``crossval``) as it cross-validates it."""
    training = {**preset.training, **(preset.crossval if crossval else {})}
    return RunConfig(
        preset=preset.name,
        front_ends=tuple(_front_end(name, values) for name, values in preset.front_ends.items()),
        model=preset.model,
        model_config=build(load_plugin("models", preset.model).Config, preset.model_settings),
        inputs=build(InputConfig, preset.inputs),
        training=build(TrainingConfig, training),
        seed=seed,
    )


def _front_end(name: str, values: Mapping[str, Any]) -> FrontEnd:
    return FrontEnd(name, build(load_plugin("features", name).Config, values))


def sections(config: RunConfig) -> dict[str, Any]:
    """Name the parts of a recipe that hold settings: training, inputs, the model, each front-end."""
    return {
        "training": config.training,
        "inputs": config.inputs,
        "model": config.model_config,
        **{front_end.name: front_end.config for front_end in config.front_ends},
    }


def with_settings(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """Change settings by name: ``epochs``, or with its section where two share a name: ``model.dropout``.

    Raises
    ------
    ConfigError
        If no setting, or more than one, has that name, or the value is out of range.
    """
    changes: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        section, name = _locate(config, key)
        changes.setdefault(section, {})[name] = _parsed(value)
    return _changed(config, changes)


def _locate(config: RunConfig, key: str) -> tuple[str, str]:
    parts = sections(config)
    places = [(section, field.name) for section, part in parts.items() for field in dataclasses.fields(part)]
    found = [place for place in places if key in (place[1], ".".join(place))]
    if not found:
        raise ConfigError(f"There is no setting {key!r}. Choose {allowed({name for _, name in places})}.")
    if len(found) > 1:
        raise ConfigError(f"{key!r} is a setting of several parts; write {allowed('.'.join(p) for p in found)}.")
    return found[0]


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _changed(config: RunConfig, changes: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    def updated(section: str, part: Any) -> Any:
        return build(type(part), {**plain(part), **changes[section]}) if section in changes else part

    return dataclasses.replace(
        config,
        training=updated("training", config.training),
        inputs=updated("inputs", config.inputs),
        model_config=updated("model", config.model_config),
        front_ends=tuple(FrontEnd(f.name, updated(f.name, f.config)) for f in config.front_ends),
    )


def config_to_json(config: RunConfig) -> dict[str, Any]:
    """Turn a recipe into JSON-ready values."""
    return {
        "preset": config.preset,
        "front_ends": [{"name": f.name, "config": plain(f.config)} for f in config.front_ends],
        "model": {"name": config.model, "config": plain(config.model_config)},
        "inputs": plain(config.inputs),
        "training": plain(config.training),
        "seed": config.seed,
    }


def config_from_json(values: Mapping[str, Any]) -> RunConfig:
    """Read a recipe back; every value is checked again.

    Raises
    ------
    ConfigError
        If a part is missing, unknown or out of range.
    """
    try:
        return RunConfig(
            preset=str(values["preset"]),
            front_ends=tuple(_front_end(part["name"], part["config"]) for part in values["front_ends"]),
            model=values["model"]["name"],
            model_config=build(load_plugin("models", values["model"]["name"]).Config, values["model"]["config"]),
            inputs=build(InputConfig, values["inputs"]),
            training=build(TrainingConfig, values["training"]),
            seed=int(values["seed"]),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(f"This run configuration lacks or misshapes {error}; it can't be used.") from None
