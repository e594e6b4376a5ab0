"""Notice files that are shorter than their header says, where the decoder itself keeps silent about it."""

from __future__ import annotations

import os
from typing import BinaryIO

# Programs that write to a pipe can't know the length and leave one of these, or a value just under 2 or 4 GiB.
_OPEN_ENDED = 0x7FFF0000


def length_warning(file: BinaryIO, container: str) -> str | None:
    """Compare the lengths a header states with the bytes that are there.

    Parameters
    ----------
    file
        Open for reading, seekable; its position is changed.
    container
        ``wav``, ``aiff``, ``au`` and ``ogg`` are looked into; others state their length to the decoder.

    Returns
    -------
    str or None
        A warning to show, or None where all is well or nothing can be said.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if container in ("wav", "aiff"):
        return _chunk_warning(file, size)
    if container == "au":
        head = file.read(12)
        stated = int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
        open_ended = int.from_bytes(head[8:12], "big") >= _OPEN_ENDED
        return None if open_ended or stated <= size else _cut_off(stated - size)
    if container == "ogg":
        return _ogg_warning(file, size)
    return None


def _chunk_warning(file: BinaryIO, size: int) -> str | None:
    """Walk the chunks of a RIFF or IFF file: a name of 4 letters, a length of 4 bytes, the content."""
    order = "big" if file.read(4) in (b"FORM", b"RIFX") else "little"
    at, sound_seen = 12, False
    while at + 8 <= size:
        file.seek(at)
        name, raw = file.read(4), file.read(4)
        length = int.from_bytes(raw, order)  # type: ignore[arg-type]
        sound = name in (b"data", b"SSND")
        if sound and length >= _OPEN_ENDED:
            return None
        missing = at + 8 + length - size
        if sound_seen and (missing > 0 or not all(32 <= byte < 127 for byte in name)):
            return f"{size - at} bytes follow the sound that the header doesn't account for; they were left out"
        if missing > 0:
            return _cut_off(missing)
        sound_seen |= sound
        at += 8 + length + length % 2
    return None


def _ogg_warning(file: BinaryIO, size: int) -> str | None:
    """Look for the end-of-stream mark, which the last page of every complete Ogg file carries."""
    file.seek(max(0, size - 65_536 - 282))  # the longest page there can be
    tail = file.read()
    at = tail.rfind(b"OggS")
    ended = at >= 0 and len(tail) > at + 5 and tail[at + 5] & 4
    return None if ended else "the end of the file is missing: it was cut off, or its recording was"


def _cut_off(n_bytes: int) -> str:
    return f"the file is {n_bytes} bytes shorter than its header says: it was cut off, or its recording was"
