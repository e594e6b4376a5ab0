"""One run of the page Runs: how far it is, its curves, log, process and settings, live while it goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from affexion_core.run_folder import fold_folders, read_history
from affexion_ui.counts import show_headline_row
from affexion_ui.figures import show_figure
from affexion_ui.job_list import EVERY, said_values, state_badge
from affexion_ui.layout import shown_errors
from affexion_ui.onnx_panel import show_onnx
from affexion_ui.run_actions import show_actions, show_labels
from affexion_ui.run_details import show_learning, show_settings
from affexion_ui.run_entries import (
    Entry,
    counts_epochs,
    data_words,
    entry_of,
    headline,
    how_far,
    now_words,
    part_title,
    title,
)
from affexion_ui.sweep_view import show_trials
from affexion_ui.theme import escape_markdown, mode, stamp_badge
from affexion_ui.train_panel import about
from affexion_ui.words import METRICS, counted, date, evaluation_title

if TYPE_CHECKING:
    from affexion_core.store.jobs import Job
    from affexion_core.store.session import Store

_LOG_BYTES, _LOG_LINES = 64_000, 200
_ALL = "All folds"


def show_entry(store: Store, entry: Entry) -> None:
    """Show one run or job."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(escape_markdown(title(entry)), anchor=False, width="content")
        state_badge(entry.state)
        started = date(entry.run.created if entry.run else entry.job.created if entry.job else None)
        named = f"Commands know it as `{entry.id}`."
        st.caption(f"{escape_markdown(data_words(entry))} · {started}", width="content", help=named)
    show_actions(store, entry)
    if entry.run is not None and entry.run.kind == "sweep":
        # its table takes the whole width
        _follow(store, entry)
        left, right = st.columns(2, gap="large")
        with left:
            show_labels(store, entry.run)
        with right:
            _show_result(entry)
        return
    left, right = st.columns([2, 1], gap="large")
    with left:
        _follow(store, entry)
    with right:
        _show_result(entry)
        if entry.run is not None:
            show_labels(store, entry.run)


def _follow(store: Store, entry: Entry) -> None:
    """Draw what changes while a run goes on, anew every `EVERY` seconds."""

    @st.fragment(run_every=EVERY if entry.going_on else None)
    def live() -> None:
        with shown_errors():
            current = entry_of(store, entry.id)
            if current is None or current.state != entry.state:
                st.rerun()
            _show_progress(current)
            _show_tabs(store, current)

    live()


def _show_progress(entry: Entry) -> None:
    words = now_words(entry)
    if entry.state == "failed":
        st.error(escape_markdown(words), icon=":material/error:")
        return
    if entry.state in ("cancelled", "interrupted", "unfinished"):
        st.markdown(f":material/info: {escape_markdown(words)}")
    if entry.state == "done":
        return
    far = how_far(entry)
    left = f", about {about(far.seconds_left)} left" if far.seconds_left is not None else ""
    unit = "epoch" if counts_epochs(entry) else "model" if _is_gap(entry) else "trial"
    counts = f"{far.done} of {counted(far.total, unit)}{left}" if far.total else f"no {unit}s counted yet"
    st.progress(far.share, text=f"{escape_markdown(words)} ({counts})" if entry.going_on else f"Stopped at {counts}")


def _show_tabs(store: Store, entry: Entry) -> None:
    is_sweep = entry.run is not None and entry.run.kind == "sweep"
    first, log, process, settings = st.tabs(
        ["Trials" if is_sweep else "Learning", "Log", "Process", "Settings"],
        key=f"run-tab-{entry.id}",
        on_change="rerun",
    )
    if first.open:
        with first:
            if entry.run is not None and is_sweep:
                show_trials(entry.run, entry.parts)
            else:
                _show_curves(entry)
    if log.open:
        with log:
            _show_log(store, entry)
    if process.open:
        with process:
            _show_process(entry)
    if settings.open and entry.run is not None:
        with settings:
            show_settings(entry.run)
            show_onnx(store, entry.run)


def _is_gap(entry: Entry) -> bool:
    return entry.run is not None and entry.run.kind == "gap"


def _show_curves(entry: Entry) -> None:
    if _is_gap(entry):
        st.page_link("pages/gap.py", label="What the study has come to", icon=":material/compare_arrows:",
                     query_params={"study": entry.id})  # fmt: skip
        return
    if entry.run is None or entry.folder is None or not counts_epochs(entry):
        st.caption("A job without a run of its own has no curves.")
        return
    folds = fold_folders(entry.folder)
    if not any((folder / "history.jsonl").is_file() for folder in folds or (entry.folder,)):
        st.caption("Loss and accuracy show here after the first epoch; until then clips are read and features made.")
        return
    if not folds:
        show_learning(entry.run)
        return
    from affexion_core.plots.compare import curve_rows, plot_curves

    names = {f"fold {number}": read_history(folder) for number, folder in enumerate(folds, start=1)}
    options = [_ALL, *(name for name, history in names.items() if history)]
    key = f"curves-{entry.id}"
    if st.session_state.get(key) not in options:
        st.session_state[key] = _ALL
    name = st.selectbox("Curves of", options, key=key, width=160)
    chosen = {name: history for name, history in names.items() if history} if name == _ALL else {name: names[name]}
    longest = max((len(history) for history in chosen.values()), default=0)
    dev = any(key.startswith("dev") for history in chosen.values() for row in history[-1:] for key in row)
    lines = "Solid: training; dashed: dev." if dev else "Training clips only: no dev part."
    caption = f"{counted(len(chosen), 'fold')}, {counted(longest, 'epoch')}. {lines}"
    show_figure(plot_curves(chosen, mode()), f"live-{entry.id}", caption, curve_rows(chosen))


def _show_log(store: Store, entry: Entry) -> None:
    from affexion_core.jobs.folders import log_path

    jobs = {job.id: job for job in ([entry.job] if entry.job else []) + list(entry.parts)}
    if not jobs:
        st.caption("It was not trained by the queue, so no log was kept.")
        return
    own = entry.job.id if entry.job else ""
    running = next((job.id for job in entry.parts if job.state == "running"), own)
    chosen = own
    if len(jobs) > 1:
        key = f"log-{entry.id}"
        if st.session_state.get(key) not in jobs:
            st.session_state[key] = running or own
        chosen = st.selectbox(
            "Log of", list(jobs), format_func=lambda id: _log_title(jobs[id], own), key=key, width=220
        )
    lines = tail(log_path(store, jobs[chosen]))
    if not lines:
        st.caption("Nothing said yet.")
        return
    st.code("\n".join(lines), language=None, height=280, wrap_lines=True)


def _log_title(job: Job, own: str) -> str:
    return f"{'the whole run' if job.id == own else part_title(job)}, {job.state}"


def tail(path: Path) -> list[str]:
    """Read the last lines of a log, however long it is; empty where there is none yet."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines()[-_LOG_LINES:]


def _show_process(entry: Entry) -> None:
    from affexion_core.training.device import device_words

    device = device_words(entry.folder) if entry.folder is not None else "not started yet"
    st.markdown(f"Device **{escape_markdown(device)}**")
    jobs = list(entry.parts) or ([entry.job] if entry.job else [])
    if not jobs:
        st.caption("It was not trained by the queue, so nothing is known of its process.")
        return
    rows = [_process_row(job) for job in jobs]
    st.dataframe(rows, hide_index=True, height=min(300, 36 + 33 * len(rows)), key=f"process-{entry.id}",
                 alt="Processes with machine, memory and attempts")  # fmt: skip
    st.caption("Memory can be read only of processes on the machine that this page comes from.")


def _process_row(job: Job) -> dict[str, Any]:
    silent = time.time() - job.heartbeat if job.state == "running" and job.heartbeat else None
    return {
        "Part": part_title(job),
        "State": job.state,
        "Attempt": job.attempt,
        "Machine": job.host or "",
        "Process": str(job.pid or ""),
        "Memory": memory_words(job),
        "Last sign of life": f"{max(0.0, silent):.0f} s ago" if silent is not None else "",
    }


def memory_words(job: Job) -> str:
    """Say how much memory a job's process and its children hold; empty where it has none on this machine."""
    import socket

    import psutil

    from affexion_core.jobs.process import is_alive

    if job.state != "running" or job.host != socket.gethostname() or not is_alive(job.pid, job.pid_started):
        return ""
    try:
        root = psutil.Process(job.pid)
        held = sum(process.memory_info().rss for process in [root, *root.children(recursive=True)])
    except psutil.Error:
        return ""
    return f"{held / 1e6:.0f} MB"


def _show_result(entry: Entry) -> None:
    found = headline(entry)
    if not found or entry.state != "done":
        return
    with st.container(border=True):
        measured = evaluation_title(str(found["on"]), str(found["part"]))
        best = f"Best trial, {said_values(found['best']['values'])}. " if "best" in found else ""
        st.caption(escape_markdown(f"{best}Measured on: {measured}"))
        names: Sequence[str] = [name for name in METRICS if name in found][:2]
        show_headline_row(found, names)
        stamp_badge(str(found["stamp"]))
