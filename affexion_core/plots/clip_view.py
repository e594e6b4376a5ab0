"""Waveform over spectrogram on one time axis."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from affexion_core.plots.spectrogram import Spectrogram, add_spectrogram, spectrogram_alt
from affexion_core.plots.theme import Mode, template
from affexion_core.plots.waveform import add_waveform, waveform_alt


def plot_clip(peaks: np.ndarray, data: Spectrogram, mode: Mode = "light") -> go.Figure:
    """Draw a clip's waveform above its spectrogram, aligned in seconds.

    ``peaks`` is ``(n_columns, 2)``, lowest and highest sample of each column, in [-1, 1].
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.04, row_heights=[0.32, 0.68])
    alt = f"{waveform_alt(peaks, data.duration)} {spectrogram_alt(data)}"
    figure.update_layout(template=template(mode), meta={"alt": alt}, height=340)
    add_waveform(figure, peaks, data.duration, mode, row=1, col=1)
    add_spectrogram(figure, data, row=2, col=1)
    figure.update_xaxes(range=[0, data.duration], showgrid=False)
    figure.update_xaxes(title="time (s)", row=2, col=1)
    figure.update_yaxes(title="amplitude", range=[-1, 1], tickvals=[-1, 0, 1], row=1, col=1)
    top = float(data.frequencies[-1]) / 1000
    figure.update_yaxes(title="frequency (kHz)", range=[0, top], showgrid=False, row=2, col=1)
    return figure
