"""Write a timeline for other programs: CSV for tables, TextGrid for Praat, WebVTT for players, JSON for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from affexion_core.exchange._cells import Cell, escaped, written
from affexion_core.timeline.recognising import Segment, Timeline


def json_value(timeline: Timeline) -> dict[str, Any]:
    """Give the timeline as plain values; ``heard`` is what the model heard, times in seconds."""
    return {
        "file": timeline.recording,
        "duration": round(timeline.duration, 3),
        "labels": list(timeline.labels),
        "warnings": list(timeline.warnings),
        "segments": [
            {
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "heard": [round(time, 3) for time in segment.heard],
                "label": segment.label,
                "probs": dict(zip(timeline.labels, segment.probs, strict=True)),
                "unsure": segment.unsure,
            }
            for segment in timeline.segments
        ],
    }


def csv_rows(timeline: Timeline) -> list[dict[str, Cell]]:
    """Give a row for each segment: ``start``, ``end``, ``label``, ``unsure`` and a column for each label."""
    return [
        {
            "file": timeline.recording,
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "label": segment.label,
            "unsure": segment.unsure,
            **{f"p_{label}": round(p, 6) for label, p in zip(timeline.labels, segment.probs, strict=True)},
        }
        for segment in timeline.segments
    ]


def csv_text(timeline: Timeline) -> str:
    """Write CSV with a byte-order mark; texts that a spreadsheet would run get an apostrophe in front."""
    out = io.StringIO()
    columns = ["file", "start", "end", "label", "unsure", *(f"p_{label}" for label in timeline.labels)]
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([escaped(column) for column in columns])
    for row in csv_rows(timeline):
        writer.writerow([written(row[column]) for column in columns])
    return "\ufeff" + out.getvalue()


def textgrid_text(timeline: Timeline) -> str:
    """Write a Praat TextGrid in the long format, with the interval tiers ``label``, ``probability`` and ``unsure``.

    Tiers cover the whole recording, as Praat demands; where nobody speaks their text is empty.

    Source: the Praat manual, "TextGrid file formats".
    """
    tiers: tuple[tuple[str, Callable[[Segment], str]], ...] = (
        ("label", lambda segment: segment.label),
        ("probability", lambda segment: f"{segment.prob:.3f}"),
        ("unsure", lambda segment: "unsure" if segment.unsure else ""),
    )
    end = _number(timeline.duration)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {end} "]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, (name, text) in enumerate(tiers, 1):
        intervals = _intervals(timeline, text)
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        lines += ["        xmin = 0 ", f"        xmax = {end} ", f"        intervals: size = {len(intervals)} "]
        for place, (start, stop, words) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start} ", f"            xmax = {stop} "]
            lines.append(f'            text = "{words.replace(chr(34), chr(34) * 2)}" ')
    return "\n".join(lines) + "\n"


def _intervals(timeline: Timeline, text: Callable[[Segment], str]) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    at = "0"
    for segment in timeline.segments:
        start, end = _number(segment.start), _number(min(segment.end, timeline.duration))
        if start != at:
            found.append((at, start, ""))
        found.append((start, end, text(segment)))
        at = end
    if at != _number(timeline.duration):
        found.append((at, _number(timeline.duration), ""))
    return found


def _number(seconds: float) -> str:
    # milliseconds, as two edges that are one moment must read the same
    return f"{round(seconds, 3):g}" if seconds < 100 else f"{seconds:.3f}".rstrip("0").rstrip(".")


def webvtt_text(timeline: Timeline) -> str:
    """Write WebVTT: a cue for each segment, such as ``panic 62 %`` or ``panic 41 %, unsure``.

    Source: W3C, WebVTT: The Web Video Text Tracks Format.
    """
    cues = ["WEBVTT"]
    for segment in timeline.segments:
        words = f"{segment.label} {100 * segment.prob:.0f} %{', unsure' if segment.unsure else ''}"
        safe = " ".join(words.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{_clock(segment.start)} --> {_clock(segment.end)}\n{safe}")
    return "\n\n".join(cues) + "\n"


def _clock(seconds: float) -> str:
    millis = round(seconds * 1000)
    return f"{millis // 3_600_000:02d}:{millis // 60_000 % 60:02d}:{millis // 1000 % 60:02d}.{millis % 1000:03d}"
