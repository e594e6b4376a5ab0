"""Hidden states of a pretrained speech encoder (wav2vec2, HuBERT, WavLM, data2vec, Whisper), by frame or by clip."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from affexion_core import encoders
from affexion_core.config import config_class
from affexion_core.errors import ConfigError
from affexion_core.features._mel import checked_signals
from affexion_core.types import Utterance

if TYPE_CHECKING:
    import torch

# Counts up when the same config would give other numbers; the feature cache includes it.
VERSION = 1

SAMPLING_RATE = 16_000
# What encoders were trained on is shorter still; Whisper takes no more, and attention grows with the square.
_LONGEST = 30 * SAMPLING_RATE
# Samples between two frames, of Whisper as of wav2vec2.
_HOP = 320


@config_class
class Config:
    """Which encoder, and what of it."""

    encoder: Annotated[
        str,
        Field(description="Folder of a speech encoder, or its name, such as facebook/wav2vec2-base"),
    ] = "facebook/wav2vec2-base"
    layers: Annotated[
        Literal["one", "mean", "stack"],
        Field(description="One layer, the mean of all, or all as rows that a model can weigh (layer_weights of mlp)"),
    ] = "one"
    layer: Annotated[
        int, Field(ge=-200, le=200, description="Which one: -1 the last, 0 what the first layer gets; middle ones vary")
    ] = -1
    pooling: Annotated[
        Literal["none", "mean", "statistics"],
        Field(description="Frames as they are (50 a second), their mean, or mean and standard deviation"),
    ] = "mean"

    def __post_init__(self) -> None:
        if self.layers == "stack" and self.pooling == "none":
            raise ConfigError("layers = 'stack' needs pooling 'mean' or 'statistics', since rows are then layers.")


def pin(config: Config) -> Config:
    """Note in a config which encoder its name means now. `ModelError` if there is none."""
    return dataclasses.replace(config, encoder=encoders.pinned(config.encoder))


def identity(config: Config) -> Config:
    """Give what decides the numbers: the encoder's content in place of its name and folder."""
    return dataclasses.replace(config, encoder=encoders.fingerprint(encoders.find_encoder(config.encoder)))


def n_features(config: Config) -> int:
    """Count the numbers per row: the encoder's width, twice that with ``statistics``. `ModelError` if it isn't here."""
    width = encoders.describe_encoder(encoders.find_encoder(config.encoder), "speech").hidden_size
    return width * (2 if config.pooling == "statistics" else 1)


def extract(utterance: Utterance, config: Config) -> np.ndarray:
    """Encode one utterance.

    Parameters
    ----------
    utterance
        Mono, at 16 kHz, at least one sample.
    config
        Settings.

    Returns
    -------
    ndarray
        float32 ``(n_frames, n_features(config))``: a frame every 20 ms, or one row with ``pooling``; with ``layers``
        set to ``stack`` a row for each hidden state, the first layer's input first.

    Raises
    ------
    AudioError
        If the sampling rate differs or there are no samples.
    ModelError
        If the encoder is not there or can't be loaded.
    ConfigError
        If it has no such layer.

    Notes
    -----
    The signal is scaled to mean 0 and variance 1 where the encoder was trained so. What is longer than 30 s is encoded
    in pieces of like length. The last layer is what the library calls ``last_hidden_state``.
    """
    return extract_batch([utterance], config)[0]


def extract_batch(utterances: Sequence[Utterance], config: Config) -> list[np.ndarray]:
    """Compute the same as `extract` for many utterances; one array each, in their order.

    They are encoded one by one: encoders with group norm (the base models) hear padding, and rounding would otherwise
    hang on the neighbours.
    """
    import torch

    signals = checked_signals(utterances, SAMPLING_RATE)
    if not signals:
        return []
    # pinned, so that other weights under the same name are not taken for those loaded before
    loaded = _loaded(encoders.pinned(config.encoder), _device())
    _check_layer(config, loaded.about)
    with torch.inference_mode():
        return [_encoded(signal, config, loaded) for signal in signals]


@dataclasses.dataclass(frozen=True)
class _Loaded:
    about: encoders.Encoder
    model: Any
    mel: Any
    device: str


@lru_cache(maxsize=2)
def _loaded(name: str, device: str) -> _Loaded:
    about = encoders.describe_encoder(encoders.find_encoder(name), "speech")
    model = encoders.load_encoder(about).to(device)
    mel = None
    if about.family == "whisper":
        from transformers import WhisperFeatureExtractor

        mel = WhisperFeatureExtractor.from_pretrained(str(about.folder), local_files_only=True)
    return _Loaded(about, model, mel, device)


def _device() -> str:
    import torch

    wanted = os.environ.get("AFFEXION_DEVICE") or "auto"
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _check_layer(config: Config, about: encoders.Encoder) -> None:
    if config.layers == "one" and not -about.n_layers - 1 <= config.layer <= about.n_layers:
        raise ConfigError(
            f"layer = {config.layer}: the encoder in {about.folder} has the layers 0 to {about.n_layers} "
            f"(or -1 to {-about.n_layers - 1} from the end)."
        )


def _encoded(signal: np.ndarray, config: Config, loaded: _Loaded) -> np.ndarray:
    import torch

    clean = np.nan_to_num(np.asarray(signal, np.float32), posinf=1.0, neginf=-1.0)
    if loaded.about.family != "whisper" and loaded.about.normalises:
        clean = (clean - clean.mean()) / np.sqrt(clean.var() + 1e-7)
    pieces = [_states(clean[window], config, loaded) for window in encoders.windows_of(len(clean), _LONGEST)]
    states = torch.cat(pieces, dim=1)  # (n_layers, n_frames, width)
    rows = states.flatten(0, 1) if config.pooling == "none" else states.mean(dim=1)
    if config.pooling == "statistics":
        rows = torch.cat([rows, states.std(dim=1, correction=0)], dim=1)
    return np.ascontiguousarray(rows.float().cpu().numpy())


def _states(signal: np.ndarray, config: Config, loaded: _Loaded) -> torch.Tensor:
    """Encode a piece of at most 30 s: the wanted layers, ``(n_layers, n_frames, width)``."""
    import torch

    if loaded.mel is None:
        padded = np.pad(signal, (0, max(loaded.about.shortest - len(signal), 0)))
        inputs, n_frames = torch.from_numpy(padded)[None], None
    else:
        # Whisper hears 30 s whatever the clip; frames beyond its end are left out
        inputs = loaded.mel(signal, sampling_rate=SAMPLING_RATE, return_tensors="pt").input_features
        n_frames = max(-(-len(signal) // _HOP), 1)
    result = loaded.model(inputs.to(loaded.device), output_hidden_states=config.layers != "one" or config.layer != -1)
    last = result.last_hidden_state
    if result.hidden_states is None:
        return last[:, :n_frames]
    states = torch.cat([*result.hidden_states[:-1], last])[:, :n_frames]
    if config.layers == "one":
        return states[config.layer][None]
    return states.mean(dim=0, keepdim=True) if config.layers == "mean" else states
