"""Tell what a file is from its first bytes; its name and extension are never asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Literal

from affexion_core.errors import AudioError

KNOWN = "wav, flac, mp3, ogg, opus, m4a, webm, aac, aiff, au, caf, w64, amr or wma"


@dataclass(frozen=True)
class Container:
    """A kind of sound file, and the library and demuxer that read it."""

    name: str
    library: Literal["soundfile", "pyav"]
    demuxer: str = ""


# (offset, bytes, container). Playlists, concat scripts and other text that name further files have no entry here,
# so they never reach a demuxer.
_MAGIC: tuple[tuple[int, bytes, Container], ...] = (
    (0, b"fLaC", Container("flac", "soundfile")),
    (0, b"OggS", Container("ogg", "soundfile")),
    (0, b".snd", Container("au", "soundfile")),
    (0, b"caff\x00\x01", Container("caf", "soundfile")),
    (0, b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", Container("w64", "soundfile")),
    (4, b"ftyp", Container("m4a", "pyav", "mov")),
    (0, b"\x1a\x45\xdf\xa3", Container("webm", "pyav", "matroska")),
    (0, b"#!AMR", Container("amr", "pyav", "amr")),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("wma", "pyav", "asf")),
)
_FORMS = {
    (b"RIFF", b"WAVE"): Container("wav", "soundfile"),
    (b"RIFX", b"WAVE"): Container("wav", "soundfile"),
    (b"RF64", b"WAVE"): Container("wav", "soundfile"),
    (b"FORM", b"AIFF"): Container("aiff", "soundfile"),
    (b"FORM", b"AIFC"): Container("aiff", "soundfile"),
}
_MP3 = Container("mp3", "soundfile")
_AAC = Container("aac", "pyav", "aac")


def sniff(file: BinaryIO, name: str) -> Container:
    """Recognise a sound file by content; the file is left at its start.

    Parameters
    ----------
    file
        Open for reading, seekable.
    name
        What to call it in the message.

    Raises
    ------
    AudioError
        If it is empty or no known sound file.
    """
    file.seek(0)
    head = file.read(512)
    if not head:
        raise AudioError(f"{name} is empty (0 bytes). Record or copy it again.")
    found = _by_magic(head) or _mpeg(_after_id3(file, head), tagged=head.startswith(b"ID3"))
    file.seek(0)
    if found is None:
        raise AudioError(f"{name} is not a sound file: it looks like {_guess(head)}. Choose a {KNOWN} file.")
    return found


def _by_magic(head: bytes) -> Container | None:
    form = _FORMS.get((head[:4], head[8:12]))
    return form or next((kind for at, magic, kind in _MAGIC if head[at : at + len(magic)] == magic), None)


def _after_id3(file: BinaryIO, head: bytes) -> bytes:
    """Return the bytes after an ID3v2 tag; its size is four 7-bit bytes."""
    if not head.startswith(b"ID3") or len(head) < 10:
        return head
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    file.seek(10 + size, os.SEEK_SET)
    return file.read(16)


def _mpeg(head: bytes, tagged: bool) -> Container | None:
    """Recognise MPEG audio layers II and III, ADTS AAC, and FLAC behind an ID3 tag.

    Layer I is left out: its sync word is also the byte-order mark of UTF-16 text.
    """
    if tagged and head.startswith(b"fLaC"):
        return Container("flac", "soundfile")
    if len(head) >= 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return _AAC
    if tagged:
        return _MP3
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, bitrate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return _MP3 if version != 1 and layer in (1, 2) and bitrate != 15 and rate != 3 else None


def _guess(head: bytes) -> str:
    """Say in words what a file that isn't audio looks like."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for kind, marks in (
        ("a playlist or script", (b"#extm3u", b"[playlist]", b"ffconcat", b"<asx", b"<smil", b"<mpd", b"<playlist")),
        ("a web page", (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")),
        ("an archive", (b"pk\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"rar!")),
        ("a picture", (b"\x89png", b"\xff\xd8\xff", b"gif8")),
        ("a PDF", (b"%pdf",)),
    ):
        if start.startswith(marks):
            return kind
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or not any(byte < 9 or 13 < byte < 27 for byte in head):
        return "text"
    return "something else, or its beginning is damaged"
