"""Pick spans of a video by ear and eye, and say what each is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.ingest.youtube.spans import Span
    from affexion_core.ingest.youtube.videos import Video
    from affexion_core.workspace import Workspace

# Seconds of a video on screen at once: enough for a scene, short enough to point at a word.
PART = 60.0
_HELD, _PICKS = "import-youtube-spans", "picks"
# Signs; servers and browsers take 8000 and more for a whole address.
_MOST_ADDRESS = 4_000


@dataclass(frozen=True)
class _Row:
    """A span that was picked; ``number`` names its fields, which hold what it is now."""

    number: int
    video: str
    start: float
    end: float
    label: str = ""
    speaker: str = ""


def clock(seconds: float) -> str:
    """Write a time as ``1:02:03`` or ``2:03``."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def _rows() -> list[_Row]:
    """Give what was picked for the import at work; an import that was made begins anew."""
    turn = st.session_state.get("import-turn", 0)
    if _HELD not in st.session_state:
        st.session_state[_HELD] = {turn: []}
        for video, start, end, label, speaker in _remembered():
            _add(video, start, end, label, speaker)
    held: dict[int, list[_Row]] = st.session_state[_HELD]
    return held.setdefault(turn, [])


def _remembered() -> list[tuple[str, float, float, str, str]]:
    """Read what was picked from the page's address, where a reload finds it; anybody may have written there."""
    try:
        held = json.loads(st.query_params.get(_PICKS, "[]"))
        rows = [(str(id), float(start), float(end), str(label), str(by)) for id, start, end, label, by in held]
        return [row for row in rows if math.isfinite(row[1]) and math.isfinite(row[2])]
    except (ValueError, TypeError):
        return []


def _remember(spans: Sequence[Span]) -> None:
    """Write what is picked into the page's address, unless it is more than addresses may hold."""
    picks = [(span.link.video, span.start, span.end, span.label, span.speaker) for span in spans]
    text = json.dumps(picks, separators=(",", ":"), ensure_ascii=False)
    if picks and len(text) <= _MOST_ADDRESS:
        st.query_params[_PICKS] = text
    else:
        st.query_params.pop(_PICKS, None)


def _labels() -> list[str]:
    from affexion_core.scheme_files import shipped_schemes

    return list(shipped_schemes()["affexion"].labels)


def _add_here(video: Video, start: float, end: float) -> None:
    """Pick a span with the label and speaker that stand beside the button."""
    label, speaker = (st.session_state.get(f"import-youtube-new-{field}") or "" for field in ("label", "speaker"))
    add_span(video, start, end, label.strip(), speaker.strip())


def add_span(video: Video, start: float, end: float, label: str = "", speaker: str = "") -> None:
    """Pick a span of a video."""
    _rows()  # what a reload left comes first
    _add(video.id, start, min(end, video.seconds), label, speaker)


def _add(video: str, start: float, end: float, label: str, speaker: str) -> None:
    number = st.session_state["import-youtube-number"] = st.session_state.get("import-youtube-number", 0) + 1
    _rows().append(_Row(number, video, round(max(start, 0.0), 3), round(max(end, 0.0), 3), label, speaker))


def pick_spans(workspace: Workspace, video: Video) -> None:
    """Show a part of a video to play and point at, with what can be picked of it."""
    from affexion_ui.sound.component import show_player

    start = _ask_part(video)
    end = min(start + PART, video.seconds)
    told = show_player(workspace, video.part(workspace, start, end), f"youtube-{video.id}", report=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Label of what is added", _labels(), index=None, placeholder="none yet", accept_new_options=True,
                     width=190, key="import-youtube-new-label")  # fmt: skip
        st.text_input("Speaker", placeholder="unknown", width=150, key="import-youtube-new-speaker")
        region = told.region
        words = "Add the selected part" if region is None else (
            f"Add {start + region[0]:.2f}–{start + region[1]:.2f} s")  # fmt: skip
        picked = (video, start + region[0], start + region[1]) if region else ()
        st.button(words, icon=":material/add:", key="import-youtube-add", disabled=region is None, on_click=_add_here,
                  args=picked, help="Drag over the waveform to select a part.")  # fmt: skip
        st.button("Add the speech in sight", icon=":material/graphic_eq:", key="import-youtube-speech",
                  on_click=_add_speech, args=(video, start, end),
                  help="Found by voice activity. What overlaps a part you picked is left out.")  # fmt: skip
    st.caption(st.session_state.pop("import-youtube-found", "Drag over the waveform to select a part, then add it."))


def _ask_part(video: Video) -> float:
    """Ask which part of a long video to see."""
    n_parts = max(1, -int(-video.seconds // PART))
    if n_parts == 1:
        return 0.0
    starts = [PART * number for number in range(n_parts)]
    return float(
        st.select_slider("Part", starts, key=f"import-youtube-part-{video.id}",
                         format_func=lambda start: f"{clock(start)}–{clock(min(start + PART, video.seconds))}")
    )  # fmt: skip


def _add_speech(video: Video, start: float, end: float) -> None:
    from affexion_core.errors import AffexionError
    from affexion_core.ingest.youtube.spans import SHORTEST
    from affexion_core.ingest.youtube.videos import speech_in

    try:
        found = speech_in(video, start, end)
    except AffexionError as error:
        st.session_state["import-youtube-found"] = str(error)
        return
    taken = [_now(row) for row in _rows() if row.video == video.id]
    free = [(a, b) for a, b in found if b - a >= SHORTEST and all(b <= row.start or row.end <= a for row in taken)]
    for a, b in free:
        _add_here(video, a, b)
    left = len(found) - len(free)
    words = f"{counted(len(free), 'stretch') if len(free) == 1 else f'{len(free)} stretches'} of speech added"
    st.session_state["import-youtube-found"] = f"{words}, {left} overlap what you picked." if left else f"{words}."


def ask_spans(videos: Mapping[str, Video]) -> list[Span]:
    """Show what was picked, each with its times, label and speaker to change; gives it as it is now."""
    rows = [row for row in _rows() if row.video in videos]
    if rows:
        st.markdown(f"**{counted(len(rows), 'clip')} picked**")
    else:
        st.caption("Nothing is picked yet.")
    spans = [_ask_row(row, videos[row.video], row is rows[0], several=len(videos) > 1) for row in rows]
    _remember(spans)
    return spans


def _key(row: _Row, field: str) -> str:
    return f"import-youtube-{field}-{row.number}"


def _now(row: _Row) -> _Row:
    """Read a row as its fields are now."""
    state = st.session_state
    start, end = state.get(_key(row, "start"), row.start), state.get(_key(row, "end"), row.end)
    return _Row(row.number, row.video, start, end)


def _ask_row(row: _Row, video: Video, first: bool, several: bool) -> Span:
    from affexion_core.ingest.youtube.link import Link
    from affexion_core.ingest.youtube.spans import Span

    labels = _labels()
    labels += [row.label] if row.label and row.label not in labels else []
    place = labels.index(row.label) if row.label else None
    # a column is named once, above its first field
    named = partial(_named, row, "visible" if first else "collapsed")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key=_key(row, "row")):
        if several:
            st.text_input("Video", video.title, disabled=True, width=160, **named("video"))
        start = st.number_input("Start (s)", 0.0, value=row.start, step=0.1, format="%.3f", width=130, **named("start"))
        end = st.number_input("End (s)", 0.0, value=row.end, step=0.1, format="%.3f", width=130, **named("end"))
        label = st.selectbox("Label", labels, index=place, placeholder="no label", accept_new_options=True, width=180,
                             **named("label"))  # fmt: skip
        speaker = st.text_input("Speaker", row.speaker, placeholder="unknown speaker", width=150, **named("speaker"))
        st.button("Remove", icon=":material/close:", key=_key(row, "remove"), on_click=_rows().remove, args=(row,))
    return Span(Link(video.id), start, end, (label or "").strip(), speaker.strip())


def _named(row: _Row, visible: str, field: str) -> dict[str, Any]:
    return {"key": _key(row, field), "label_visibility": visible}
