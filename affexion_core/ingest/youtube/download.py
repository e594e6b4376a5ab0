"""Fetch the sound of one video by yt-dlp, in a process of its own that is told everything and trusted with nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from affexion_core.config import config_class
from affexion_core.ingest.youtube.link import Link
from affexion_core.ingest.youtube.states import (
    OTHER,
    STOPPED,
    TOO_LARGE,
    TOO_LONG,
    VideoError,
    state_of,
)
from affexion_core.types import Progress, no_progress

PROGRAM = "AFFEXION_YOUTUBE_PROGRAM"
"""Environment variable with the path of another yt-dlp than the one installed beside this package."""

TRIES = 3
_WAITS = (2.0, 10.0)
_POLL = 0.2
_SAID = "said.txt"
_FIELDS = "id,title,channel,uploader,license,upload_date,duration,live_status"
_OPTIONS = (
    "--ignore-config", "--no-plugin-dirs", "--no-exec", "--no-cookies", "--no-cookies-from-browser", "--no-cache-dir",
    "--no-batch-file", "--no-playlist", "--no-update", "--no-remote-components", "--use-extractors", "youtube",
    "--xff", "never", "--no-mtime", "--no-part", "--fixup", "never", "--color", "never", "--no-progress",
    "--socket-timeout", "20", "--retries", "1", "--extractor-retries", "0",
    "--format", "bestaudio/best", "--no-simulate",
    "--print", f"pre_process:%(.{{{_FIELDS}}})j", "--output", "original.%(ext)s",
)  # fmt: skip


@config_class
class FetchLimits:
    """How much one video may be."""

    max_seconds: Annotated[float, Field(gt=0, le=7200, description="Longer recordings are decoded for minutes")] = 3600
    max_megabytes: Annotated[int, Field(ge=1, description="An hour of YouTube's best sound is some 60 MB")] = 300
    max_minutes: Annotated[float, Field(gt=0, description="A fetch that takes longer is stopped")] = 15


@dataclass(frozen=True)
class Fetched:
    """A video's sound as delivered, and what YouTube says of it (title, channel, license, upload_date, duration)."""

    file: Path
    facts: Mapping[str, Any]
    tool: str


Fetch = Callable[[Link, Path, Progress], Fetched]
"""Gets a video's sound into an empty folder."""


def command(address: str, limits: FetchLimits) -> list[str]:
    """Give the call that fetches a video into the folder it runs in.

    Only the extractor for YouTube's videos is on; no settings, plug-ins, cookies, hooks or caches of the user are
    read; the address stands behind ``--``, so that it can never be an option.
    """
    program = os.environ.get(PROGRAM)
    start = [program] if program else [sys.executable, "-P", "-m", "yt_dlp"]
    live = "live_status!=?is_live & live_status!=?is_upcoming & live_status!=?post_live"
    bounds = ["--match-filters", f"{live} & duration<=?{limits.max_seconds:.0f}"]
    return [*start, *_OPTIONS, *bounds, "--max-filesize", f"{limits.max_megabytes}M", "--", address]


def fetch_video(
    link: Link,
    folder: Path,
    progress: Progress = no_progress,
    limits: FetchLimits = FetchLimits(),  # noqa: B008 (frozen)
    wait: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Fetch the sound of a video into an empty folder, trying `TRIES` times where the reason may pass.

    Raises
    ------
    VideoError
        If it can't be had; its state says why.
    """
    for tried in range(1, TRIES + 1):
        try:
            return _fetched_once(link, folder, progress, limits)
        except VideoError as error:
            if not error.state.passing or tried == TRIES:
                raise
            progress(tried, TRIES, f"Trying again: {error.state.name}")
            wait(_WAITS[tried - 1])
    raise AssertionError("the last try gives or raises")


def _fetched_once(link: Link, folder: Path, progress: Progress, limits: FetchLimits) -> Fetched:
    for left in folder.iterdir():
        left.unlink()
    told, said, code = _run(command(link.address, limits), link, folder, progress, limits)
    facts = _facts(told)
    if facts.get("id", link.video) != link.video:
        raise VideoError(link.video, OTHER, " YouTube led to another video.")
    if facts.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise VideoError(link.video, state_of("is_live"))
    if (facts.get("duration") or 0) > limits.max_seconds:
        more = f": {facts['duration'] / 60:.0f} min, at most {limits.max_seconds / 60:.0f}."
        raise VideoError(link.video, TOO_LONG, more)
    files = [file for file in folder.iterdir() if file.stem == "original" and file.is_file()]
    if facts and code == 0 and not files:  # it says nothing of a file that it left for its size
        raise VideoError(link.video, TOO_LARGE, f" (at most {limits.max_megabytes} MB).")
    if code != 0 or len(files) != 1 or not facts:
        raise VideoError(link.video, state_of(said))
    return Fetched(files[0], facts, tool_version())


def _run(
    arguments: list[str], link: Link, folder: Path, progress: Progress, limits: FetchLimits
) -> tuple[str, str, int]:
    """Run yt-dlp to its end, or to that of the time or room it has; without a shell, in a session of its own."""
    home = folder / "home"
    home.mkdir()
    try:
        with (folder / _SAID).open("wb") as said, (folder / "told.txt").open("wb") as told:
            try:
                child = subprocess.Popen(arguments, cwd=folder, env=_environment(home), stdin=subprocess.DEVNULL,
                                         stdout=told, stderr=said, start_new_session=True)  # fmt: skip
            except OSError as error:
                missing = state_of("No module named yt_dlp")
                raise VideoError(link.video, missing, f" ({error.strerror}: {arguments[0]})") from error
            try:
                _watch(child, link, folder, progress, limits)
            finally:
                _end(child)
        texts = [(folder / name).read_text(encoding="utf-8", errors="replace") for name in ("told.txt", _SAID)]
        return texts[0], texts[1], child.returncode
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for name in ("told.txt", _SAID):
            (folder / name).unlink(missing_ok=True)


def _watch(child: subprocess.Popen[bytes], link: Link, folder: Path, progress: Progress, limits: FetchLimits) -> None:
    stop_at = time.monotonic() + 60 * limits.max_minutes
    while child.poll() is None:
        megabytes = sum(file.stat().st_size for file in folder.glob("original*")) / 1e6
        progress(0, 0, f"Fetching {link.video}: {megabytes:.1f} MB")
        if megabytes > limits.max_megabytes:
            raise VideoError(link.video, TOO_LARGE, f" (at most {limits.max_megabytes} MB).")
        if time.monotonic() > stop_at:
            raise VideoError(link.video, STOPPED)
        time.sleep(_POLL)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the process and what it has started."""
    with suppress(OSError):
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
    child.wait()


def _environment(home: Path) -> dict[str, str]:
    """Give yt-dlp an empty home, and the programs beside this Python, among which deno is; not the app's secrets."""
    kept = ("LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT", "http_proxy", "https_proxy", "HTTP_PROXY",
            "HTTPS_PROXY", "no_proxy", "NO_PROXY")  # fmt: skip
    found = {name: os.environ[name] for name in kept if name in os.environ}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "USERPROFILE", "APPDATA", "TMPDIR"), str(home))
    return {**found, **homes, "PATH": path, "PYTHONIOENCODING": "utf-8"}


def _facts(told: str) -> dict[str, Any]:
    """Read the line of JSON that yt-dlp prints of a video; empty where there is none."""
    for line in told.splitlines():
        if line.startswith("{"):
            with suppress(ValueError):
                found = json.loads(line)
                return found if isinstance(found, dict) else {}
    return {}


def tool_version() -> str:
    """Name yt-dlp with its version, as the origin card of a clip does."""
    if importlib.util.find_spec("yt_dlp") is None:
        return "yt-dlp"
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"yt-dlp {version('yt-dlp')}"
    except PackageNotFoundError:
        return "yt-dlp"
