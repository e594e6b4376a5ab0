"""The labelling station on a page: hands clips to the browser, takes answers, says which are saved.

The browser sends a *mail*: its answers, each with an id of its own, and the clips whose sound it asks for. The reply
names the mail, what became of each answer, and the clips that come next. Of a clip the browser gets its id, its sound
and pictures, and nothing else: no file name, speaker, corpus, transcript, known answer, or anybody else's judgement.
"""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from affexion_core.errors import AffexionError, AudioError
from affexion_core.plots.theme import label_colour
from affexion_core.store.clips import get_clips
from affexion_ui.sound.component import player_source, player_style
from affexion_ui.sound.media import sound_of
from affexion_ui.station.keys import TABLE
from affexion_ui.station.mail import Mail, read_mail

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.labeling.projects import Project
    from affexion_core.labeling.queue import Answer, PastAnswer, Receipt
    from affexion_core.store.session import Store
    from affexion_core.types import Scheme

_FOLDER = Path(__file__).parent
# In this order: later files use what earlier ones define.
_PARTS = (
    *("outbox.js", "post.js", "manikins.js", "form.js", "history.js", "keys.js"),
    *("view.js", "state.js", "station.js", "mount.js"),
)
AHEAD = 5
"""Clips given to a browser at once: the one on screen and those fetched ahead."""
_REMEMBERED = 20
_MOST_NUMBERS = 20
_PATIENCE = 0.4  # s for making sounds in one run; the rest comes with the next
_NOT_PLAYABLE = "This clip can't be played."
_NO_STORE = "The workspace can't be written at the moment."
_FAILURES = (AffexionError, SQLAlchemyError, OSError)


@cache
def station_source() -> str:
    """Give the JavaScript of the station: the player's, the table of keys, its own."""
    own = [(_FOLDER / name).read_text(encoding="utf-8") for name in _PARTS]
    return "\n".join([player_source(), f"const STATION_KEYS = {TABLE.read_text(encoding='utf-8')};", *own])


_station = st.components.v2.component(
    "affexion_station",
    js=station_source(),
    css=player_style() + (_FOLDER / "station.css").read_text(encoding="utf-8"),
)
# Streamlit sends a component's script anew with all it is given. So what changes with an answer goes by a small one.
_courier = st.components.v2.component("affexion_courier", js=(_FOLDER / "courier.js").read_text(encoding="utf-8"))


def show_station(store: Store, project: Project, person: Person) -> None:
    """Show the station for a person at work in a project; only its courier runs again on an answer."""
    place = hashlib.sha256(f"{project.name}\n{person.name}".encode()).hexdigest()[:12]
    key = f"station-{place}"
    _station(key=key, data={"key": key, **asked(store, project, person)})

    @st.fragment
    def courier() -> None:
        _run_courier(store, project, person, key)

    courier()


def _run_courier(store: Store, project: Project, person: Person, station: str) -> None:
    key, box, last = f"{station}-courier", f"{station}-box", f"{station}-last"

    def take() -> None:
        # before the script runs, so that what it sends back already says what became of the answers
        found = st.session_state.get(key)
        mail = read_mail(found.get("mail") if found else None)
        st.session_state[box] = (mail, *deliver(store, project, person, mail))

    mail, receipts, error = st.session_state.get(box, (None, (), None))
    try:
        data = reply(store, project.name, person, mail, receipts, error)
    except _FAILURES as failure:
        # the component stays as it is, or what is on the screen would be gone
        if last not in st.session_state:
            raise
        again = {"stamp": time.time_ns(), "mail": mail.id if mail else None, "past": None, "error": _words(failure)}
        data = st.session_state[last] | again | {"receipts": [_receipt(receipt) for receipt in receipts]}
    st.session_state[last] = data
    _courier(key=key, data={"key": station, **data}, on_mail_change=take, height=1)
    st.session_state.pop(box, None)  # not before: a run that is cut short leaves its reply to the next


def _words(failure: Exception) -> str:
    return str(failure) if isinstance(failure, AffexionError) else _NO_STORE


def deliver(store: Store, project: Project, person: Person, mail: Mail) -> tuple[Sequence[Receipt], str | None]:
    """Save the answers of a mail; gives what became of each, and why nothing could be saved where it couldn't."""
    from affexion_core.labeling.queue import submit

    if not mail.answers:
        return (), None
    try:
        return submit(store, project.name, person, [_as_asked(project.scheme, one) for one in mail.answers]), None
    except _FAILURES as failure:
        return (), _words(failure)


def _as_asked(scheme: Scheme, answer: Answer) -> Answer:
    """Turn the button of a numeric scheme back into its number."""
    if scheme.labels or not isinstance(answer.label, str):
        return answer
    numbers = {name: float(name) for name in _label_names(scheme)}
    return replace(answer, label=numbers.get(answer.label, answer.label))


def _label_names(scheme: Scheme) -> tuple[str, ...]:
    """Name the buttons of a scheme: its labels, or the whole numbers of its range."""
    if scheme.labels or scheme.low is None or scheme.high is None:
        return scheme.labels
    return tuple(str(number) for number in range(math.ceil(scheme.low), math.floor(scheme.high) + 1))[:_MOST_NUMBERS]


def reply(
    store: Store,
    name: str,
    person: Person,
    mail: Mail | None,
    receipts: Sequence[Receipt] = (),
    error: str | None = None,
) -> dict[str, Any]:
    """Make what the browser gets: after a mail, or at the start (None) with the rater's last answers."""
    from affexion_core.labeling.projects import get_project
    from affexion_core.labeling.queue import draw, past_answers, progress

    project = get_project(store, name)
    is_open = project.state == "open"
    held: tuple[str, ...] = ()
    if is_open:
        try:
            held = tuple(task.clip_id for task in draw(store, name, person, n=AHEAD))
        except _FAILURES as failure:
            error = error or _words(failure)
    past = past_answers(store, name, person, limit=_REMEMBERED) if mail is None or mail.want else ()
    mine = {*held, *(answer.answer.clip_id for answer in past)}
    asked = mail.want if mail else ()
    known = set(mail.have) - set(asked) if mail else set()
    sounds, partial = _sounds(store, [clip for clip in (*asked, *held) if clip in mine and clip not in known])
    made = progress(store, name, person)
    return {
        "stamp": time.time_ns(),
        "open": is_open,
        "mail": mail.id if mail else None,
        "receipts": [_receipt(receipt) for receipt in receipts],
        "error": error,
        "tasks": list(held),
        "sounds": {**dict.fromkeys(set(asked) - mine, {"problem": _NOT_PLAYABLE}), **sounds},
        "partial": partial,
        "past": [_past(answer) for answer in reversed(past)] if mail is None else None,
        "progress": {"done": made.done, "left": made.left, "today": made.today, "seconds_median": made.seconds_median},
    }


def asked(store: Store, project: Project, person: Person) -> dict[str, Any]:
    """Say who is asked what, which stays the same for all clips; answers are kept in the browser under these names."""
    from affexion_core.labeling.queue import UNCLEAR_REASONS

    settings = project.settings
    return {
        "workspace": hashlib.sha256(str(store.workspace.root).encode()).hexdigest()[:12],
        "project": project.name,
        "rater": person.name,
        "scheme": {"labels": [{"name": name, "colour": label_colour(name)} for name in _label_names(project.scheme)]},
        "reasons": list(UNCLEAR_REASONS),
        "settings": {
            "must_listen": settings.must_listen,
            "dimensions": list(settings.dimensions),
            "intensity": settings.intensity,
            "confidence": settings.confidence,
            "comment": settings.comment,
            "second_label": settings.second_label and bool(project.scheme.labels),
            "instructions": settings.instructions,
        },
    }


def _sounds(store: Store, clip_ids: Iterable[str]) -> tuple[dict[str, Mapping[str, Any]], bool]:
    """Make clips ready to be played, by id; the second says that time ran out before all were."""
    ids = list(dict.fromkeys(clip_ids))
    clips = {clip.id: clip for clip in get_clips(store, ids)} if ids else {}
    started = time.monotonic()
    made: dict[str, Mapping[str, Any]] = {}
    for id in ids:
        if made and time.monotonic() - started > _PATIENCE:
            return made, True
        try:
            sound = sound_of(store.workspace, clips[id])
        except AudioError:
            # its own words name the file, which may tell the label
            made[id] = {"problem": _NOT_PLAYABLE}
            continue
        made[id] = {
            "url": sound.url,
            # 1.9 kB instead of 6 as numbers
            "peaks": base64.b64encode(bytes(peak & 0xFF for peak in sound.peaks)).decode(),
            "duration": sound.duration,
            "spectrogram": sound.spectrogram_url,
            "silent": sound.silent,
        }
    return made, False


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {"id": receipt.id, "status": receipt.status, "words": receipt.words}


def _past(found: PastAnswer) -> dict[str, Any]:
    answer = found.answer
    return {
        "id": answer.id,
        "clip_id": answer.clip_id,
        "label": answer.label if isinstance(answer.label, str | None) else f"{answer.label:g}",
        "second": answer.second,
        "unclear": answer.unclear,
        "skip": answer.skip,
        "confidence": answer.confidence,
        "intensity": answer.intensity,
        "dimensions": dict(answer.dimensions),
        "comment": answer.comment,
        "heard": answer.heard,
        "replaces": answer.replaces,
    }
