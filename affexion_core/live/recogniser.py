"""Readings of a stream at 16 kHz: level, speech, label, attention. No threads and no clock here.

Streaming equals offline: a reading's probabilities are those that `Predictor` gives for the samples of its window.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.audio.levels import clipped_fraction, peak_dbfs, rms_dbfs
from affexion_core.audio.peaks import waveform_peaks
from affexion_core.config import config_class
from affexion_core.evaluation.calibration import scale
from affexion_core.live.ring_buffer import RingBuffer
from affexion_core.live.smoothing import Smoother
from affexion_core.live.thresholds import SPEECH_ABOVE
from affexion_core.live.vad import CHUNK, VoiceActivity
from affexion_core.predict_files import UNSURE_BELOW
from affexion_core.predictor import Predictor
from affexion_core.types import Utterance

State = Literal["no speech", "unsure", "sure"]
# Of the last step: more samples at full scale than this are heard as distortion.
CLIPPING_ABOVE = 0.001
_PEAKS_PER_SECOND = 40


@config_class
class LiveSettings:
    """How a stream is read."""

    window_seconds: Annotated[
        float,
        Field(ge=0.5, le=15, description="Seconds of sound that an answer is about; longer is steadier and later"),
    ] = 3.0
    step_seconds: Annotated[float, Field(ge=0.1, le=2, description="Seconds between answers")] = 0.25
    smoothing_seconds: Annotated[
        float, Field(ge=0, le=10, description="Seconds over which probabilities are averaged; 0 switches it off")
    ] = 0.5
    unsure_below: Annotated[
        float, Field(ge=0, le=1, description="Below this probability of the first label the answer is: unsure")
    ] = UNSURE_BELOW
    temperature: Annotated[
        float, Field(gt=0, le=100, description="Of the run's calibration; above 1, answers are less sure of themselves")
    ] = 1.0
    speech_seconds: Annotated[
        float,
        Field(ge=0, le=5, description="Seconds of speech a window must hold for an answer; 0 answers to all sound"),
    ] = 0.3
    speech_above: Annotated[float, Field(gt=0, lt=1, description="Probability from which 32 ms count as speech")] = (
        SPEECH_ABOVE
    )


@dataclass(frozen=True)
class Reading:
    """What was heard up to a moment.

    ``start`` and ``time``: the window in seconds of the stream. ``state``: whether there is an answer. ``label`` is
    None for no speech; for unsure it is the most probable one. ``probs`` float64 ``(n_labels,)`` of the window,
    ``smoothed`` the same calibrated and over time, both None without speech. ``attention`` ``(n_frames,)`` over the
    window, summing to 1, None where the model has none. ``values`` are the window's dimensions by name, as the model
    says them, empty without speech or where it knows none.

    Of the last step: ``level_dbfs`` (root mean square) and ``peak_dbfs`` (-inf for digital silence), ``clipped`` (share
    of samples at full scale), ``peaks`` ``(n_columns, 2)`` for a waveform. ``speech_seconds`` counts the speech within
    the window. ``skipped`` counts the steps left out just before this one, ``delay`` the seconds from the arrival of
    the last sample to the result; both 0 where nobody measured them.
    """

    start: float
    time: float
    state: State
    label: str | None
    probs: np.ndarray | None
    smoothed: np.ndarray | None
    attention: np.ndarray | None
    level_dbfs: float
    peak_dbfs: float
    clipped: float
    peaks: np.ndarray
    speech_seconds: float
    skipped: int = 0
    delay: float = 0.0
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def clipping(self) -> bool:
        """Whether the sound is distorted by being too loud."""
        return self.clipped > CLIPPING_ABOVE


class Recogniser:
    """Reads one stream. Give it the samples in order; each call answers for the window that ends with them."""

    def __init__(self, predictor: Predictor, settings: LiveSettings | None = None) -> None:
        predictor.require_labels("Live recognition")
        self.settings = settings or LiveSettings()
        self.predictor = predictor
        self.n_step = round(self.settings.step_seconds * SAMPLING_RATE)
        self.window_seconds = min(self.settings.window_seconds, seen_seconds(predictor))
        self._n_window = round(self.window_seconds * SAMPLING_RATE)
        self._buffer = RingBuffer(self._n_window)
        self._activity = VoiceActivity()
        self._speech = RingBuffer(max(1, self._n_window // CHUNK))
        self._smoother = Smoother(self.settings.smoothing_seconds)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of ``Reading.probs``, in its order."""
        return self.predictor.labels

    @property
    def seconds(self) -> float:
        """How much of the stream was heard."""
        return self._buffer.n_seen / SAMPLING_RATE

    def step(self, samples: np.ndarray) -> Reading:
        """Hear samples and answer.

        Parameters
        ----------
        samples
            What came since the last call: float32 ``(n_samples,)`` mono at 16 kHz, usually a step long. After skipped
            steps it is longer: all is heard, and only the newest window answered for.
        """
        self._buffer.push(samples)
        self._speech.push(self._activity.push(samples))
        window = self._buffer.last(self._n_window)
        chunks = self._speech.last(self._speech.capacity)
        speech = float(np.count_nonzero(chunks >= self.settings.speech_above)) * CHUNK / SAMPLING_RATE
        state, label, probs, smoothed, attention, values = self._answer(window, speech)
        last = samples[-self.n_step :]
        return Reading(
            start=self.seconds - len(window) / SAMPLING_RATE,
            time=self.seconds,
            state=state,
            label=label,
            probs=probs,
            smoothed=smoothed,
            attention=attention,
            level_dbfs=rms_dbfs(last),
            peak_dbfs=peak_dbfs(last),
            clipped=clipped_fraction(last),
            peaks=waveform_peaks(last, max(1, round(len(last) / SAMPLING_RATE * _PEAKS_PER_SECOND))),
            speech_seconds=speech,
            values=values,
        )

    def _answer(
        self, window: np.ndarray, speech: float
    ) -> tuple[State, str | None, np.ndarray | None, np.ndarray | None, np.ndarray | None, dict[str, float]]:
        if not len(window) or speech < self.settings.speech_seconds:
            self._smoother.reset()
            return "no speech", None, None, None, None, {}
        outcome = self.predictor.of_utterances([Utterance(window, SAMPLING_RATE)])
        probs = outcome.probs[0]
        temperature = self.settings.temperature
        calibrated = probs if temperature == 1 else scale(probs, temperature)
        smoothed = self._smoother.add(calibrated, self.seconds)
        best = int(np.argmax(smoothed))
        state: State = "sure" if smoothed[best] >= self.settings.unsure_below else "unsure"
        said = () if outcome.values is None else outcome.values[0]
        values = {scheme.name: float(value) for scheme, value in zip(self.predictor.dimensions, said, strict=True)}
        return state, self.labels[best], probs, smoothed, outcome.attention[0], values


def seen_seconds(predictor: Predictor) -> float:
    """Say how much of a clip's start a model looks at, in seconds; infinite where it sees all.

    Models are trained on clips cut to ``max_len`` frames, or before that to a fixed length. A longer window would be
    judged by its oldest part alone.
    """
    fixed = predictor.config.preprocessing.fixed_seconds
    seen = [fixed] if fixed else []
    seen += [
        (predictor.config.inputs.max_len - 1) * front_end.config.hop_length / SAMPLING_RATE
        for front_end in predictor.front_ends
        if hasattr(front_end.config, "hop_length")
    ]
    return max(0.5, min(seen, default=np.inf))


def read_recording(recogniser: Recogniser, signal: np.ndarray) -> tuple[Reading, ...]:
    """Read a whole signal ``(n_samples,)`` at 16 kHz as if it came in live; a last part of a step is read as well."""
    starts = range(0, len(signal), recogniser.n_step)
    return tuple(recogniser.step(signal[start : start + recogniser.n_step]) for start in starts)
