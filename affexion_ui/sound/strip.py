"""A spectrogram as a small picture, to lie under a waveform."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from affexion_core.plots.spectrogram import Spectrogram

N_ROWS = 96
_LEVELS = 64  # steps of brightness: the eye sees no more of them, and the file shrinks by half


def spectrogram_png(data: Spectrogram) -> bytes:
    """Paint a spectrogram as PNG: a pixel for each column, `N_ROWS` high, high frequencies above; yellow is loud.

    Rows are spaced by the mel scale, since most of what tells voices apart lies below 4 kHz. A row shows the loudest
    of its frequencies.
    """
    from PIL import Image

    from affexion_core.plots.spectrogram import FLOOR_DB

    power = np.maximum.reduceat(data.power, _row_starts(data.frequencies), axis=1)
    shades = np.rint((1 - power / FLOOR_DB) * (_LEVELS - 1)).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(shades.T[::-1]), mode="P")
    image.putpalette(_palette())
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _row_starts(frequencies: np.ndarray) -> np.ndarray:
    """Find the first frequency bin of each row, int ``(N_ROWS,)``."""
    highest = 2595 * np.log10(1 + frequencies[-1] / 700)
    edges = 700 * (10 ** (np.arange(N_ROWS) / N_ROWS * highest / 2595) - 1)
    return np.minimum(np.searchsorted(frequencies, edges), len(frequencies) - 1)


@cache
def _palette() -> bytes:
    """Give `_LEVELS` colours from dark (floor) to bright, three bytes each."""
    from plotly.colors import sample_colorscale

    from affexion_core.plots.theme import SEQUENTIAL

    colours = sample_colorscale(SEQUENTIAL, np.linspace(0, 1, _LEVELS).tolist(), colortype="tuple")
    return bytes(round(255 * channel) for colour in colours for channel in colour)
