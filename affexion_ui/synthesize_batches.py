"""Batches that are or were spoken: how far, what it cost, what failed, and the listening check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_core.types import Clip
from affexion_ui.layout import empty_state, show_error, shown_errors
from affexion_ui.sound.component import show_player
from affexion_ui.theme import escape_markdown, label_badge
from affexion_ui.words import counted, date, duration

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.speaking.batch import Batch
    from affexion_core.speaking.state import Spoken
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store

EVERY = 1.5
_PLACE = "synthesize-place"
_ERROR = "synthesize-batch-error"
_SHOWN = {"new": "To hear", "keep": "Kept", "reject": "Rejected", "all": "All"}


def show_batches(store: Store, person: Person | None) -> None:
    """Show one batch, chosen in the address, from its first request to its clips in the library."""
    from affexion_core.speaking.batch import batch_ids, find_batch
    from affexion_core.speaking.keeping import with_clips
    from affexion_core.speaking.state import spoken

    ids = batch_ids(store.workspace)
    if not ids:
        empty_state("headphones", "Nothing was spoken yet", "Choose Speak above; its clips are listened to here.")
        return
    batch = find_batch(store.workspace, _chosen(ids))
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    job = _job(store, batch)
    if job is not None and job.state in ("queued", "running"):
        _show_going(store, batch, job)
        return
    items = with_clips(store, spoken(store.workspace, batch))
    _show_summary(store, batch, items)
    _show_left(store, batch, items, job)
    if any(item.state == "spoken" for item in items):
        _show_import(store, batch, items, person)
        _show_listening(store, batch, items, person)


def _chosen(ids: Sequence[str]) -> str:
    wanted = st.session_state.pop("synthesize-batch-wanted", None) or st.query_params.get("batch")
    index = ids.index(wanted) if wanted in ids else 0
    chosen = st.selectbox("Batch", ids, index=index, key=f"synthesize-batch-{len(ids)}-{ids[index]}", width=420,
                          format_func=_name)  # fmt: skip
    st.query_params["batch"] = chosen
    return chosen


def _name(id: str) -> str:
    """Name a batch by what its id says: when, and by whom it was spoken."""
    day, time, *provider, _ = id.split("-")
    return f"{date(f'{day}T{time}+00:00')} · {'-'.join(provider)}"


def _job(store: Store, batch: Batch) -> Job | None:
    from affexion_core.jobs.folders import folder_name
    from affexion_core.store.jobs import list_jobs

    name = folder_name(store, batch.folder)
    return next((job for job in list_jobs(store, kind="speak") if job.spec["folder"] == name), None)


def _show_going(store: Store, batch: Batch, job: Job) -> None:
    """Show how far a batch is, kept up to date, with a way to stop it; the page is drawn anew at its end."""
    from affexion_core.speaking.state import spend
    from affexion_core.store.jobs import cancel_job, get_job

    @st.fragment(run_every=EVERY)
    def fragment() -> None:
        with shown_errors():
            now = get_job(store, job.id)
            if now.state not in ("queued", "running"):
                st.rerun()
            waiting = "Starting …" if now.state == "running" else "Waiting to start …"
            words = f"{escape_markdown(now.words)} ({now.done} of {now.total})" if now.total else waiting
            st.progress(now.done / now.total if now.total else 0.0, text=words)
            if not batch.provider.INFO.offline:
                st.caption(f"Spent so far: about {spend(store.workspace, batch).dollars:.2f} USD")

    fragment()
    st.button("Stop", icon=":material/stop:", key="synthesize-stop", on_click=cancel_job, args=(store, job.id),
              help="What was spoken stays, and going on asks for the rest only.")  # fmt: skip


def _show_summary(store: Store, batch: Batch, items: Sequence[Spoken]) -> None:
    from affexion_core.speaking.state import spend

    states = Counter(item.state for item in items)
    seconds = sum(item.seconds for item in items)
    words = f"**{states['spoken']} of {counted(len(items), 'clip')} spoken**, {duration(seconds)}"
    title = batch.provider.INFO.title
    words += (
        f" · {escape_markdown(title)} · for dataset {escape_markdown(batch.request.dataset)} · {date(batch.created)}"
    )
    if not batch.provider.INFO.offline:
        cost = spend(store.workspace, batch)
        words += f" · about {cost.dollars:.2f} USD for {counted(cost.n_paid, 'request')}"
        if cost.unsure:
            words += f"; {cost.unsure} more got no usable answer and may have been billed"
    st.markdown(words)


def _show_left(store: Store, batch: Batch, items: Sequence[Spoken], job: Job | None) -> None:
    """Say what failed, sentence by sentence, and offer to go on."""
    failed = [item for item in items if item.state == "failed"]
    waiting = [item for item in items if item.state == "waiting"]
    if job is not None and job.state in ("failed", "interrupted") and job.reason:
        st.error(escape_markdown(job.reason), icon=":material/error:")
    if failed:
        with st.expander(f"{counted(len(failed), 'sentence')} failed", icon=":material/error:"):
            rows = [{"Sentence": escape_markdown(item.request.sentence.text), "Why": escape_markdown(item.error)}
                    for item in failed[:100]]  # fmt: skip
            st.table(rows, hide_index=True)
    if failed or waiting:
        words = (
            f"Try {len(failed)} again" if failed and not waiting else f"Speak the other {len(failed) + len(waiting)}"
        )
        st.button(words, icon=":material/replay:", key="synthesize-again", on_click=_go_on, args=(store, batch),
                  help="What is spoken already is not asked for again.")  # fmt: skip


def _go_on(store: Store, batch: Batch) -> None:
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.speaking import submit_batch

    try:
        submit_batch(store, batch.id)
        ensure_engine(store.workspace)
    except AffexionError as error:
        st.session_state[_ERROR] = error


def _show_import(store: Store, batch: Batch, items: Sequence[Spoken], person: Person | None) -> None:
    """Offer to bring in what was kept."""
    open_ones = [item for item in items if item.state == "spoken" and item.clip is None]
    kept = [item for item in open_ones if item.verdict == "keep"]
    unheard = [item for item in open_ones if item.verdict is None]
    n_in = sum(item.clip is not None for item in items)
    with st.container(horizontal=True, vertical_alignment="center"):
        also = bool(unheard) and st.checkbox(f"also the {len(unheard)} nobody has judged", key="synthesize-unheard",
                                             help="Such clips say so on their card.")  # fmt: skip
        n = len(kept) + (len(unheard) if also else 0)
        words = f"Bring in {counted(n, 'clip')}" if n else "Bring in what you keep"
        st.button(words, type="primary", icon=":material/upload:", disabled=not n, key="synthesize-import",
                  on_click=_import, args=(store, batch, also, person))  # fmt: skip
        if n_in:
            st.caption(f"{counted(n_in, 'clip')} of this batch in the library")


def _import(store: Store, batch: Batch, unheard: bool, person: Person | None) -> None:
    from affexion_core.speaking.keeping import import_batch

    try:
        report = import_batch(store, batch, unheard, person.name if person is not None else None)
    except AffexionError as error:
        st.session_state[_ERROR] = error
        return
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items() if n)
    words = f"{counted(report.added, 'clip')} added. Dataset {report.dataset}: {labels}"
    notes = tuple(escape_markdown(f"{one.file}: {one.reason}") for one in report.rejected)
    st.session_state["import-told"] = (escape_markdown(words), notes)


def _show_listening(store: Store, batch: Batch, items: Sequence[Spoken], person: Person | None) -> None:
    """Play one clip after the other; the next one comes when one is judged."""
    heard = [item for item in items if item.state == "spoken"]
    counts = Counter(item.verdict or "new" for item in heard)
    which = st.segmented_control(
        "Listening check", list(_SHOWN), default="new", required=True, key="synthesize-which",
        format_func=lambda name: f"{_SHOWN[name]} ({len(heard) if name == 'all' else counts[name]})",
    )  # fmt: skip
    shown = [item for item in heard if which == "all" or (item.verdict or "new") == which]
    if not shown:
        done = "All clips are judged." if which == "new" else "None here."
        st.caption(f":material/check_circle: {done}")
        return
    place = min(st.session_state.get(_PLACE, 0), len(shown) - 1)
    item = shown[place]
    _show_item(store, batch, item, f"{place + 1} of {len(shown)}", shown[place + 1 : place + 2])
    _show_buttons(store, batch, item, place, len(shown), person)


def _show_item(store: Store, batch: Batch, item: Spoken, where: str, upcoming: Sequence[Spoken]) -> None:
    request = item.request
    st.markdown(f"##### “{escape_markdown(request.sentence.text)}”")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label_badge(request.label)
        take = f" · take {item.take + 1}" if item.take else ""
        verdict = {"keep": " · kept", "reject": " · rejected"}.get(item.verdict or "", "")
        inside = " · in the library" if item.clip else ""
        words = f"{where} · {request.voice.name} · {duration(item.seconds)}{take}{verdict}{inside}"
        st.caption(escape_markdown(words), width="content")
    if item.strayed:
        st.warning(
            f"The voice says it spoke other words: “{escape_markdown(str(item.said))}”", icon=":material/hearing:"
        )
    with shown_errors():
        clips = [_as_clip(store, batch, one) for one in upcoming]
        show_player(store.workspace, _as_clip(store, batch, item), "synthesize", upcoming=clips, autoplay=True)
    if request.prompt:
        st.caption(f"Told: {escape_markdown(request.prompt)}")


def _as_clip(store: Store, batch: Batch, item: Spoken) -> Clip:
    """Show a sound to the player as if it were a clip; it isn't one before it is brought in."""
    file = item.path.relative_to(store.workspace.root).as_posix()
    return Clip(item.key[:16], file, item.key, "synthetic", batch.request.provider, item.seconds, 16_000)


def _show_buttons(store: Store, batch: Batch, item: Spoken, place: int, n: int, person: Person | None) -> None:
    name = person.name if person is not None else None
    inside = item.clip is not None
    with st.container(horizontal=True):
        st.button("Keep", type="primary", icon=":material/check:", shortcut="k", key="synthesize-keep", disabled=inside,
                  on_click=_judge, args=(batch, item.number, "keep", name))  # fmt: skip
        st.button("Reject", icon=":material/close:", shortcut="x", key="synthesize-reject", disabled=inside,
                  on_click=_judge, args=(batch, item.number, "reject", name))  # fmt: skip
        st.button("Speak anew", icon=":material/replay:", shortcut="n", key="synthesize-anew", disabled=inside,
                  on_click=_anew, args=(store, batch, item.number, name),
                  help="Another take of this sentence by the same voice; it costs as any other.")  # fmt: skip
        st.button("Back", icon=":material/arrow_back:", shortcut="p", key="synthesize-back", disabled=place == 0,
                  on_click=_go, args=(place - 1,))  # fmt: skip
        st.button("Next", icon=":material/arrow_forward:", shortcut="f", key="synthesize-next",
                  disabled=place >= n - 1, on_click=_go, args=(place + 1,))  # fmt: skip


def _go(place: int) -> None:
    st.session_state[_PLACE] = place


def _judge(batch: Batch, number: int, verdict: str, person: str | None) -> None:
    from affexion_core.speaking.review import judge

    with_place = st.session_state.get("synthesize-which")
    judge(batch, [number], verdict, person)  # type: ignore[arg-type]
    if with_place == "all":
        _go(st.session_state.get(_PLACE, 0) + 1)


def _anew(store: Store, batch: Batch, number: int, person: str | None) -> None:
    from affexion_core.speaking.review import speak_anew

    try:
        speak_anew(store.workspace, batch, number, person)
    except AffexionError as error:
        st.session_state[_ERROR] = error
        return
    _go_on(store, batch)
