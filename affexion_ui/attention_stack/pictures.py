"""Pictures of what a model hears: a column for each frame, as small PNG files for a browser."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from affexion_core.extraction import FrontEnd

_LEVELS = 128
_N_MELS, _TOP_DB, _MOST_DEVIATIONS = 96, 80.0, 3.0


@dataclass(frozen=True)
class Picture:
    """``values`` float32 ``(n_frames, n_rows)``, the lowest row first, to be shown from ``low`` to ``high``."""

    values: np.ndarray
    low: float
    high: float
    name: str
    colours: Literal["Cividis", "RdBu"] = "Cividis"
    rough: bool = False


def log_mel(signal: np.ndarray, sampling_rate: int, front_end: FrontEnd) -> Picture:
    """Make the log-mel spectrogram of a signal, frame for frame as the front-end cuts it; dB re full scale."""
    from affexion_core.features._mel import MelScale, decibels, mel_power

    config: Any = front_end.config
    top = getattr(config, "fmax", None) or sampling_rate / 2
    scale = MelScale(
        sampling_rate=sampling_rate,
        n_fft=getattr(config, "n_fft", 1024),
        hop_length=config.hop_length,
        n_mels=min(_N_MELS, getattr(config, "n_mels", _N_MELS)),
        fmin=getattr(config, "fmin", 0.0),
        fmax=top,
    )
    power, bounds = mel_power([signal], scale)
    values = decibels(power, bounds, _TOP_DB)
    high = float(values.max())
    return Picture(values, high - _TOP_DB, high, f"log-mel, {scale.fmin / 1000:g} to {top / 1000:g} kHz")


def model_input(features: np.ndarray, means: np.ndarray, deviations: np.ndarray, front_end: FrontEnd) -> Picture:
    """Show features by how many standard deviations they lie from the training clips' mean; of MFCC, no deltas."""
    standard = (np.asarray(features) - means) / deviations
    n = getattr(front_end.config, "n_mfcc", None)
    if front_end.name == "mfcc" and n:
        words = f"MFCC 1 to {n}, lowest below; red under, blue over the training mean"
    else:
        n, words = standard.shape[1], f"{standard.shape[1]} features; red under, blue over the training mean"
    return Picture(standard[:, :n], -_MOST_DEVIATIONS, _MOST_DEVIATIONS, words, "RdBu", rough=True)


def png_address(picture: Picture) -> str:
    """Paint a picture, low rows below, as a ``data:`` address."""
    from PIL import Image

    shades = (picture.values - picture.low) / max(picture.high - picture.low, 1e-9)
    levels = np.rint(np.clip(shades, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(levels.T[::-1]), mode="P")
    image.putpalette(_palette(picture.colours))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@cache
def _palette(name: str) -> bytes:
    from plotly.colors import sample_colorscale

    colours = sample_colorscale(name, np.linspace(0, 1, _LEVELS).tolist(), colortype="tuple")
    return bytes(round(255 * channel) for colour in colours for channel in colour)
