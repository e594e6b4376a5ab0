"""Imports as they happen and as they were: start, cancel, undo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError
from affexion_ui.layout import show_error, shown_errors
from affexion_ui.people import current_person, login_is_set_up
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted, date

if TYPE_CHECKING:
    from affexion_core.ingest.preview import Preview
    from affexion_core.ingest.reports import ImportReport
    from affexion_core.jobs.importing import ImportRequest
    from affexion_core.labeling.people import Person
    from affexion_core.store.imports import ImportBatch
    from affexion_core.store.job import Job
    from affexion_core.store.session import Store
    from affexion_ui.import_sources import Source

# More recordings are brought in by a job, which goes on when the page is closed.
MOST_HERE = 200
EVERY = 1.5
_SAID = "import-told"
_SHOWN = 8
_STATES = {"unfinished": "stopped before its end", "done": "done", "undone": "undone"}


def may_import(store: Store) -> tuple[bool, Person | None]:
    """Say whether who is at work may bring clips in; where nobody has said a name, this machine is theirs."""
    from affexion_core.labeling.people import may

    person = current_person(store)
    if person is None:
        return not login_is_set_up(), None
    return may(person, "import"), person


def offer_import(store: Store, source: Source, request: ImportRequest, found: Preview) -> None:
    """Offer to bring in what the preview shows."""
    n_coming = found.n_coming
    more = found.labels and found.count("in library")
    nothing = "Add their labels" if more else "Nothing new to import"
    words = f"Import {counted(n_coming, 'clip')}" if n_coming else nothing
    place, idle = st.empty(), not (n_coming or more)
    if not place.button(words, type="primary", icon=":material/upload:", key="import-start", disabled=idle):
        return
    try:
        if n_coming > MOST_HERE:
            from affexion_core.jobs.engine import ensure_engine
            from affexion_core.jobs.importing import submit_import

            submit_import(store, request, source.staged)
            ensure_engine(store.workspace)
        else:
            # another click ends the run of this page, and with it the import, between two recordings
            place.button("Cancel", icon=":material/stop:", key="import-cancel")
            _tell(_import_here(store, request))
    except AffexionError as error:
        show_error(error)
        return
    st.session_state["import-turn"] = st.session_state.get("import-turn", 0) + 1
    st.rerun()


def _import_here(store: Store, request: ImportRequest) -> ImportReport:
    from affexion_core.ingest.importing import import_corpus

    bar = st.progress(0.0, text="Checking recordings …")

    def progress(done: int, total: int, what: str) -> None:
        bar.progress(done / total if total else 0.0, text=f"{escape_markdown(what)} ({done} of {total})")

    options = request.options()
    return import_corpus(store, request.corpus, Path(request.path), options, progress, request.person)


def _tell(report: ImportReport) -> None:
    words = f"{counted(report.added, 'clip')} added"
    words += f", {report.present} already there" if report.present else ""
    words += f", {counted(len(report.rejected), 'file')} rejected" if report.rejected else ""
    words += f". Dataset {report.dataset}: " if report.dataset else "."
    words += ", ".join(f"{label} {n}" for label, n in report.labels.items() if n)
    st.session_state[_SAID] = (escape_markdown(words), tuple(map(escape_markdown, report.warnings)))


def show_said() -> None:
    """Say what the last import or undoing of this session did."""
    said = st.session_state.get(_SAID)
    if said is None:
        return
    words, notes = said
    st.success(words, icon=":material/check_circle:")
    for note in notes:
        st.caption(f":material/info: {note}")


def show_jobs(store: Store) -> None:
    """Show imports in the background with their progress, kept up to date, each with a way to cancel it."""
    from affexion_core.store.jobs import list_jobs

    going = ("queued", "running")
    if not list_jobs(store, going, kind="import"):
        return

    @st.fragment(run_every=EVERY)
    def fragment() -> None:
        with shown_errors():
            jobs = list_jobs(store, going, kind="import")
            for job in jobs:
                _show_job(store, job)
            if not jobs:
                st.rerun()

    fragment()


def _show_job(store: Store, job: Job) -> None:
    from affexion_core.store.jobs import cancel_job

    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        words = f"{escape_markdown(job.words or 'Waiting to start')} ({job.done} of {job.total})" if job.total else (
            "Starting …" if job.state == "running" else "Waiting to start …")  # fmt: skip
        st.progress(job.done / job.total if job.total else 0.0, text=words)
        st.button("Cancel", icon=":material/stop:", key=f"import-cancel-{job.id}", on_click=cancel_job,
                  args=(store, job.id), help="What came in so far stays, and can be undone below.")  # fmt: skip


def show_imports(store: Store) -> None:
    """List what was imported, newest first, each with a way to undo it, and jobs that were stopped."""
    from affexion_core.store.imports import list_imports
    from affexion_core.store.jobs import list_jobs

    batches = list_imports(store, limit=_SHOWN)
    stopped = [job for job in list_jobs(store, ("failed", "cancelled", "interrupted"), kind="import")][:3]
    if not batches and not stopped:
        return
    st.subheader("Imported before", anchor=False)
    for job in stopped:
        _show_stopped(store, job)
    for batch in batches:
        _show_batch(store, batch)


def _show_stopped(store: Store, job: Job) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"An import in the background was {job.state}: {job.reason or job.words}"
        st.caption(escape_markdown(words), width="stretch")
        st.button("Go on", icon=":material/play_arrow:", key=f"import-again-{job.id}", on_click=_again,
                  args=(store, job))  # fmt: skip
        st.button("Forget it", icon=":material/close:", key=f"import-forget-{job.id}", on_click=_forget,
                  args=(store, job))  # fmt: skip


def _again(store: Store, job: Job) -> None:
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.store.jobs import requeue_job

    requeue_job(store, job.id, reset_attempts=True)
    ensure_engine(store.workspace)


def _forget(store: Store, job: Job) -> None:
    import shutil

    from affexion_core.jobs.folders import job_folder
    from affexion_core.store.jobs import delete_job

    delete_job(store, job.id)
    shutil.rmtree(job_folder(store, job), ignore_errors=True)


def _show_batch(store: Store, batch: ImportBatch) -> None:
    # without a label nothing joined the dataset that was named
    dataset = batch.dataset if batch.report is None else batch.report.get("dataset")
    into = f" into {dataset}" if dataset else ""
    by = f" by {batch.person}" if batch.person else ""
    n_rejected = (batch.report or {}).get("n_rejected", 0)
    rejected = f", {n_rejected} rejected" if n_rejected else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        words = f"{date(batch.created)}: {counted(batch.n_clips, 'clip')}{into}{by}{rejected}, {_STATES[batch.state]}"
        st.markdown(escape_markdown(words), width="stretch")
        if batch.state != "undone" and _may_undo(store, batch):
            help_ = "Takes its clips and labels out again, unless people's work rests on them."
            st.button("Undo", icon=":material/undo:", key=f"import-undo-{batch.id}", on_click=_undo,
                      args=(store, batch.id), help=help_)  # fmt: skip


def _may_undo(store: Store, batch: ImportBatch) -> bool:
    from affexion_core.labeling.people import may

    allowed, person = may_import(store)
    return allowed and (person is None or person.name == batch.person or may(person, "manage projects"))


def _undo(store: Store, id: str) -> None:
    from affexion_core.ingest.batches import undo_import

    try:
        taken = undo_import(store, id, current_person(store))
    except AffexionError as error:
        st.session_state["import-refused"] = error
        return
    words = f"{counted(taken.n_clips, 'clip')} and {counted(taken.n_annotations, 'label')} taken out again."
    st.session_state[_SAID] = (words, ())


def show_refused() -> None:
    """Say why undoing was refused, once."""
    error = st.session_state.pop("import-refused", None)
    if error is not None:
        show_error(error)
