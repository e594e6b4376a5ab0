"""What can be done with a run: cancel, resume, try again, clone, delete; its name, star and notes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AffexionError, RightsError, StoreError
from affexion_core.run_folder import evaluation_names, fold_folders, read_config, read_json
from affexion_ui.layout import show_error
from affexion_ui.rights import refusal, say_refusal
from affexion_ui.run_entries import Entry, can_resume, title, trainer_outside
from affexion_ui.run_notes import read_notes, rename_run, write_notes
from affexion_ui.sweep_view import held_out_of, sweep_address
from affexion_ui.theme import escape_markdown
from affexion_ui.train_choices import address_like
from affexion_ui.words import counted

if TYPE_CHECKING:
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store
    from affexion_core.types import Run

_ERROR = "run-action-error"


def show_actions(store: Store, entry: Entry) -> None:
    """Show the buttons that fit the entry's state, and what went wrong with the last one."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        job = entry.job
        if job is not None and entry.going_on:
            stopping = job.cancel and entry.state == "running"
            what = "Ends its parts as well, within seconds; what is trained by then is kept." if entry.parts else None
            label = "Cancel all" if entry.run is not None and entry.run.kind in ("sweep", "gap") else "Cancel"
            _button(label, "cancel", lambda: cancel_entry(store, entry), what, disabled=stopping)
            _offer_engine(store)
        if can_resume(entry):
            what = "Goes on from the last epoch that was kept."
            _button("Resume", "play_arrow", lambda: resume_entry(store, entry), what)
        if job is not None and entry.state == "failed":
            what = "Goes on from the last epoch that was kept, and counts attempts from zero again."
            _button("Try again", "refresh", lambda: resume_entry(store, entry), what)
        if entry.run is not None:
            _star_button(Path(entry.run.folder))
            _clone_link(entry.run)
            if entry.record is not None:
                address = {"run": entry.run.id, "on": entry.record.name}
                st.page_link("pages/results.py", label="Results", icon=":material/analytics:", query_params=address)
            if not entry.going_on and trainer_outside(entry) is None:
                _delete_button(store, entry)
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)


def _offer_engine(store: Store) -> None:
    """Let the engine be started where it is not, as after the machine was: nothing goes on without it."""
    from affexion_core.jobs.engine import engine_status, ensure_engine

    if not engine_status(store.workspace).running:
        what = "The engine is stopped, so nothing goes on; this starts it."
        _button("Go on", "play_arrow", lambda: ensure_engine(store.workspace), what)


def _button(
    label: str, icon: str, do: Callable[[], None], help_text: str | None = None, disabled: bool = False
) -> None:
    key = f"run-{label.lower().replace(' ', '-')}"
    st.button(label, icon=f":material/{icon}:", help=help_text, disabled=disabled, key=key, on_click=_guarded(do))


def _guarded(do: Callable[[], None]) -> Callable[[], None]:
    """Keep an error of a callback for the next drawing; Streamlit shows those of callbacks in its own way."""

    def call() -> None:
        try:
            do()
        except AffexionError as error:
            st.session_state[_ERROR] = error

    return call


def _require_training(store: Store) -> None:
    refused = refusal(store, "train")[1]
    if refused:
        raise RightsError(refused)


def cancel_entry(store: Store, entry: Entry) -> None:
    """Cancel an entry's job and all its parts; what runs ends within seconds."""
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.store.jobs import cancel_job

    _require_training(store)
    if entry.job is not None and cancel_job(store, entry.job.id).state == "running":
        ensure_engine(store.workspace)


def resume_entry(store: Store, entry: Entry) -> None:
    """Queue a stopped entry again, with those of its parts that aren't done; also one no job of the queue had."""
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.submit import resume_run
    from affexion_core.store.jobs import requeue_job

    _require_training(store)
    if entry.run is not None:
        resume_run(store, entry.run)
    elif entry.job is not None:
        requeue_job(store, entry.job.id, reset_attempts=True)
    ensure_engine(store.workspace)


def _clone_link(run: Run) -> None:
    if run.kind == "gap":
        # the page Train makes no studies
        st.page_link("pages/gap.py", label="Synthetic vs real", icon=":material/compare_arrows:",
                     query_params={"study": run.id})  # fmt: skip
        return
    try:
        address = clone_address(run)
    except AffexionError as error:
        st.caption(f":material/info: {escape_markdown(str(error))}")
        return
    what = "Opens the page Train, filled in as this run was started."
    st.page_link("pages/train.py", label="Clone with changes", icon=":material/content_copy:", query_params=address,
                 help=what)  # fmt: skip


def clone_address(run: Run) -> dict[str, str]:
    """Give the address of the page Train filled in as a run was started.

    Raises
    ------
    AffexionError
        If its recipe is gone or can't be read.
    """
    from affexion_core.training.run_config import config_from_json

    if run.kind == "sweep":
        return sweep_address(run)
    folder = Path(run.folder)
    group = read_json(folder / "run.json").get("group")
    n_folds = max(2, len(fold_folders(folder)))
    return address_like(run, config_from_json(read_config(folder)), group, n_folds, held_out_of(folder))


def _star_button(folder: Path) -> None:
    noted = read_notes(folder)

    def turn() -> None:
        write_notes(folder, replace(read_notes(folder), star=not noted.star))

    label, icon = ("Take star away", "star") if noted.star else ("Star", "star_border")
    st.button(label, icon=f":material/{icon}:", key="run-star", on_click=turn, help="Starred runs have a filter above.")


def _delete_button(store: Store, entry: Entry) -> None:
    run = entry.run
    if run is None:
        return
    person, refused = refusal(store, "delete runs", named=True)
    if refused:
        say_refusal(refused)
        return
    with st.popover("Delete", icon=":material/delete:"):
        st.markdown(f"Delete **{escape_markdown(title(entry))}** for good:")
        st.markdown(_what_goes(entry, Path(run.folder)))
        st.caption("Clips, labels and datasets stay. This can't be undone.")
        st.button(
            "Delete for good",
            type="primary",
            icon=":material/delete_forever:",
            key="run-delete",
            on_click=_guarded(lambda: delete_entry(store, entry, person)),
        )


def _what_goes(entry: Entry, folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    models = sum(path.name == "model.safetensors" for path in files)
    checkpoints = sum(path.parent.name == "checkpoints" for path in files)
    parts = [
        counted(models, "trained model"),
        f"{counted(len(evaluation_names(folder)), 'measurement')} with predictions",
        counted(checkpoints, "checkpoint") if checkpoints else "",
        f"{counted(1 + len(entry.parts), 'job')} in the queue's history" if entry.job else "",
    ]
    lines = "\n".join(f"- {part}" for part in parts if part)
    return f"{lines}\n- the folder `runs/{folder.name}` ({counted(len(files), 'file')}, {size:.1f} MB)"


def delete_entry(store: Store, entry: Entry, by: Person | None = None) -> None:
    """Delete a run: its job with parts, its rows, its folder with models, predictions and notes.

    Raises
    ------
    RightsError
        If ``by`` may not; None is somebody at the machine itself.
    StoreError
        If it is running, or its folder doesn't lie among the workspace's runs; nothing is deleted then.
    """
    from affexion_core.jobs.checking import checks_of
    from affexion_core.labeling.people import require_for
    from affexion_core.store.jobs import delete_job
    from affexion_core.store.runs import delete_run

    require_for(store, by, "delete runs")
    if entry.run is None:
        return
    folder = Path(entry.run.folder).resolve()
    if folder.parent != store.workspace.runs.resolve():
        raise StoreError(f"The folder of run {entry.run.id} lies outside the workspace ({folder}); delete it yourself.")
    for job in (*checks_of(store, entry.run), *([entry.job] if entry.job is not None else [])):
        delete_job(store, job.id)
    delete_run(store, entry.run.id)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise StoreError(f"The run is off the list, but some of its files can't be deleted; they lie in {folder}.")


def show_labels(store: Store, run: Run) -> None:
    """Show name and notes, to be changed in place."""
    folder = Path(run.folder)
    noted = read_notes(folder)
    keys = {part: f"run-{part}-{run.id}" for part in ("name", "notes")}

    def keep() -> None:
        write_notes(folder, replace(read_notes(folder), notes=str(st.session_state[keys["notes"]] or "").strip()))

    def rename() -> None:
        rename_run(store, run, st.session_state[keys["name"]] or "")

    on_name = _guarded(rename)
    st.text_input("Name", value=run.name or "", key=keys["name"], on_change=on_name, placeholder="none yet")
    st.text_area(
        "Notes", value=noted.notes, key=keys["notes"], on_change=keep, height=96,
        placeholder="What you tried, what you think of it", help="Kept in the run's folder (notes.json).",
    )  # fmt: skip
