"""Everything that decides how a run is trained, as data: built from a preset, changed by name, kept as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from affexion_core.audio.preprocessing import PreprocessingConfig
from affexion_core.config import build, config_class, plain
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, allowed
from affexion_core.extraction import FrontEnd
from affexion_core.presets._preset import Preset
from affexion_core.training.copies import Augmenter


def _listed(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


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
    accumulate: Annotated[
        int, Field(ge=1, le=4096, description="Batches an update: 16 of one clip learn as one of 16, in less memory")
    ] = 1
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
    targets: Annotated[
        Literal["hard", "soft", "dimensions", "joint"],
        Field(
            description="What a clip is to be: its label; the shares of its votes (without votes, its label); its "
            "values for dimensions such as arousal; or label and values at once"
        ),
    ] = "hard"
    dimensions: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed),
        Field(description="Dimensions to learn, such as arousal, valence; empty: all that the clips have values for"),
    ] = ()
    dimension_loss: Annotated[
        Literal["ccc", "mse"],
        Field(description="What dimensions are learned by: 1 - CCC of each batch, or the mean squared error"),
    ] = "ccc"
    dimension_weight: Annotated[
        float, Field(gt=0, le=1000, description="What dimensions count against the label where both are learned")
    ] = 1.0
    class_weights: Annotated[
        Literal["none", "balanced"], Field(description="Weigh each label by the inverse of its share in training")
    ] = "none"
    sampling: Annotated[
        Literal["none", "balanced", "truncated"],
        Field(description="Clips seen by label: as they are, drawn alike often, or cut to the smallest label's number"),
    ] = "none"
    mixup: Annotated[
        float, Field(ge=0, le=10, description="Mix pairs of clips by Beta(mixup, mixup), e.g. 0.2; 0: never")
    ] = 0.0
    time_masks: Annotated[int, Field(ge=0, le=20, description="Stretches of frames blanked in each clip; 0: none")] = 0
    time_mask_frames: Annotated[int, Field(ge=1, le=10_000, description="Frames a stretch has at most")] = 40
    feature_masks: Annotated[int, Field(ge=0, le=20, description="Bands of features blanked in each clip; 0: none")] = 0
    feature_mask_bands: Annotated[int, Field(ge=1, le=10_000, description="Features a band has at most")] = 8


@config_class
class AugmentationConfig:
    """Changed copies of the training clips, made after the split; dev and test clips stay as they are."""

    copies: Annotated[int, Field(ge=0, le=8, description="Changed copies of each training clip; 0: none")] = 0
    kinds: Annotated[
        tuple[str, ...],
        BeforeValidator(_listed),
        Field(min_length=1, description="Changes to signals; each has settings of its own once there are copies"),
    ] = ("noise", "room", "pitch", "speed")
    combine: Annotated[
        Literal["one", "all"], Field(description="Whether a copy gets one of the kinds, drawn, or all in turn")
    ] = "one"


@config_class
class AdaptationConfig:
    """Use of unlabelled clips of the place where the model is to work; see `training.adaptation`."""

    method: Annotated[
        Literal["none", "coral", "dann", "batchnorm", "statistics", "prior"],
        Field(description="How the model is brought closer to unlabelled clips; needs a dataset to adapt to"),
    ] = "none"
    strength: Annotated[
        float,
        Field(
            ge=0, le=1000, description="Weight against the loss (coral, dann: try 0.3); share of the correction (prior)"
        ),
    ] = 1.0


@dataclass(frozen=True)
class RunConfig:
    """The full recipe of a run. ``model_config`` is the model plug-in's own Config.

    ``augmenters`` are those that ``augmentation`` names, empty where it makes no copies.
    """

    preset: str
    front_ends: tuple[FrontEnd, ...]
    model: str
    model_config: Any
    inputs: InputConfig
    training: TrainingConfig
    seed: int = 0
    augmentation: AugmentationConfig = AugmentationConfig()
    augmenters: tuple[Augmenter, ...] = ()
    adaptation: AdaptationConfig = AdaptationConfig()

    @property
    def preprocessing(self) -> PreprocessingConfig:
        """What is done to signals before the features; every front-end hears the same."""
        return self.front_ends[0].preprocessing


def from_preset(preset: Preset, seed: int = 0, crossval: bool = False) -> RunConfig:
    """Build the recipe of a preset, as its source trains it or (``crossval``) as it cross-validates it."""
    training = {**preset.training, **(preset.crossval if crossval else {})}
    augmentation = build(AugmentationConfig, preset.augmentation)
    before = build(PreprocessingConfig, preset.preprocessing)
    return RunConfig(
        preset=preset.name,
        front_ends=tuple(_front_end(name, values, before) for name, values in preset.front_ends.items()),
        model=preset.model,
        model_config=build(load_plugin("models", preset.model).Config, preset.model_settings),
        inputs=build(InputConfig, preset.inputs),
        training=build(TrainingConfig, training),
        seed=seed,
        augmentation=augmentation,
        augmenters=_augmenters(augmentation, preset.augmenters),
        adaptation=build(AdaptationConfig, preset.adaptation),
    )


def _augmenters(augmentation: AugmentationConfig, values: Mapping[str, Any]) -> tuple[Augmenter, ...]:
    """Give the augmenters that make the copies, with their settings: plain values or configs by name."""
    found = []
    for name in augmentation.kinds:
        config_type = load_plugin("augment", name).Config
        given = values.get(name, {})
        found.append(Augmenter(name, given if isinstance(given, config_type) else build(config_type, given)))
    return tuple(found) if augmentation.copies else ()


def _front_end(name: str, values: Mapping[str, Any], before: PreprocessingConfig) -> FrontEnd:
    return FrontEnd(name, build(load_plugin("features", name).Config, values), before)


def sections(config: RunConfig) -> dict[str, Any]:
    """Name the parts of a recipe that hold settings: from training over each front-end to each augmenter."""
    return {
        "training": config.training,
        "inputs": config.inputs,
        "model": config.model_config,
        "preprocessing": config.preprocessing,
        **{front_end.name: front_end.config for front_end in config.front_ends},
        "augmentation": config.augmentation,
        **{augmenter.name: augmenter.config for augmenter in config.augmenters},
        "adaptation": config.adaptation,
    }


def with_settings(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
    """Change settings by name: ``epochs``, or with its section where two share a name: ``model.dropout``.

    Raises
    ------
    ConfigError
        If no setting, or more than one, has that name, or the value is out of range.
    """
    # which copies are made decides which augmenters have settings, so that comes first
    first = {field.name for field in dataclasses.fields(AugmentationConfig)}
    shaping = {key: value for key, value in settings.items() if key.removeprefix("augmentation.") in first}
    if shaping:
        config = _with_settings(config, shaping)
    return _with_settings(config, {key: value for key, value in settings.items() if key not in shaping})


def _with_settings(config: RunConfig, settings: Mapping[str, Any]) -> RunConfig:
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

    augmentation = updated("augmentation", config.augmentation)
    before = updated("preprocessing", config.preprocessing)
    augmenters = {each.name: updated(each.name, each.config) for each in config.augmenters}
    return dataclasses.replace(
        config,
        training=updated("training", config.training),
        inputs=updated("inputs", config.inputs),
        model_config=updated("model", config.model_config),
        front_ends=tuple(FrontEnd(f.name, updated(f.name, f.config), before) for f in config.front_ends),
        augmentation=augmentation,
        augmenters=_augmenters(augmentation, augmenters),
        adaptation=updated("adaptation", config.adaptation),
    )


def config_to_json(config: RunConfig) -> dict[str, Any]:
    """Turn a recipe into JSON-ready values."""
    return {
        "preset": config.preset,
        "front_ends": [{"name": f.name, "config": plain(f.config)} for f in config.front_ends],
        "model": {"name": config.model, "config": plain(config.model_config)},
        "preprocessing": plain(config.preprocessing),
        "inputs": plain(config.inputs),
        "training": plain(config.training),
        "seed": config.seed,
        "augmentation": plain(config.augmentation),
        "augmenters": {augmenter.name: plain(augmenter.config) for augmenter in config.augmenters},
        "adaptation": plain(config.adaptation),
    }


def front_ends_from_json(values: Mapping[str, Any]) -> tuple[FrontEnd, ...]:
    """Read the front-ends of a recipe alone. `ConfigError` or `KeyError` if one can't be used."""
    before = build(PreprocessingConfig, values.get("preprocessing", {}))
    return tuple(_front_end(part["name"], part["config"], before) for part in values["front_ends"])


def config_from_json(values: Mapping[str, Any]) -> RunConfig:
    """Read a recipe back; every value is checked again.

    Raises
    ------
    ConfigError
        If a part is missing, unknown or out of range.
    """
    try:
        # what recipes of earlier versions don't name is off
        augmentation = build(AugmentationConfig, values.get("augmentation", {}))
        return RunConfig(
            preset=str(values["preset"]),
            front_ends=front_ends_from_json(values),
            model=values["model"]["name"],
            model_config=build(load_plugin("models", values["model"]["name"]).Config, values["model"]["config"]),
            inputs=build(InputConfig, values["inputs"]),
            training=build(TrainingConfig, values["training"]),
            seed=int(values["seed"]),
            augmentation=augmentation,
            augmenters=_augmenters(augmentation, values.get("augmenters", {})),
            adaptation=build(AdaptationConfig, values.get("adaptation", {})),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(f"This run configuration lacks or misshapes {error}; it can't be used.") from None
