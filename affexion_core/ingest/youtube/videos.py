"""Videos of a workspace: each fetched once, kept as delivered and as one track at 16 kHz that spans are cut from."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.audio.isolated import stream_audio
from affexion_core.errors import AffexionError, LinkError, StoreError
from affexion_core.ingest.youtube.download import Fetch, fetch_video
from affexion_core.ingest.youtube.link import ID, Link
from affexion_core.run_folder import read_json, write_json
from affexion_core.types import Clip, Progress, no_progress
from affexion_core.workspace import Workspace

FOLDER = "youtube"
_TRACK, _CARD = "track.wav", "video.json"
_LONGEST_FACT = 300


@dataclass(frozen=True)
class Video:
    """A video that was fetched, and what YouTube said of it then.

    ``folder`` holds the sound as delivered and the track; ``seconds`` is the track's length; ``licence`` None where
    YouTube states none, which means its standard licence; ``uploaded`` and ``retrieved`` are ISO dates.
    """

    id: str
    folder: Path
    seconds: float
    original: str
    title: str
    channel: str
    licence: str | None
    uploaded: str | None
    retrieved: str
    tool: str

    @property
    def track(self) -> Path:
        """Its sound as mono WAV of 16 bits at 16 kHz: decoded once, so that all spans agree to the sample."""
        return self.folder / _TRACK

    def part(self, workspace: Workspace, start: float, end: float) -> Clip:
        """Give a part of the track as players take clips; it is in no library."""
        file = self.track.relative_to(workspace.root).as_posix()
        return Clip(f"youtube-{self.id}-{start:.0f}", file, "", "real", "youtube", end - start, SAMPLING_RATE, 1,
                    start=start, end=end)  # fmt: skip


def known_video(workspace: Workspace, id: str) -> Video | None:
    """Find a video that was fetched before; None where there is none, or no more than half of one."""
    folder = workspace.root / FOLDER / id
    if not (folder / _CARD).is_file() or not (folder / _TRACK).is_file():
        return None
    try:
        return Video(folder=folder, **read_json(folder / _CARD))
    except (AffexionError, TypeError, ValueError):
        return None


def get_video(workspace: Workspace, link: Link, progress: Progress = no_progress, fetch: Fetch | None = None) -> Video:
    """Give a video of the workspace, fetching it if it isn't there: all of it or nothing.

    Parameters
    ----------
    fetch
        What gets the sound; None for `download.fetch_video`.

    Raises
    ------
    VideoError
        If it can't be had; its state says why.
    AudioError
        If its sound can't be decoded.
    StoreError
        If the workspace can't be written.
    """
    known = known_video(workspace, link.video)
    if known is not None:
        return known
    place = workspace.root / FOLDER
    try:
        place.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".coming-", dir=place, ignore_cleanup_errors=True) as coming:
            folder = Path(coming) / link.video
            folder.mkdir()
            _fill(folder, link, progress, fetch or fetch_video)
            # another process may have been quicker; what it brought is as good
            if known_video(workspace, link.video) is None:
                shutil.rmtree(place / link.video, ignore_errors=True)
                os.replace(folder, place / link.video)
    except OSError as error:
        raise StoreError(
            f"The video {link.video} can't be kept in the workspace {workspace.root} ({error.strerror}); make room, "
            "then try again."
        ) from error
    found = known_video(workspace, link.video)
    if found is None:
        raise StoreError(f"The video {link.video} was taken away while it was fetched; try again.")
    return found


def forget_videos(workspace: Workspace, clips: Iterable[Clip]) -> int:
    """Delete the videos that clips were cut from, as where one is taken down; gives how many files there were."""
    folders = {
        workspace.root / FOLDER / str(clip.attributes.get("video"))
        for clip in clips
        if clip.corpus == "youtube" and ID.fullmatch(str(clip.attributes.get("video")))
    }
    n_files = sum(path.is_file() for folder in folders for path in folder.glob("*"))
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return n_files


def _fill(folder: Path, link: Link, progress: Progress, fetch: Fetch) -> None:
    fetched = fetch(link, folder, progress)
    progress(0, 0, f"Decoding {link.video}")
    seconds = _write_track(fetched.file, folder / _TRACK)
    facts = fetched.facts
    video = Video(
        id=link.video,
        folder=folder,
        seconds=seconds,
        original=fetched.file.name,
        title=_fact(facts, "title") or link.video,
        channel=_fact(facts, "channel") or _fact(facts, "uploader") or "unknown",
        licence=_fact(facts, "license"),
        uploaded=_date(_fact(facts, "upload_date")),
        retrieved=datetime.now(UTC).date().isoformat(),
        tool=fetched.tool,
    )
    write_json(folder / _CARD, {key: value for key, value in asdict(video).items() if key != "folder"})


def _write_track(original: Path, track: Path) -> float:
    """Decode a recording piece by piece to the track; gives its length in seconds."""
    n_samples = 0
    with sf.SoundFile(track, "w", SAMPLING_RATE, 1, "PCM_16", format="WAV") as file:
        for piece in stream_audio(original):
            file.write(piece)
            n_samples += len(piece)
    return n_samples / SAMPLING_RATE


def _fact(facts: Mapping[str, Any], name: str) -> str | None:
    """Read a text that somebody on YouTube wrote: on one line, without signs that no text has, and not endless."""
    text = facts.get(name)
    if not isinstance(text, str):
        return None
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:_LONGEST_FACT] or None


def _date(text: str | None) -> str | None:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text is not None and len(text) == 8 and text.isdigit() else None


def cut(video: Video, start: float, end: float) -> np.ndarray:
    """Cut a span out of a video's track.

    Returns
    -------
    ndarray
        int16 ``(n_samples,)``: the track's samples from ``round(16000 * start)`` up to, not including,
        ``round(16000 * end)``.

    Raises
    ------
    LinkError
        If the track is gone or damaged.
    """
    first, last = round(start * SAMPLING_RATE), round(end * SAMPLING_RATE)
    try:
        samples, _ = sf.read(video.track, start=first, stop=last, dtype="int16")
    except (OSError, RuntimeError) as error:
        raise LinkError(f"The sound of the video {video.id} can't be read any more; fetch it again.") from error
    return np.asarray(samples)


def speech_in(video: Video, start: float = 0.0, end: float | None = None) -> tuple[tuple[float, float], ...]:
    """Find the stretches of speech in a part of a video, as spans (start, end) in seconds of the whole.

    Raises
    ------
    LinkError
        If the track is gone or damaged.
    ModelError
        If the voice-activity network is missing.
    """
    from affexion_core.live.vad import VoiceActivity, speech_spans

    last = video.seconds if end is None else min(end, video.seconds)
    probs = VoiceActivity().push(cut(video, start, last).astype(np.float32) / 32_768)
    # to milliseconds, as clips are told apart
    return tuple((round(start + a, 3), min(round(start + b, 3), last)) for a, b in speech_spans(probs))
