"""A recording from a browser, read as if it had come in live; it stays in memory."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from affexion_core.audio.decode import SAMPLING_RATE, Limits
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
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            if file.frames > Limits().max_seconds * file.samplerate:
                raise AudioError(f"The recording is longer than {Limits().max_seconds / 60:.0f} min; record less.")
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioError(f"The recording can't be decoded ({error}); record it again.") from None
    signal = resampled(samples, rate) if len(samples) else np.empty(0, np.float32)
    if not len(signal):
        raise AudioError("The recording is 0 s long; hold on a moment before you stop it.")
    return signal


def answer_for(predictor: Predictor, signal: np.ndarray) -> Prediction:
    """Predict a whole signal at 16 kHz, as for a file."""
    outcome = predictor.of_utterances([Utterance(signal, SAMPLING_RATE)])
    return predictor.predictions(["recording"], outcome)[0]
