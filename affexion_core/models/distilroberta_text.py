"""A text encoder such as DistilRoBERTa over the transcript's tokens, learning along with the classifier upon it."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn

from affexion_core import encoders
from affexion_core.config import config_class
from affexion_core.errors import ModelError
from affexion_core.models._encoder import encoder_with_weights, freeze, rated, settle
from affexion_core.models._masking import masked_mean, only_input, valid_frames
from affexion_core.models._output import ModelOutput


@config_class
class Config:
    """Which encoder, how much of it learns, and how memory is saved."""

    encoder: Annotated[
        str, Field(description="Folder of a text encoder, or its name; the same one as of the front-end")
    ] = "distilbert/distilroberta-base"
    pooling: Annotated[
        Literal["mean", "first"], Field(description="The mean over all tokens, or the first token, which sums up")
    ] = "mean"
    freeze_layers: Annotated[
        int,
        Field(ge=0, le=200, description="Layers kept as they are, from the first, with the vocabulary; 0: none"),
    ] = 0
    head_rate: Annotated[
        float, Field(gt=0, le=10_000, description="The head's learning rate, as a multiple of the encoder's")
    ] = 20.0
    dropout: Annotated[float, Field(ge=0, lt=1, description="Share of the pooled numbers left out in training")] = 0.1
    gradient_checkpointing: Annotated[
        bool, Field(description="Compute layers twice rather than keep them: half the memory, a third more time")
    ] = False


def pin(config: Config) -> Config:
    """Note in a config which encoder its name means now. `ModelError` if there is none."""
    return dataclasses.replace(config, encoder=encoders.pinned(config.encoder))


class Model(nn.Module):
    """Encoder, mean over its tokens (or the first), linear layer."""

    architecture: str
    """The encoder's config as JSON text, from which a run folder rebuilds it without the encoder's own folder."""

    def __init__(
        self, config: Config, n_features: tuple[int, ...], n_outputs: int, architecture: str | None = None
    ) -> None:
        super().__init__()
        self.config = config
        only_input(n_features, "distilroberta-text")
        if architecture is None:
            self.encoder, self.architecture = encoder_with_weights(config.encoder, "text")
        else:
            self.encoder, self.architecture = encoders.empty_encoder(architecture, "text"), architecture
        about = json.loads(self.architecture)
        self.padding, self.n_words = int(about.get("pad_token_id") or 0), int(about["vocab_size"])
        settle(self.encoder, config.gradient_checkpointing)
        self._freeze()
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(int(about.get("hidden_size") or about["dim"]), n_outputs)

    def _freeze(self) -> None:
        parts: Any = self.encoder
        if getattr(parts, "pooler", None) is not None:
            parts.pooler.requires_grad_(False)  # of another task; never used here
        body = parts.transformer if hasattr(parts, "transformer") else parts.encoder
        layers = body.layer if hasattr(body, "layer") else body.layers
        freeze(layers, [parts.embeddings], self.config.freeze_layers)

    def parameter_groups(self, learning_rate: float) -> list[dict[str, Any]]:
        """Say which parameters learn, and how fast."""
        return rated(self, self.encoder, learning_rate, self.config.head_rate)

    def forward(self, inputs: tuple[Tensor, ...], lengths: tuple[Tensor, ...]) -> ModelOutput:
        """Classify a batch of token numbers ``(B, T, 1)`` with valid lengths ``(B,)``, one input.

        Raises
        ------
        ModelError
            If a token is not in the encoder's vocabulary: front-end and model must name the same encoder.
        """
        frames, n_valid = inputs[0], lengths[0]
        mask = valid_frames(frames, n_valid)
        tokens = frames[..., 0].masked_fill(~mask, float(self.padding)).round().long()
        if int(tokens.min()) < 0 or int(tokens.max()) >= self.n_words:
            raise ModelError(
                f"Token {int(tokens.max())} is not in the vocabulary of the model's encoder ({self.n_words} entries); "
                "name the same encoder for front-end and model, and set normalisation to none."
            )
        states = self.encoder(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
        states = states.masked_fill(~mask[..., None], 0.0)
        pooled = states[:, 0] if self.config.pooling == "first" else masked_mean(states, mask)
        return ModelOutput(self.classifier(self.dropout(pooled)), None, pooled)
