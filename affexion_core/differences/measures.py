"""A few figures of each clip that people can name: pitch, loudness, rate, pauses, tilt, noise, bandwidth, edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affexion_core.discovery import load_plugin
from affexion_core.errors import AudioError, ConfigError, ModelError
from affexion_core.evaluation.clip_levels import measure_levels
from affexion_core.extraction import FrontEnd, features_of, utterance_of
from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Clip, Progress, no_progress
from affexion_core.workspace import Workspace

# Counts up when the numbers change.
VERSION = 1
_SAVE_EVERY = 200
_FRAME = 160  # samples, 10 ms


@dataclass(frozen=True)
class Figure:
    """A figure of a clip: what it is called, its unit, and where among the functionals it stands (None elsewhere)."""

    name: str
    unit: str
    functional: str | None = None


FIGURES = (
    Figure("pitch", "semitones above 27.5 Hz", "f0.mean"),
    Figure("pitch range", "semitones (sd)", "f0.sd"),
    Figure("level range", "dB (sd)", "level.sd"),
    Figure("syllable rate", "loudness peaks per second", "peaks_per_second"),
    Figure("pauses", "per second", "pauses_per_second"),
    Figure("pause length", "s", "pause_length"),
    Figure("voiced share", "of the time", "voiced_share"),
    Figure("harmonics to noise", "dB", "hnr.mean"),
    Figure("jitter", "semitones from frame to frame", "jitter.mean"),
    Figure("spectral tilt", "dB, 50-1000 against 1000-5000 Hz", "alpha_ratio.mean"),
    Figure("loudness", "LUFS"),
    Figure("signal to noise", "dB"),
    Figure("duration", "s"),
    Figure("bandwidth", "Hz"),
    Figure("silence before", "s"),
    Figure("silence after", "s"),
)
"""All figures, in the order of the columns of `Measures`."""
NAMES = tuple(figure.name for figure in FIGURES)


@dataclass(frozen=True)
class Measures:
    """Figures of clips: float64 ``(n_clips, len(FIGURES))``, NaN where a clip has none; and all functionals."""

    clip_ids: tuple[str, ...]
    values: np.ndarray
    functionals: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Give one figure of all clips; `ConfigError` if there is none of that name."""
        if name not in NAMES:
            raise ConfigError(f"There is no figure {name!r}; choose one of {', '.join(NAMES)}.")
        found: np.ndarray = self.values[:, NAMES.index(name)]
        return found


def measure_clips(workspace: Workspace, clips: Sequence[Clip], progress: Progress = no_progress) -> Measures:
    """Measure clips, through the workspace's caches.

    Raises
    ------
    AudioError
        If a clip can't be decoded.
    """
    plugin = load_plugin("features", "functionals")
    config = plugin.Config()
    rows = features_of(workspace, clips, FrontEnd("functionals", config), progress)
    functionals = np.stack([row[0] for row in rows]) if rows else np.zeros((0, plugin.n_features(config)), np.float32)
    places = {name: place for place, name in enumerate(plugin.feature_names(config))}
    levels = measure_levels(workspace, clips, progress)
    edges = _measure_edges(workspace, clips, progress)
    beside = {clip.id: _beside(clip, levels[clip.id].loudness, levels[clip.id].snr, edges[clip.id]) for clip in clips}
    values = np.array(
        [
            [
                float(row[places[figure.functional]]) if figure.functional else beside[clip.id][figure.name]
                for figure in FIGURES
            ]
            for clip, row in zip(clips, functionals, strict=True)
        ],
        dtype=np.float64,
    ).reshape(len(clips), len(FIGURES))
    return Measures(tuple(clip.id for clip in clips), values, functionals)


def edges_of(signal: np.ndarray, sampling_rate: int) -> tuple[float, float, float]:
    """Measure the silence before and after what sounds (s), and the bandwidth (Hz) of ``signal (n_samples,)``.

    Silence lies 30 dB or more below the loud frames. The bandwidth ends where 99.5 % of the power is passed, once
    high frequencies are raised by 6 dB an octave, as speech has little of them; 0 for digital silence.
    """
    n = len(signal) // _FRAME * _FRAME
    power = np.square(signal[:n].astype(np.float64)).reshape(-1, _FRAME).mean(axis=1) if n else np.zeros(1)
    if not power.max():
        return 0.0, 0.0, 0.0
    sounding = np.flatnonzero(power > np.quantile(power, 0.95) * 1e-3)
    before, after = sounding[0] * _FRAME / sampling_rate, (len(power) - 1 - sounding[-1]) * _FRAME / sampling_rate
    spectrum = np.square(np.abs(np.fft.rfft(np.diff(signal.astype(np.float64), prepend=0.0))))
    passed = np.cumsum(spectrum)
    place = int(np.searchsorted(passed, 0.995 * passed[-1]))
    return float(before), float(after), float(place * sampling_rate / 2 / max(1, len(spectrum) - 1))


def _beside(
    clip: Clip, loudness: float | None, snr: float | None, edges: tuple[float, float, float]
) -> Mapping[str, float]:
    before, after, bandwidth = edges
    return {
        "loudness": np.nan if loudness is None else loudness,
        "signal to noise": np.nan if snr is None else snr,
        "duration": clip.duration,
        "bandwidth": bandwidth,
        "silence before": before,
        "silence after": after,
    }


def _measure_edges(
    workspace: Workspace, clips: Sequence[Clip], progress: Progress
) -> Mapping[str, tuple[float, float, float]]:
    """Measure the clips that were not measured yet, and keep it beside the cached features."""
    path = workspace.features / f"edges-{VERSION}.json"
    try:
        known = {id: (float(row[0]), float(row[1]), float(row[2])) for id, row in read_json(path).items()}
    except (ModelError, AttributeError, TypeError, ValueError, IndexError):
        known = {}
    missing = [clip for clip in clips if clip.id not in known]
    for done, clip in enumerate(missing, 1):
        try:
            utterance = utterance_of(workspace, clip)
            known[clip.id] = edges_of(np.nan_to_num(utterance.signal), utterance.sampling_rate)
        except AudioError:
            known[clip.id] = (np.nan, np.nan, np.nan)
        if done % _SAVE_EVERY == 0 or done == len(missing):
            write_json(path, {id: list(row) for id, row in sorted(known.items())})
        progress(done, len(missing), "measuring edges")
    return known
