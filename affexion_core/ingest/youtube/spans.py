"""Spans of videos: read from a table or form, checked as a whole, laid out as recordings for an import."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf

from affexion_core.audio.decode import SAMPLING_RATE
from affexion_core.corpora._table import read_table
from affexion_core.errors import LinkError, allowed
from affexion_core.ingest.youtube.link import Link, parse_link
from affexion_core.ingest.youtube.videos import Video, cut

SHORTEST, LONGEST = 0.1, 600.0
"""Seconds that a clip may last."""

MOST = 2_000
NO_LICENCE = "Standard YouTube licence (none stated)"
_COLUMNS = ("file", "label", "speaker", "origin", "source", "licence", "retrieved", "video",
            "video_title", "video_channel", "video_start", "video_end", "video_uploaded", "fetched_with")  # fmt: skip
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2}(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True)
class Span:
    """A part of a video that becomes a clip; ``end`` None for the video's end."""

    link: Link
    start: float = 0.0
    end: float | None = None
    label: str = ""
    speaker: str = ""

    def __str__(self) -> str:
        return f"{self.link.video} from {self.start:g} s to {'the end' if self.end is None else f'{self.end:g} s'}"


def seconds_of(text: str) -> float | None:
    """Read a time as ``75.5``, ``1:15.5`` or ``1:02:03``; None for an empty text.

    Raises
    ------
    LinkError
        If it is no time.
    """
    text = text.strip()
    if not text:
        return None
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hours, minutes, seconds = clock.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise LinkError(f"{text!r} is no time. Write seconds, such as 75.5, or minutes and seconds, such as 1:15.5.")
    return seconds


def read_spans(path: Path) -> tuple[Span, ...]:
    """Read a table with the column ``link`` and, if wanted, ``start``, ``end``, ``label`` and ``speaker``.

    Raises
    ------
    CorpusError
        If it can't be read as a table.
    LinkError
        If it has no such column, or a row can't be used; the row is named.
    """
    header, rows = read_table(path)
    if "link" not in header:
        raise LinkError(f"{path.name} has no column 'link'. It has {allowed(header)}.")
    spans = []
    for number, row in enumerate(rows, start=2):
        try:
            spans.append(span_of(row.get("link", ""), row.get("start", ""), row.get("end", ""),
                                  row.get("label", ""), row.get("speaker", "")))  # fmt: skip
        except LinkError as error:
            raise LinkError(f"{path.name}, row {number}: {error}") from error
    check_spans(spans)
    return tuple(spans)


def span_of(link: str, start: str = "", end: str = "", label: str = "", speaker: str = "") -> Span:
    """Make a span of texts; without a start it begins where the link says, else at the video's beginning.

    Raises
    ------
    LinkError
        If the link or a time can't be read.
    """
    parsed = parse_link(link)
    first = seconds_of(start)
    return Span(parsed, (parsed.start or 0.0) if first is None else first, seconds_of(end), label, speaker)


def check_spans(spans: Sequence[Span]) -> None:
    """Check what can be checked before anything is fetched.

    Raises
    ------
    LinkError
        If there is none or too many, one ends before it starts, is too short or long, or two share a part of a
        video: the same sound would be in two clips, and perhaps on both sides of a split.
    """
    if not spans:
        raise LinkError("There is no link. Give at least one link to a YouTube video.")
    if len(spans) > MOST:
        raise LinkError(f"{len(spans)} spans are asked for; at most {MOST} at once.")
    for span in spans:
        _check_length(span, math.inf if span.end is None else span.end)
    by_video: dict[str, list[Span]] = {}
    for span in spans:
        by_video.setdefault(span.link.video, []).append(span)
    for of_video in by_video.values():
        ordered = sorted(of_video, key=lambda one: one.start)
        for first, second in zip(ordered, ordered[1:], strict=False):
            if first.end is None or second.start < first.end - 0.5 / SAMPLING_RATE:
                same = (first.start, first.end) == (second.start, second.end)
                what = "is given twice" if same else f"shares a part with {second}"
                raise LinkError(
                    f"{first} {what}. Let spans of a video not overlap, so that no sound is in two clips.",
                    change=("start", "end"),
                )


def _check_length(span: Span, end: float) -> None:
    if end <= span.start:
        raise LinkError(f"The span of {span} ends before it starts. Give start < end.", change=("start", "end"))
    if end - span.start < SHORTEST or (LONGEST < end - span.start < math.inf):
        raise LinkError(
            f"The span of {span} lasts {end - span.start:.2f} s; a clip lasts {SHORTEST:g} to {LONGEST:g} s.",
            change=("start", "end"),
        )


def fitted(span: Span, video: Video) -> tuple[float, float]:
    """Give start and end within a video, now that its length is known; a twentieth of a second over is let pass.

    Raises
    ------
    LinkError
        If the span reaches beyond the video's end, or is too short or long.
    """
    end = video.seconds if span.end is None else span.end
    if end > video.seconds + 0.05 or span.start >= video.seconds:
        raise LinkError(
            f"The span of {span} reaches beyond the video's end at {video.seconds:.2f} s. Choose a part within it.",
            change=("start", "end"),
        )
    end = min(end, video.seconds)
    _check_length(span, end)
    return span.start, end


def lay_out(folder: Path, wanted: Iterable[tuple[Span, Video]], name: str = "youtube.csv") -> Path:
    """Cut spans into a folder, with a table that says where each is from; gives the table, for the reader ``csv``.

    Raises
    ------
    LinkError
        If a span doesn't fit its video.
    """
    rows = [_laid_out(folder, span, video) for span, video in wanted]
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def _laid_out(folder: Path, span: Span, video: Video) -> dict[str, str]:
    start, end = fitted(span, video)
    file = folder / f"{video.id}_{round(start * 1000):07d}_{round(end * 1000):07d}.wav"
    if not file.exists():
        sf.write(file, cut(video, start, end), SAMPLING_RATE, format="WAV", subtype="PCM_16")
    return {
        "file": file.name,
        "label": span.label,
        "speaker": span.speaker,
        "origin": "real",
        "source": Link(video.id).at(start),
        "licence": video.licence or NO_LICENCE,
        "retrieved": video.retrieved,
        "video": video.id,
        "video_title": video.title,
        "video_channel": video.channel,
        "video_start": f"{start:.3f}",
        "video_end": f"{end:.3f}",
        "video_uploaded": video.uploaded or "",
        "fetched_with": video.tool,
    }
