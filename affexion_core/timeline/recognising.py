"""Follow a long recording through a trained run: speech is found, cut and judged in little memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.audio.isolated import probe, stream_audio
from affexion_core.predict_files import is_unsure
from affexion_core.predictor import Predictor
from affexion_core.timeline.segments import Span, TimelineSettings, Window, windows_of
from affexion_core.types import Progress, Utterance, no_progress

_BATCH = 16


@dataclass(frozen=True)
class Segment:
    """How a stretch of speech is said.

    ``start`` to ``end`` (s) is what the answer stands for; ``heard`` what the model heard, which may reach further.
    ``probs`` in the order of the timeline's labels, of the model itself; ``unsure`` as `predict_files.is_unsure` says.
    """

    start: float
    end: float
    heard: Span
    label: str
    probs: tuple[float, ...]
    unsure: bool

    @property
    def prob(self) -> float:
        """Probability of the label."""
        return max(self.probs)


@dataclass(frozen=True)
class Timeline:
    """A recording's segments in order, none overlapping another. ``duration`` in seconds."""

    recording: str
    duration: float
    labels: tuple[str, ...]
    segments: tuple[Segment, ...]
    warnings: tuple[str, ...] = ()


def recognise(
    predictor: Predictor,
    path: Path,
    settings: TimelineSettings = TimelineSettings(),  # noqa: B008 (frozen)
    progress: Progress = no_progress,
    name: str | None = None,
) -> Timeline:
    """Say how each stretch of speech in a recording is said.

    The file is decoded twice, piece by piece: to find speech, then to judge it. That takes less than keeping two
    hours of sound in memory, which is 460 MB.

    Parameters
    ----------
    predictor
        The run's.
    path
        Any known sound file of up to two hours.
    settings
        How it is cut.
    progress
        Called with the seconds done; finding speech counts as the first half.
    name
        What to call the recording; None for the file's name.

    Raises
    ------
    AudioError
        If the file can't be decoded, or is too long.
    ModelError
        If the run knows no labels.

    Notes
    -----
    A segment has the probabilities that `predict_files` gives for its ``heard`` part, cut out of the recording as
    decoded to 16 kHz.
    """
    predictor.require_labels("A timeline")
    warnings: list[str] = []
    stated = round(probe(path).duration or 0.0)
    probs, duration = _speech(path, stated, progress, warnings)
    from affexion_core.live.vad import speech_spans

    spans = speech_spans(probs, settings.speech_above, settings.longest_pause)
    windows = windows_of([(start, min(end, duration)) for start, end in spans], settings)
    segments: list[Segment] = []
    for batch in _batches(_cut(stream_audio(path), windows)):
        segments += _judged(predictor, batch)
        whole = round(duration)
        progress(whole + min(whole, round(segments[-1].end)), 2 * whole, "judging speech")
    return Timeline(name or path.name, duration, predictor.labels, tuple(segments), tuple(warnings))


def _speech(path: Path, stated: int, progress: Progress, warnings: list[str]) -> tuple[np.ndarray, float]:
    """Give the probability of speech of each 32 ms, and the length of the recording in seconds."""
    from affexion_core.live.vad import VoiceActivity

    activity, n_samples = VoiceActivity(), 0
    probs = [np.empty(0, np.float32)]
    for piece in stream_audio(path, warn=warnings.append):
        probs.append(activity.push(piece))
        n_samples += len(piece)
        done = n_samples // SAMPLING_RATE
        progress(done, 2 * max(stated, done), "finding speech")
    return np.concatenate(probs), n_samples / SAMPLING_RATE


def _cut(pieces: Iterator[np.ndarray], windows: Sequence[Window]) -> Iterator[tuple[Window, np.ndarray]]:
    """Cut windows, in order of their beginning, out of a stream; only what is still needed is held."""
    held, first = np.empty(0, np.float32), 0
    for window in windows:
        start, end = (round(time * SAMPLING_RATE) for time in window.heard)
        while first + len(held) < end:
            piece = next(pieces, None)
            if piece is None:
                break
            drop = min(max(0, start - first), len(held))
            held, first = np.concatenate([held[drop:], piece]), first + drop
        signal = held[max(0, start - first) : end - first]
        if len(signal):
            yield window, signal.copy()


def _batches(found: Iterator[tuple[Window, np.ndarray]]) -> Iterator[list[tuple[Window, np.ndarray]]]:
    batch: list[tuple[Window, np.ndarray]] = []
    for item in found:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _judged(predictor: Predictor, batch: Sequence[tuple[Window, np.ndarray]]) -> list[Segment]:
    probs = predictor.of_utterances([Utterance(signal, SAMPLING_RATE) for _, signal in batch]).probs
    return [
        Segment(
            window.start,
            window.end,
            window.heard,
            predictor.labels[int(row.argmax())],
            tuple(float(p) for p in row),
            bool(unsure),
        )
        for (window, _), row, unsure in zip(batch, probs, is_unsure(predictor, probs), strict=True)
    ]
