"""What models that hold a pretrained encoder share: how it is built, frozen and kept small in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from affexion_core import encoders
from affexion_core.errors import ConfigError

# What an encoder's training drew of its own, from generators that a resumed training would not find again; blanked
# stretches are a setting of the training instead.
_OFF = {"layerdrop": 0.0, "mask_time_prob": 0.0, "mask_feature_prob": 0.0, "apply_spec_augment": False}


def encoder_with_weights(name: str, kind: encoders.Kind) -> tuple[nn.Module, str]:
    """Load an encoder, and give its architecture as JSON text, which a run keeps beside the weights.

    Raises
    ------
    ModelError
        If it isn't there or can't be loaded.
    """
    about = encoders.describe_encoder(encoders.find_encoder(name), kind)
    model = encoders.load_encoder(about)
    extra = {"affexion_normalises": about.normalises, "affexion_shortest": about.shortest}
    config: Any = model.config
    return model, json.dumps({**config.to_dict(), **extra}, default=str)


def settle(model: nn.Module, checkpointing: bool, dropout: float | None = None) -> None:
    """Turn off what an encoder draws by itself, and trade time for memory where asked."""
    config: Any = model.config
    for name, value in _OFF.items():
        if hasattr(config, name):
            setattr(config, name, value)
    if checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})  # type: ignore[operator]


def freeze(layers: nn.ModuleList, below: list[nn.Module], n: int) -> None:
    """Keep the first ``n`` transformer layers as they are, and with them all that comes before.

    Raises
    ------
    ConfigError
        If there are fewer layers.
    """
    if n > len(layers):
        raise ConfigError(f"freeze_layers = {n}: the encoder has {len(layers)} layers; choose 0 to {len(layers)}.")
    for module in [*below, *layers[:n]] if n else []:
        module.requires_grad_(False)


def rated(model: nn.Module, encoder: nn.Module, rate: float, head_rate: float) -> list[dict[str, Any]]:
    """Group the parameters that learn: those of the head, which starts from nothing, at a higher rate."""
    inside = {id(values) for values in encoder.parameters()}
    head = [values for values in model.parameters() if id(values) not in inside]
    deep = [values for values in encoder.parameters() if values.requires_grad]
    groups = [{"params": head, "lr": rate * head_rate}]
    return [*groups, {"params": deep, "lr": rate}] if deep else groups


def equal_lengths(lengths: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Give the clips of each length: the length and the rows, int64 ``(n,)``, shortest first."""
    for length in sorted(set(lengths.tolist())):
        yield int(length), torch.nonzero(lengths == length).flatten()
