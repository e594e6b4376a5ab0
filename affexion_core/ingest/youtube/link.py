"""Read a link to a YouTube video: of all that was pasted only the video's id is kept, and a time to begin at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

from affexion_core.errors import LinkError

_HOSTS = {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com"}
_EMBEDDING = {"youtube-nocookie.com", "www.youtube-nocookie.com"}
_SHORT = {"youtu.be", "www.youtu.be"}
ID = re.compile(r"[A-Za-z0-9_-]{11}", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,2})h)?(?:(\d{1,4})m)?(?:(\d{1,5})s?)?", re.ASCII)
_LONGEST = 500
_FORMS = "watch?v=…, youtu.be/…, shorts/…, live/… and embed/…"


@dataclass(frozen=True)
class Link:
    """A video by its id of 11 characters, and the second its link begins at, if it says one."""

    video: str
    start: float | None = None

    @property
    def address(self) -> str:
        """The address built anew; nothing else that was pasted is in it."""
        return f"https://www.youtube.com/watch?v={self.video}"

    def at(self, seconds: float) -> str:
        """Give the address that begins at a time, in whole seconds."""
        return f"{self.address}&t={int(seconds)}s"


def parse_link(text: str) -> Link:
    """Read a link to one video.

    Parameters
    ----------
    text
        As pasted, space around it ignored; ``https://`` may be missing. Nothing is asked of any server.

    Raises
    ------
    LinkError
        If it is no link to one YouTube video; the text says what is wrong with it.
    """
    pasted = text.strip(" \t\r\n")
    shown = f"{pasted[:60]!r}{' …' if len(pasted) > 60 else ''}"
    if len(pasted) > _LONGEST or not pasted.isascii() or any(ord(sign) <= 32 or ord(sign) == 127 for sign in pasted):
        raise LinkError(f"{shown} is no link to a video: it is too long, or holds spaces, line breaks or odd letters.")
    parts = _split(pasted, shown)
    video = _video(parts.netloc.lower(), parts.path, parse_qs(parts.query), shown)
    times = {**parse_qs(parts.fragment), **parse_qs(parts.query)}
    return Link(video, next((_seconds(times[key][0]) for key in ("t", "start") if key in times), None))


def _split(pasted: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(pasted if "://" in pasted else f"https://{pasted}")
    except ValueError:
        raise LinkError(f"{shown} is no link. Copy the address of the video once more.") from None
    host = parts.netloc.lower()
    if parts.scheme not in ("http", "https"):
        raise LinkError(f"{shown} begins with {parts.scheme}:, not with https://. Only links to YouTube are taken.")
    if host not in _HOSTS | _EMBEDDING | _SHORT:
        raise LinkError(
            f"{shown} leads to {host[:60] or 'nowhere'!r}, not to YouTube. Only links to youtube.com and youtu.be are "
            "taken; for other recordings, drop the file."
        )
    return parts


def _video(host: str, path: str, query: dict[str, list[str]], shown: str) -> str:
    pieces = [piece for piece in path.split("/") if piece]
    found: list[str] = []
    if host in _SHORT:
        found = pieces[:1] if len(pieces) == 1 else []
    elif pieces in (["watch"], ["watch_popup"]) and host in _HOSTS:
        found = query.get("v", [])
    elif len(pieces) == 2 and pieces[0] in ("shorts", "embed", "live", "v"):
        found = pieces[1:]
    if len(set(found)) > 1:
        raise LinkError(f"{shown} names {len(found)} videos at once. Copy the address of one video.")
    if not found:
        raise LinkError(f"{shown} leads to no single video (a list or channel?). Known are {_FORMS}")
    if not ID.fullmatch(found[0]):
        raise LinkError(f"{shown}: {found[0][:40]!r} is no video id, which has 11 letters, digits, - or _.")
    return found[0]


def _seconds(text: str) -> float | None:
    """Read ``90``, ``90s`` or ``1m30s``; None for anything else, as the video is clear without."""
    match = _CLOCK.fullmatch(text)
    if not text or match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(3600 * hours + 60 * minutes + seconds)
