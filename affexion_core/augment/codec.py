"""What a telephone or a low data rate leaves of a signal.

``telephone``: 8 kHz, the band of ITU-T G.712 and µ-law with 8 bits (G.711). ``mp3`` and ``opus``: encoded and decoded
by FFmpeg's libraries (through PyAV) at a drawn data rate. The result is as long as the signal.
"""

from __future__ import annotations

import io
from typing import Annotated, Any, Literal

import numpy as np
import soxr
from pydantic import Field
from scipy.signal import butter, sosfilt

from affexion_core.augment._signal import check, in_scale, of_length, within
from affexion_core.config import config_class
from affexion_core.errors import AudioError

VERSION = 1
Kind = Literal["telephone", "mp3", "opus"]
_MU = 255.0
# Encoder, container and sampling rate; the decoder cuts away what the encoder puts before the first sample.
_ENCODERS = {"mp3": ("libmp3lame", "mp3", 16_000), "opus": ("libopus", "ogg", 16_000)}


@config_class
class Config:
    """Which codecs, and how few bits they get."""

    codecs: Annotated[
        tuple[Kind, ...], Field(min_length=1, description="Codecs to draw from: telephone, mp3, opus")
    ] = ("telephone", "mp3", "opus")
    kbit_s: Annotated[
        tuple[float, float], within(6, 320), Field(description="Data rate of mp3 and opus in kbit/s: 8 poor, 64 good")
    ] = (8.0, 32.0)


def apply(signal: np.ndarray, sampling_rate: int, config: Config, seed: int) -> np.ndarray:
    """Send a mono ``signal`` ``(n_samples,)`` through a drawn codec; float32 of the same length.

    Raises
    ------
    AudioError
        If the signal is empty, not mono or not finite, or the codec fails.
    """
    check(signal)
    rng = np.random.default_rng(seed)
    kind = config.codecs[int(rng.integers(len(config.codecs)))]
    rate = rng.uniform(*config.kbit_s)
    sound = np.clip(signal.astype(np.float64), -1.0, 1.0)
    changed = _telephone(sound, sampling_rate) if kind == "telephone" else _coded(sound, sampling_rate, kind, rate)
    return in_scale(of_length(changed, len(signal)))


def _telephone(sound: np.ndarray, sampling_rate: int) -> np.ndarray:
    narrow = soxr.resample(sound, sampling_rate, 8000)
    narrow = np.clip(sosfilt(butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), narrow), -1.0, 1.0)
    pressed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    steps = np.round(pressed * 127) / 127
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU
    return soxr.resample(heard, 8000, sampling_rate)


def _coded(sound: np.ndarray, sampling_rate: int, kind: str, kbit_s: float) -> np.ndarray:
    import av

    encoder, container, rate = _ENCODERS[kind]
    data = (soxr.resample(sound, sampling_rate, rate) * 32767).round().astype(np.int16)[None]
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=container) as out:
            stream: Any = out.add_stream(encoder, rate=rate)
            stream.bit_rate, stream.layout = round(kbit_s * 1000), "mono"
            frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
            frame.sample_rate = rate
            resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
            for part in (*resampler.resample(frame), None):
                out.mux(stream.encode(part))
        file.seek(0)
        with av.open(file, "r") as source:
            to_float = av.AudioResampler(format="flt", layout="mono", rate=rate)
            frames = [part for frame in source.decode(audio=0) for part in to_float.resample(frame)]
            frames += to_float.resample(None)
    except av.FFmpegError as error:
        raise AudioError(f"The signal can't be coded as {kind} ({error}); choose another codec.") from None
    heard = np.concatenate([part.to_ndarray()[0] for part in frames]).astype(np.float64)
    return soxr.resample(heard, rate, sampling_rate)
