"""WAV files as services and programs send them: checked, measured, and their lengths put right."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from affexion_core.synthesis._request import DamagedError


@dataclass(frozen=True)
class Wav:
    """A WAV file: its bytes, and how long it plays in seconds."""

    data: bytes
    duration: float


def read_wav(data: bytes) -> Wav:
    """Check that bytes are a WAV file with sound in it.

    Services that stream write lengths that are too large, since they don't know the length when they begin; these are
    put right, as some programs refuse such files.

    Raises
    ------
    DamagedError
        If it is no WAV file, or has no samples.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DamagedError(f"What came is no WAV file, but {_kind(data)}.")
    place, per_second = 12, 0
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        if name == b"fmt " and place + 24 <= len(data):
            per_second = struct.unpack_from("<I", data, place + 16)[0]
        if name == b"data":
            return _measured(data, place, size, per_second)
        place += 8 + size + size % 2
    raise DamagedError("The WAV file that came has no sound in it.")


def _measured(data: bytes, place: int, size: int, per_second: int) -> Wav:
    there = len(data) - place - 8
    if not min(size, there) or not per_second:
        raise DamagedError("The WAV file that came has no sound in it.")
    if size > there:
        mended = bytearray(data)
        struct.pack_into("<I", mended, place + 4, there)
        struct.pack_into("<I", mended, 4, len(data) - 8)
        data, size = bytes(mended), there
    return Wav(data, size / per_second)


def _kind(data: bytes) -> str:
    if not data.strip():
        return "nothing"
    if data[:3] == b"ID3" or data[:2] in (b"\xff\xfb", b"\xff\xf3"):
        return "mp3; the service doesn't know the format wav"
    return "text" if data[:1] in b"{<[" else "something else"
