"""Read wav, flac, mp3, ogg and their like with libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile

from affexion_core.audio._stream import BLOCK_FRAMES, DecodingError, Stream

_UNKNOWN_FRAMES = 2**62  # libsndfile states 2**63 - 1 where a header leaves the length open
_INT16_STEP = np.float32(1 / 32_768)
_ERRORS = (soundfile.SoundFileError, RuntimeError, OSError, ValueError, OverflowError, MemoryError)


class _ForwardReader(soundfile.SoundFile):
    """Reads onwards only.

    soundfile seeks to its own position after every read; in a damaged FLAC that seek fails, and with it the
    samples just read are lost.
    """

    def seekable(self) -> bool:
        return False


@contextmanager
def open_stream(file: BinaryIO) -> Iterator[Stream]:
    """Open a stream; by descriptor, so that the library opens no file by name.

    Raises
    ------
    DecodingError
        If libsndfile can't make sense of the header.
    """
    file.seek(0)
    try:
        sound = _ForwardReader(file.fileno(), closefd=False)
    except _ERRORS as error:
        raise DecodingError(_reason(error)) from error
    with sound:
        known = 0 <= sound.frames < _UNKNOWN_FRAMES and sound.samplerate > 0
        yield Stream(
            sampling_rate=sound.samplerate,
            channels=sound.channels,
            duration=sound.frames / sound.samplerate if known else None,
            blocks=lambda start, end: _blocks(sound, start, end),
        )


def _blocks(sound: _ForwardReader, start: float, end: float | None) -> Iterator[np.ndarray]:
    first = round(start * sound.samplerate)
    left = None if end is None else round(end * sound.samplerate) - first
    try:
        if first:
            sound.seek(first)
        while left is None or left > 0:
            wanted = BLOCK_FRAMES if left is None else min(BLOCK_FRAMES, left)
            block = _read(sound, wanted)
            if len(block):
                yield block
            if len(block) < wanted:
                return
            left = None if left is None else left - wanted
    except _ERRORS as error:
        raise DecodingError(_reason(error)) from error


def _read(sound: _ForwardReader, n_frames: int) -> np.ndarray:
    """Read float32 ``(at most n_frames, channels)``; of 16-bit files the whole numbers, as that takes a fifth."""
    if sound.subtype != "PCM_16":
        return sound.read(n_frames, dtype="float32", always_2d=True)
    return np.multiply(sound.read(n_frames, dtype="int16", always_2d=True), _INT16_STEP, dtype=np.float32)


def _reason(error: BaseException) -> str:
    text = error.error_string if isinstance(error, soundfile.LibsndfileError) else str(error)
    return text.removeprefix("Error : ").rstrip(".") or type(error).__name__
