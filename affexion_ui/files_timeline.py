"""The timeline of one long recording: coloured segments, a player for the chosen one, files to take away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.clip_table import choose_row
from affexion_ui.files_following import followed
from affexion_ui.files_keeping import show_keep
from affexion_ui.files_sources import Source, as_clip, ask_uploads, may_name_paths, on_disk
from affexion_ui.files_table import SURE
from affexion_ui.layout import empty_state, show_error
from affexion_ui.live_panel import load_predictor
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted, duration

if TYPE_CHECKING:
    from affexion_core.predictor import Predictor
    from affexion_core.store.session import Store
    from affexion_core.timeline.recognising import Segment, Timeline
    from affexion_core.timeline.segments import Span
    from affexion_core.types import Run

_PART = 300.0  # s on screen at once: segments stay wide enough to hit


def show_timeline(store: Store, run: Run) -> None:
    """Ask for a recording, follow it through the run, and show what was heard."""
    source = _ask()
    if source is None:
        hint = "A talk, a call, an interview, up to two hours: it is cut into stretches of speech, each with its label."
        empty_state("timeline", "No recording yet", hint)
        return
    timeline = _followed(run, load_predictor(run.folder, run.finished or ""), source)
    if timeline is None:
        return
    speech = sum(segment.end - segment.start for segment in timeline.segments)
    n = len(timeline.segments)
    unsure = sum(segment.unsure for segment in timeline.segments)
    st.caption(
        f"{escape_markdown(timeline.recording)}: {duration(timeline.duration)}, {duration(speech)} of speech in "
        f"{counted(n, 'segment')}, {unsure} of them unsure."
    )
    for warning in timeline.warnings:
        st.warning(escape_markdown(warning), icon=":material/info:")
    if not n:
        empty_state("voice_over_off", "Nobody speaks in it", "No stretch of speech of 0.3 s or more was found.")
        return
    _show_segments(store, run, source, timeline)


def _ask() -> Source | None:
    dropped = ask_uploads("A long recording", "timeline-uploaded", many=False)
    if dropped:
        return dropped[0]
    if not may_name_paths():
        return None
    st.session_state.setdefault("timeline-path", st.session_state.get("timeline-path-kept", ""))
    text = st.text_input("Or a file on this machine", placeholder="/home/me/talk.mp3", key="timeline-path").strip()
    st.session_state["timeline-path-kept"] = text
    if not text:
        return None
    try:
        found = on_disk(text)
        if len(found) > 1 or found[0].name != found[0].path.name:
            st.error("This is a folder. Name one file, or choose Many clips above.", icon=":material/error:")
            return None
    except AffexionError as error:
        show_error(error)
        return None
    return found[0]


def _followed(run: Run, predictor: Predictor, source: Source) -> Timeline | None:
    from affexion_core.timeline.following import Following

    key = (run.id, run.finished or "", str(source.path), str(source.changed))
    return followed(key, source.name, lambda: Following(predictor, source.path, source.name))


def _show_segments(store: Store, run: Run, source: Source, timeline: Timeline) -> None:
    first, last = _ask_part(timeline)
    last = min(last, timeline.duration)
    shown = [segment for segment in timeline.segments if segment.end > first and segment.start < last]
    if not shown:
        st.caption("Nobody speaks in this part.")
        return
    content = f"{run.id}-{source.path.name}-{first:.0f}"
    clicked = f"clicked-{content}"
    at, turn = st.session_state.get(clicked, (0, 0))
    lanes = st.container()
    left, right = st.columns([1.3, 1], gap="medium")
    with left:
        # a click on a segment makes a new table with that row chosen: Streamlit can't move a choice from outside
        rows = [_cells(segment, timeline.labels) for segment in shown]
        alt = counted(len(rows), "segment")
        chosen = choose_row(rows, f"segments-{content}-{turn}", alt, min(at, len(rows) - 1), height=360)
    with lanes:
        _show_lanes(store, source, (first, last), shown, timeline.labels, chosen, clicked)
    with right:
        _show_one(store, source, shown[chosen])
        _show_downloads(timeline)


def _show_lanes(
    store: Store, source: Source, part: Span, shown: Sequence[Segment], labels: Sequence[str], chosen: int, clicked: str
) -> None:
    from affexion_ui.lanes.component import show_lanes

    def click(place: int) -> None:
        st.session_state[clicked] = (place, st.session_state.get(clicked, (0, 0))[1] + 1)

    first, last = (round(time, 3) for time in part)
    try:
        show_lanes(
            store.workspace, as_clip(source, last - first, first, last), shown, labels, chosen, "timeline", click
        )
    except AffexionError as error:
        show_error(error)
    st.caption("Click a segment to play it, or any other place to go there; striped: unsure; height: how probable.")


def _ask_part(timeline: Timeline) -> tuple[float, float]:
    if timeline.duration <= 1.5 * _PART:
        return 0.0, timeline.duration
    starts = [_PART * number for number in range(int(timeline.duration // _PART) + 1)]
    first = st.select_slider("From", starts, format_func=lambda start: f"{start / 60:.0f} min", key="timeline-part")
    return first, first + _PART


def _cells(segment: Segment, labels: Sequence[str]) -> dict[str, Any]:
    probs = {f"P({label})": 100 * p for label, p in zip(labels, segment.probs, strict=True)}
    start = f"{int(segment.start // 60)}:{segment.start % 60:04.1f}"
    return {"From": start, "Length": segment.end - segment.start, "Label": [segment.label], SURE: 100 * segment.prob,
            "Unsure": segment.unsure, **probs}  # fmt: skip


def _show_one(store: Store, source: Source, segment: Segment) -> None:
    from affexion_core.timeline.keeping import Part

    start, end = round(segment.heard[0], 3), round(segment.heard[1], 3)
    sure = ", unsure" if segment.unsure else ""
    st.markdown(f"**{escape_markdown(segment.label)}** {100 * segment.prob:.0f} %{sure}, {start:.1f}–{end:.1f} s")
    show_keep(store, [Part(source.path, source.name, start, end)], "segment", "timeline")


def _show_downloads(timeline: Timeline) -> None:
    from affexion_core.timeline import exports

    name = timeline.recording.rsplit(".", 1)[0]
    kinds = (
        ("CSV", "csv", exports.csv_text),
        ("TextGrid", "TextGrid", exports.textgrid_text),
        ("WebVTT", "vtt", exports.webvtt_text),
        ("JSON", "json", lambda made: json.dumps(exports.json_value(made), ensure_ascii=False, indent=1)),
    )
    with st.container(horizontal=True):
        for words, suffix, write in kinds:
            st.download_button(words, write(timeline), f"{name}.{suffix}", "text/plain", key=f"timeline-{suffix}",
                               icon=":material/download:", on_click="ignore")  # fmt: skip
