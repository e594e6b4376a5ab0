"""How loud, how strong and how long the clips of each label are: what a label sounds like before any model.

Each clip is measured once and kept beside the cached features; means carry intervals over speakers, as clips of one
speaker are alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affexion_core.audio.decode import load_audio
from affexion_core.audio.levels import peak
from affexion_core.audio.preprocessing import sounding_part
from affexion_core.errors import AudioError, LabelError, ModelError
from affexion_core.evaluation.intervals import percentile_limits
from affexion_core.evaluation.resampling import clip_weights
from affexion_core.features._mel import MelScale, decibels, mel_power
from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Clip, Dataset, Origin, Progress, no_progress
from affexion_core.workspace import Workspace

Measure = Literal["amplitude", "energy", "duration", "speech"]
MEASURES: Mapping[Measure, str] = {
    "amplitude": "largest sample, share of full scale",
    "energy": "mean of the log-mel spectrogram where there is sound, dB",
    "duration": "length of the clip, s",
    "speech": "length between the first and the last sound, s",
}
"""What is measured, in words with the unit."""

# Counts up when the numbers change.
_VERSION = 1
_SAVE_EVERY = 200
_SOUNDS_ABOVE_DB = 40.0  # below the loudest part: what is quieter is pause
_N_RESAMPLES = 1000
_SCALE = MelScale(16_000, 1024, 160, 64, 0.0, 8_000.0)


@dataclass(frozen=True)
class ClipSound:
    """Figures of one clip, in the units of `MEASURES`; digital silence has the energy of its floor, -100 dB."""

    amplitude: float
    energy: float
    duration: float
    speech: float


@dataclass(frozen=True)
class Spread:
    """How a figure is spread over the ``n`` clips of a label.

    ``mean`` with its 95 % interval ``low`` to ``high`` by ``method`` (both None for one clip or one that all share),
    ``sd`` (None for one clip), and the middle 80 % of the clips from ``p10`` to ``p90``.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    sd: float | None
    p10: float
    p90: float
    method: str


@dataclass(frozen=True)
class LabelSound:
    """Figures of the clips of one label, by `Measure`; ``n`` clips by ``n_speakers`` known speakers."""

    label: str
    n: int
    n_speakers: int
    spreads: Mapping[Measure, Spread]


@dataclass(frozen=True)
class SoundReport:
    """Figures of a dataset by label, in the order of its scheme; ``unmeasured`` clips could not be decoded."""

    dataset: str
    origin: Origin
    n: int
    labels: tuple[LabelSound, ...]
    unmeasured: int


def sound_of(signal: np.ndarray, sampling_rate: int) -> ClipSound:
    """Measure a mono signal ``(n_samples,)`` at 16 kHz."""
    start, end = sounding_part(signal, _SOUNDS_ABOVE_DB)
    power, bounds = mel_power([signal[start:end]], _SCALE)
    levels = decibels(power, bounds, top_db=None)
    return ClipSound(
        amplitude=peak(signal),
        energy=float(levels.mean(dtype=np.float64)),
        duration=len(signal) / sampling_rate,
        speech=(end - start) / sampling_rate,
    )


def known_sounds(workspace: Workspace) -> dict[str, ClipSound]:
    """Read what was measured before, by clip id; nothing where the file is gone or damaged, as it can be made anew."""
    try:
        return {id: ClipSound(*values) for id, values in read_json(_path(workspace)).items()}
    except (ModelError, AttributeError, TypeError):
        return {}


def measure_sounds(
    workspace: Workspace, clips: Sequence[Clip], progress: Progress = no_progress
) -> Mapping[str, ClipSound]:
    """Measure the clips that were not measured yet, and give all that is known by clip id.

    A clip whose file can't be decoded is left out. What is done is kept while it goes on.
    """
    known = known_sounds(workspace)
    missing = [clip for clip in clips if clip.id not in known]
    for done, clip in enumerate(missing, 1):
        try:
            decoded = load_audio(workspace.clip_path(clip), clip.start, clip.end)
        except AudioError:
            continue
        else:
            known[clip.id] = sound_of(decoded.signal, decoded.sampling_rate)
        finally:
            if done % _SAVE_EVERY == 0 or done == len(missing):
                write_json(_path(workspace), {id: list(asdict(one).values()) for id, one in sorted(known.items())})
            progress(done, len(missing), "Measuring clips")
    return known


def describe_labels(dataset: Dataset, sounds: Mapping[str, ClipSound]) -> SoundReport:
    """Sum up the clips of each label.

    Parameters
    ----------
    dataset
        Its labels without clips are left out.
    sounds
        By clip id, as `measure_sounds` gives them.

    Raises
    ------
    LabelError
        If no clip of the dataset was measured.
    """
    items = [item for item in dataset.items if item.clip.id in sounds]
    if not items:
        raise LabelError(f"Dataset {dataset.name!r} has no clip that could be measured; import clips into it first.")
    present = {item.label for item in items}
    order = [label for label in dataset.scheme.labels if label in present]
    rows = []
    for label in [*order, *sorted(present - set(order))]:
        own = [item.clip for item in items if item.label == label]
        rows.append(_label_sound(label, own, [sounds[clip.id] for clip in own]))
    return SoundReport(dataset.name, dataset.origin, len(items), tuple(rows), len(dataset.items) - len(items))


def _label_sound(label: str, clips: Sequence[Clip], sounds: Sequence[ClipSound]) -> LabelSound:
    speakers = [clip.speaker for clip in clips]
    weights, method = clip_weights(len(clips), speakers, _N_RESAMPLES, seed=0)
    spreads: dict[Measure, Spread] = {}
    for measure in MEASURES:
        values = np.array([getattr(sound, measure) for sound in sounds], dtype=np.float64)
        limits = percentile_limits(weights @ values / weights.sum(axis=1), float(values.mean()))
        low, high = limits if limits is not None else (None, None)
        sd = float(values.std(ddof=1)) if len(values) > 1 else None
        p10, p90 = (float(value) for value in np.quantile(values, [0.1, 0.9]))
        spreads[measure] = Spread(len(values), float(values.mean()), low, high, sd, p10, p90, method)
    return LabelSound(label, len(clips), len({name for name in speakers if name is not None}), spreads)


def sound_report_json(report: SoundReport) -> dict[str, Any]:
    """Turn a report into JSON-ready values."""
    return asdict(report)


def _path(workspace: Workspace) -> Path:
    return workspace.features / f"sounds-{_VERSION}.json"
