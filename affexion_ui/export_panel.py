"""Panels that take labels out as a file, and bring in labels made elsewhere after showing what would come in."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import AffexionError, RightsError
from affexion_core.store.datasets import list_datasets
from affexion_ui.figures import csv_bytes
from affexion_ui.layout import show_error
from affexion_ui.people import current_person
from affexion_ui.theme import escape_markdown
from affexion_ui.words import count, counted

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from affexion_core.labeling.exporting import ExportReport
    from affexion_core.labeling.importing_labels import LabelImportOptions, LabelImportReport
    from affexion_core.store.people import Person
    from affexion_core.store.session import Store

_WHAT = {"both": "everything", "votes": "each judgement", "consensus": "what counts"}
_WHAT_HELP = (
    "Each judgement with its corrections, times and comments; or the label that counts for each clip, with the share "
    "of votes for each label and adjudicators' decisions; or both."
)
_READY, _ERROR = "export-ready", "export-error"
_PREVIEW, _DONE, _FILE = "labels-import-preview", "labels-import-done", "labels-import-file"
# What a file of that kind usually is.
_USUAL = {".csv": "csv", ".tsv": "csv", ".json": "label-studio", ".jsonl": "audiofolder"}
_SHOWN = 200


def show_export(store: Store, name: str) -> None:
    """Show what of a dataset or project can be taken along, in which format, and give it as a file."""
    person = _allowed(store, "export")
    if person is None:
        return
    with st.container(horizontal=True, vertical_alignment="top"):
        chosen = _ask_format("export-format", "Format", 260)
        what = st.segmented_control(
            "What", list(_WHAT), default="both", required=True, format_func=_WHAT.__getitem__, key="export-what",
            persist_state="session", help=_WHAT_HELP,
        )  # fmt: skip
    audio = st.checkbox(
        "With the recordings", key="export-audio", persist_state="session",
        help="Originals as they are; clips that are parts of longer files are cut without loss.",
    )  # fmt: skip
    st.caption(f"{load_plugin('exchange', chosen).INFO.writes}.")
    asked = (name, chosen, what, audio)
    if st.button("Export", type="primary", icon=":material/download:", key="export-start"):
        _export(store, person, asked)
    error = st.session_state.get(_ERROR)
    if error is not None and error[0] == asked:
        show_error(error[1])
    ready = st.session_state.get(_READY)
    if ready is not None and ready[0] == asked:
        _show_ready(ready[1], ready[2])


def _allowed(store: Store, action: str) -> Person | None:
    """Give the person at work if they may do this; else say why not."""
    from affexion_core.labeling.people import require

    person = current_person(store)
    if person is None:
        st.caption(":material/person: Pick your name first, on the page Annotate.")
        return None
    try:
        require(person, action)
    except RightsError as error:
        st.caption(f":material/lock: {escape_markdown(str(error))}")
        return None
    return person


def _ask_format(key: str, label: str, width: int) -> str:
    names = sorted(plugin_names("exchange"), key=lambda name: (name != "csv", name != "label-studio", name))
    return st.selectbox(
        label, names, format_func=lambda name: load_plugin("exchange", name).INFO.title, key=key, width=width,
        persist_state="session",
    )  # fmt: skip


def _export(store: Store, person: Person, asked: tuple[str, str, str, bool]) -> None:
    from affexion_core.labeling.exporting import export_zip

    name, chosen, what, audio = asked
    bar = st.progress(0.0, text="Gathering the labels …")

    def progress(done: int, total: int, words: str) -> None:
        bar.progress(done / total if total else 0.0, text=f"{words} ({done} of {total})")

    st.session_state.pop(_ERROR, None)
    st.session_state.pop(_READY, None)
    try:
        file, report = export_zip(store, name, chosen, what, audio, person, progress)  # type: ignore[arg-type]
        st.session_state[_READY] = (asked, file, report)
    except AffexionError as error:
        st.session_state[_ERROR] = (asked, error)
    bar.empty()


def _show_ready(file: Path, report: ExportReport) -> None:
    if not file.is_file():
        st.session_state.pop(_READY, None)
        return
    with st.container(border=True, key="export-report"):
        head, tail = st.columns([2.2, 1], vertical_alignment="center")
        parts = [counted(report.clips, "clip")]
        parts += [counted(report.judgements, "judgement")] if report.judgements else []
        parts += [counted(report.labels, "label")] if report.labels else []
        parts += [counted(report.decisions, "decision")] if report.decisions else []
        parts += [counted(report.audio, "recording")] if report.audio else []
        head.markdown(f":material/check_circle: **{', '.join(parts)}**")
        tail.download_button(
            f"Download ({file.stat().st_size / 1e6:.1f} MB)", data=file.read_bytes, file_name=file.name,
            mime="application/zip", icon=":material/download:", on_click="ignore", key="export-download",
        )  # fmt: skip
        licences = ", ".join(f"{licence} ({count(n)})" for licence, n in report.licences.items())
        st.caption(f"Licences: {escape_markdown(licences)}.")
        for words in _restrictions(report):
            st.warning(words, icon=":material/gavel:")
        for note in report.notes[:20]:
            st.caption(f":material/info: {escape_markdown(note)}")
        if len(report.notes) > 20:
            st.caption(f"And {len(report.notes) - 20} more.")


def _restrictions(report: ExportReport) -> Iterator[str]:
    limits: dict[tuple[str, str], int] = {}
    for held in report.restricted:
        limits[held.licence, held.forbids] = limits.get((held.licence, held.forbids), 0) + 1
    for (licence, forbids), n in limits.items():
        yield f"{counted(n, 'clip')} under {escape_markdown(licence)}: {forbids}."


def show_import_labels(store: Store) -> None:
    """Show what a file of labels holds, clip by clip and rater by rater, and bring it in on request."""
    person = _allowed(store, "manage projects")
    if person is None:
        return
    _show_done()
    file = st.file_uploader(
        "File with labels",
        type=["csv", "tsv", "json", "jsonl", "zip"],
        key=f"{_FILE}-{st.session_state.get(_FILE, 0)}",
        help="One file, or a zip archive of an exported folder.",
    )  # fmt: skip
    if file is None:
        st.caption(
            "A table with the columns clip, rater and label is enough. Nothing is written before you have seen it."
        )
        return
    usual = _USUAL.get(PurePath(file.name).suffix.lower())
    if usual is not None and st.session_state.get("labels-import-seen") != file.file_id:
        # before the widget of that key is drawn, and once for each file
        st.session_state["labels-import-format"] = usual
    st.session_state["labels-import-seen"] = file.file_id
    first, second, third = st.columns(3)
    with first:
        chosen = _ask_format("labels-import-format", "Format", 400)
    options = _ask_options(store, second, third)
    report = _previewed(store, file, chosen, options)
    if report is None:
        return
    _show_preview(report)
    nothing = not (report.added or report.clips_added or report.decisions_added or report.dataset_made)
    words = "Nothing new to import" if nothing else f"Import {counted(report.added, 'judgement')}"
    if st.button(words, type="primary", icon=":material/upload:", key="labels-import-start", disabled=nothing):
        _import(store, person, file, chosen, options)


def _ask_options(store: Store, second: st.delta_generator.DeltaGenerator, third: st.delta_generator.DeltaGenerator):
    from affexion_core.labeling.importing_labels import LabelImportOptions
    from affexion_core.scheme_files import shipped_schemes
    from affexion_core.store.exchange import every_scheme

    datasets = [summary.name for summary in list_datasets(store)]
    dataset = second.selectbox(
        "Dataset", datasets, index=None, key="labels-import-dataset", placeholder="the whole library",
        accept_new_options=True, persist_state="session",
        help="Its clips are meant. A new name makes a dataset of these clips and labels.",
    )  # fmt: skip
    schemes = sorted({**shipped_schemes(), **every_scheme(store)})
    scheme = third.selectbox(
        "Scheme", schemes, index=None, key="labels-import-scheme", placeholder="as the file or dataset says",
        persist_state="session", help="Of judgements that name none.",
    )  # fmt: skip
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    rater = left.text_input(
        "Rater", key="labels-import-rater", placeholder="as the file says", max_chars=80, persist_state="session",
        help="Of judgements that name none.",
    )  # fmt: skip
    add = right.checkbox(
        "Add labels that the scheme lacks", key="labels-import-add", persist_state="session",
        help="They go to its end. Without this, labels outside the scheme are refused.",
    )  # fmt: skip
    return LabelImportOptions((dataset or "").strip() or None, scheme, rater.strip() or None, add)


@contextmanager
def _on_disk(file: UploadedFile) -> Iterator[Path]:
    """Write an uploaded file below a folder of its own, under its own name."""
    name = PurePath(file.name.replace("\\", "/")).name.replace("\0", "") or "labels"
    with tempfile.TemporaryDirectory(prefix="affexion-labels-") as folder:
        path = Path(folder) / name[-120:]
        path.write_bytes(file.getbuffer())
        yield path


def _previewed(store: Store, file: UploadedFile, chosen: str, options: LabelImportOptions) -> LabelImportReport | None:
    """Look through the file; the same file and options are looked through once."""
    from affexion_core.labeling.importing_labels import preview_labels

    key = hashlib.sha256(repr((file.file_id, chosen, options)).encode()).hexdigest()
    held = st.session_state.get(_PREVIEW)
    if held is None or held[0] != key:
        try:
            with st.spinner("Looking through the file …"), _on_disk(file) as path:
                found: LabelImportReport | AffexionError = preview_labels(store, path, chosen, options)
        except AffexionError as error:
            found = error
        held = st.session_state[_PREVIEW] = (key, found)
    if isinstance(held[1], AffexionError):
        show_error(held[1])
        return None
    return held[1]


def _show_preview(report: LabelImportReport) -> None:
    with st.container(border=True, key="labels-import-report"):
        words = f"**{counted(report.added, 'judgement')}** would come in"
        if report.present:
            words += f", {count(report.present)} are here already"
        if report.rejected:
            words += f", {counted(len(report.rejected), 'row')} can't be used"
        st.markdown(f":material/visibility: {words}.")
        _show_facts(report)
        if report.rejected:
            _show_rejected(report, "labels-import-rejected")


def _show_facts(report: LabelImportReport) -> None:
    unmatched = f", {count(len(report.unmatched))} not found" if report.unmatched else ""
    brought = f", {count(report.clips_added)} of them new with their recordings" if report.clips_added else ""
    new = set(report.new_raters)
    raters = [f"{rater}{' (new)' if rater in new else ''} {count(n)}" for rater, n in report.raters.items()]
    facts = {
        "Clips": f"{count(report.clips)} found{brought}{unmatched}",
        "Raters": _listed(raters),
        "Labels": _listed([f"{label} {count(n)}" for label, n in report.labels.items()]),
        "Scheme": f"{report.scheme or 'as each row says'}"
        + (f"; new: {_listed(report.new_schemes)}" if report.new_schemes else ""),
        "Labels added to a scheme": _listed([f"{s}: {', '.join(new)}" for s, new in report.new_labels.items()]),
        "Decisions": count(report.decisions_added) if report.decisions_added else "",
    }
    rows = [{"": f"**{fact}**", " ": escape_markdown(words)} for fact, words in facts.items() if words]
    st.table(rows, border="horizontal", hide_index=True, hide_header=True)
    for note in report.notes:
        st.caption(f":material/info: {escape_markdown(note)}")


def _listed(parts: Sequence[str], most: int = 12) -> str:
    return ", ".join(parts[:most]) + (f" and {len(parts) - most} more" if len(parts) > most else "")


def _show_rejected(report: LabelImportReport, key: str) -> None:
    rows: list[Mapping[str, str]] = [{"where": held.place, "why": held.reason} for held in report.rejected]
    with st.expander(f"{counted(len(rows), 'row')} that can't be used, with reasons", icon=":material/warning:"):
        st.dataframe(rows[:_SHOWN], hide_index=True, alt="Rows that can't be used, and why")
        st.download_button(
            "Reasons as CSV", data=csv_bytes(rows), file_name="affexion-rejected-labels.csv", mime="text/csv",
            on_click="ignore", key=key,
        )  # fmt: skip


def _import(store: Store, person: Person, file: UploadedFile, chosen: str, options: LabelImportOptions) -> None:
    from affexion_core.labeling.importing_labels import import_labels

    try:
        with st.spinner("Importing …"), _on_disk(file) as path:
            st.session_state[_DONE] = import_labels(store, path, chosen, options, person)
    except AffexionError as error:
        show_error(error)
        return
    st.session_state.pop(_PREVIEW, None)
    # a new field, since a file that was brought in is not to be brought in again
    st.session_state[_FILE] = st.session_state.get(_FILE, 0) + 1
    st.rerun()


def _show_done() -> None:
    """Show what the last import of this session did, until it is put away."""
    report: LabelImportReport | None = st.session_state.get(_DONE)
    if report is None:
        return
    words = f"{counted(report.added, 'judgement')} added"
    words += f", {count(report.present)} were here already" if report.present else ""
    words += f", {counted(len(report.rejected), 'row')} left out" if report.rejected else ""
    with st.container(border=True, key="labels-import-done"):
        head, tail = st.columns([5, 1], vertical_alignment="center")
        head.markdown(f":material/check_circle: **{words}** from {escape_markdown(report.file)}.")
        tail.button("Put away", key="labels-import-close", on_click=lambda: st.session_state.pop(_DONE, None))
        for note in report.notes:
            st.caption(f":material/info: {escape_markdown(note)}")
        if report.rejected:
            _show_rejected(report, "labels-import-left-out")
