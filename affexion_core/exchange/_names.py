"""Names of exported recordings: safe on every system, unique, the same whenever a clip is exported."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from affexion_core.types import Clip

FOLDER = "audio"
_LONGEST = 60


def exported_names(clips: Sequence[Clip], cut: bool = False) -> dict[str, str]:
    """Give each clip's name in an export by its id: ``audio/<speaker>-<id>.wav``.

    It says nothing of the label, which somebody who is to judge the clip may not see.

    Parameters
    ----------
    cut
        Whether a span becomes a file of its own; else it bears the name of the file it is a part of.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for clip in clips:
        span = clip.start is not None or clip.end is not None
        if span and not cut:
            names[clip.id] = f"{FOLDER}/{_plain(clip.corpus)}-{clip.sha256[:16]}{_suffix(clip)}"
            continue
        stem = f"{_plain(clip.speaker or clip.corpus)}-{_plain(clip.id)}"
        suffix = ".wav" if span else _suffix(clip)
        # ids are hex digits; others, that differ in signs alone, get a number
        name, number = f"{stem}{suffix}", 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        taken.add(name.lower())
        names[clip.id] = f"{FOLDER}/{name}"
    return names


def _plain(text: str) -> str:
    """Reduce a text to ASCII letters, digits and ``_``."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "_", ascii_only).strip("_")[:_LONGEST] or "clip"


def _suffix(clip: Clip) -> str:
    suffix = PurePosixPath(clip.file).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ".wav"
