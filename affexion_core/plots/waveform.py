"""Waveform of a clip from its peaks."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, new_figure


def add_waveform(figure: go.Figure, peaks: np.ndarray, duration: float, mode: Mode, **where: int) -> None:
    """Add the band between lowest and highest sample of each column to a figure (or one of its subplots).

    Parameters
    ----------
    figure
        Figure to draw into; ``where`` is its subplot's ``row`` and ``col``.
    peaks
        ``(n_columns, 2)``: lowest and highest sample of each stretch, in [-1, 1].
    duration
        Of the clip in seconds.
    mode
        Light or dark.
    """
    times = (np.arange(len(peaks)) + 0.5) * duration / max(len(peaks), 1)
    figure.add_scatter(
        x=np.concatenate([times, times[::-1]]).astype(np.float32),
        y=np.concatenate([peaks[:, 1], peaks[::-1, 0]]).astype(np.float32),
        fill="toself",
        fillcolor=SURFACES[mode].mark,
        line={"color": SURFACES[mode].mark, "width": 0.7},
        mode="lines",
        hoverinfo="skip",
        **where,
    )


def plot_waveform(peaks: np.ndarray, duration: float, mode: Mode = "light") -> go.Figure:
    """Draw a waveform over seconds; amplitude stands on [-1, 1] so that clips compare."""
    figure = new_figure(mode, waveform_alt(peaks, duration), height=140)
    add_waveform(figure, peaks, duration, mode)
    figure.update_xaxes(title="time (s)", range=[0, duration])
    figure.update_yaxes(title="amplitude", range=[-1, 1], tickvals=[-1, 0, 1])
    return figure


def waveform_alt(peaks: np.ndarray, duration: float) -> str:
    """Say in words what the waveform shows."""
    highest = float(np.abs(peaks).max()) if len(peaks) else 0.0
    return f"Waveform of {duration:.2f} s, highest amplitude {highest:.2f} of 1."
