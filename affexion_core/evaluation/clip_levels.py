"""Loudness and signal-to-noise ratio of clips, measured once and kept beside the cached features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affexion_core.audio.decode import load_audio
from affexion_core.audio.playback import loudness
from affexion_core.audio.snr import estimate_snr
from affexion_core.errors import AudioError, ModelError
from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Clip, Progress, no_progress
from affexion_core.workspace import Workspace

# Counts up when the numbers change.
_VERSION = 1
_SAVE_EVERY = 200


@dataclass(frozen=True)
class ClipLevels:
    """Loudness in LUFS (ITU-R BS.1770) and estimated signal-to-noise ratio in dB; None where there is no figure."""

    loudness: float | None
    snr: float | None


def known_levels(workspace: Workspace) -> dict[str, ClipLevels]:
    """Read what was measured before, by clip id; nothing where the file is gone or damaged, as it can be made anew."""
    try:
        return {id: ClipLevels(*values) for id, values in read_json(_path(workspace)).items()}
    except (ModelError, AttributeError, TypeError):
        return {}


def measure_levels(
    workspace: Workspace, clips: Sequence[Clip], progress: Progress = no_progress
) -> Mapping[str, ClipLevels]:
    """Measure the clips that were not measured yet, and give all that is known by clip id.

    A clip whose file can't be decoded gets no figures. What is done is kept while it goes on, so that a stop loses
    little.
    """
    known = known_levels(workspace)
    missing = [clip for clip in clips if clip.id not in known]
    for done, clip in enumerate(missing, 1):
        known[clip.id] = _measured(workspace, clip)
        if done % _SAVE_EVERY == 0 or done == len(missing):
            _save(workspace, known)
        progress(done, len(missing), "Measuring loudness and noise")
    return known


def _measured(workspace: Workspace, clip: Clip) -> ClipLevels:
    try:
        decoded = load_audio(workspace.clip_path(clip), clip.start, clip.end)
    except AudioError:
        return ClipLevels(None, None)
    loud = loudness(decoded.signal, decoded.sampling_rate)
    return ClipLevels(float(loud) if np.isfinite(loud) else None, estimate_snr(decoded.signal))


def _path(workspace: Workspace) -> Path:
    return workspace.features / f"levels-{_VERSION}.json"


def _save(workspace: Workspace, levels: Mapping[str, ClipLevels]) -> None:
    write_json(_path(workspace), {id: [one.loudness, one.snr] for id, one in sorted(levels.items())})
