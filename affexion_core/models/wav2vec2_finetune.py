"""A speech encoder such as wav2vec2 that learns along with the classifier upon it."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from affexion_core import encoders
from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.models._encoder import encoder_with_weights, equal_lengths, freeze, rated, settle
from affexion_core.models._masking import only_input, valid_frames
from affexion_core.models._output import ModelOutput


@config_class
class Config:
    """Which encoder, how much of it learns, and how memory is saved."""

    encoder: Annotated[
        str, Field(description="Folder of a speech encoder, or its name, such as facebook/wav2vec2-base")
    ] = "facebook/wav2vec2-base"
    freeze_features: Annotated[bool, Field(description="Keep the convolutions that read the signal as they are")] = True
    freeze_layers: Annotated[
        int, Field(ge=0, le=200, description="Transformer layers kept as they are, from the first; 0: all learn")
    ] = 0
    head_rate: Annotated[
        float, Field(gt=0, le=10_000, description="The head's learning rate, as a multiple of the encoder's")
    ] = 20.0
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of the pooled numbers left out in training")] = 0.1
    gradient_checkpointing: Annotated[
        bool, Field(description="Compute layers twice rather than keep them: half the memory, a third more time")
    ] = True
    mixed_precision: Annotated[
        Literal["gpu", "everywhere", "never"], Field(description="Where bfloat16 is computed with, to save memory")
    ] = "gpu"


def pin(config: Config) -> Config:
    """Note in a config which encoder its name means now. `ModelError` if there is none."""
    return dataclasses.replace(config, encoder=encoders.pinned(config.encoder))


class Model(nn.Module):
    """Encoder, mean over its frames, linear layer.

    Clips of a batch that differ in length pass one after the other: base encoders have a group norm over time that
    would hear the padding.
    """

    architecture: str
    """The encoder's config as JSON text, from which a run folder rebuilds it without the encoder's own folder."""

    def __init__(
        self, config: Config, n_features: tuple[int, ...], n_outputs: int, architecture: str | None = None
    ) -> None:
        super().__init__()
        self.config = config
        only_input(n_features, "wav2vec2-finetune")
        if architecture is None:
            self.encoder, self.architecture = encoder_with_weights(config.encoder, "speech")
        else:
            self.encoder, self.architecture = encoders.empty_encoder(architecture, "speech"), architecture
        about = json.loads(self.architecture)
        if about["model_type"] == "whisper":
            raise ConfigError("wav2vec2-finetune can't hold a Whisper encoder; use the front-end ssl for it.")
        self.normalises, self.shortest = bool(about["affexion_normalises"]), int(about["affexion_shortest"])
        settle(self.encoder, config.gradient_checkpointing)
        self._freeze()
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(int(about["hidden_size"]), n_outputs)

    def _freeze(self) -> None:
        parts: Any = self.encoder
        if hasattr(parts, "masked_spec_embed"):
            parts.masked_spec_embed.requires_grad_(False)  # for pretraining; never used here
        if self.config.freeze_features:
            parts.feature_extractor._freeze_parameters()
        below = [parts.feature_extractor, parts.feature_projection, parts.encoder.pos_conv_embed]
        freeze(parts.encoder.layers, below, self.config.freeze_layers)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Say which parameters learn, and how fast."""
        return rated(self, self.encoder, learning_rate, self.config.head_rate)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of framed signals ``(B, T, 320)`` with valid lengths ``(B,)``, one input."""
        frames, n_valid = inputs[0], lengths[0]
        valid_frames(frames, n_valid)
        pooled = frames.new_zeros(len(frames), self.classifier.in_features)
        with torch.autocast(frames.device.type, torch.bfloat16, enabled=self._saves_precision(frames.device.type)):
            for length, rows in equal_lengths(n_valid):
                found = self._encoded(frames[rows, :length].flatten(1))
                pooled = pooled.index_copy(0, rows.to(frames.device), found.float())
        return ModelOutput(self.classifier(self.dropout(pooled)), None, pooled)

    def _saves_precision(self, device: str) -> bool:
        wanted = self.config.mixed_precision
        return wanted == "everywhere" or (wanted == "gpu" and device == "cuda")

    def _encoded(self, signals: Tensor) -> Tensor:
        """Encode signals ``(B, n_samples)`` of one length: the mean over frames, ``(B, width)``."""
        if self.normalises:
            mean, variance = signals.mean(1, keepdim=True), signals.var(1, correction=0, keepdim=True)
            signals = (signals - mean) / (variance + 1e-7).sqrt()
        signals = nn.functional.pad(signals, (0, max(self.shortest - signals.shape[1], 0)))
        return self.encoder(signals).last_hidden_state.mean(dim=1)
