"""A recording from a browser, read as if it had come in live; it stays in memory."""

from __future__ import annotations

import numpy as np

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.audio.isolated import decode_bytes
from affexion_core.errors import AudioError
from affexion_core.live.recogniser import LiveSettings, Recogniser, read_recording
from affexion_core.live.resampling import resampled
from affexion_core.live.session import Snapshot
from affexion_core.predictor import Predictor
from affexion_core.types import Prediction, Utterance


def read_wav(predictor: Predictor, settings: LiveSettings, content: bytes) -> tuple[Snapshot, np.ndarray]:
    """Decode a WAV file in memory and read it.

    Returns
    -------
    Snapshot
        With all readings.
    ndarray
        The signal: float32 ``(n_samples,)`` mono at 16 kHz.

    Raises
    ------
    AudioError
        If it isn't a sound file, holds no sound, or too much of it.
    """
    signal = decode_wav(content)
    readings = read_recording(Recogniser(predictor, settings), signal)
    return Snapshot(readings, predictor.labels, len(signal) / SAMPLING_RATE, 0, 0.0, 0.0, False, None), signal


def decode_wav(content: bytes) -> np.ndarray:
    """Decode a WAV file in memory to mono at 16 kHz: the samples that `load_audio` gives for the file."""
    samples, rate = decode_bytes(content, "The recording")
    signal = resampled(samples, rate) if len(samples) else np.empty(0, np.float32)
    if not len(signal):
        raise AudioError("The recording is 0 s long; hold on a moment before you stop it.")
    return signal


def answer_for(predictor: Predictor, signal: np.ndarray) -> Prediction:
    """Predict a whole signal at 16 kHz, as for a file."""
    outcome = predictor.of_utterances([Utterance(signal, SAMPLING_RATE)])
    return predictor.predictions(["recording"], outcome)[0]
