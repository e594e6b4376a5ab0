"""The import panel of the library: choose a source, look at what it holds, bring it in, read what became of it."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import AffexionError, ConfigError
from affexion_core.types import ORIGINS
from affexion_ui.export_panel import show_import_labels
from affexion_ui.figures import csv_bytes
from affexion_ui.layout import show_error
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from affexion_core.ingest.reports import ImportOptions, ImportReport
    from affexion_core.store.session import Store

_FOLDER, _FILES, _LABELS = "Recordings in a folder", "Upload recordings", "Labels made elsewhere"
_AUDIO = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "webm", "aiff", "aif"]
_REPORT = "last-import"


@dataclass(frozen=True)
class _Source:
    """What is to be imported: a path on this machine read by ``corpus``, or uploaded files of one label."""

    corpus: str
    path: str = ""
    files: tuple[UploadedFile, ...] = ()
    label: str = ""
    speaker: str = ""


def open_import() -> None:
    """Open the panel; a button's callback."""
    st.session_state["importing"] = True


def close_import() -> None:
    """Close the panel; a button's callback."""
    st.session_state["importing"] = False
    st.query_params.pop("import", None)


def show_import(store: Store) -> None:
    """Show the panel; what it did stays to be read in `show_last_import`."""
    with st.container(border=True, key="import-panel"):
        kind = st.segmented_control(
            "What comes in", [_FOLDER, _FILES, _LABELS], default=_FOLDER, required=True, key="import-from"
        )
        if kind == _LABELS:
            show_import_labels(store)
            return
        source = _ask_folder() if kind == _FOLDER else _ask_files()
        try:
            options = _ask_options(source)
            with st.container(horizontal=True):
                look = kind == _FOLDER and st.button("Look first", icon=":material/visibility:", key="import-look")
                start = st.button("Import", type="primary", icon=":material/upload:", key="import-start")
            if look:
                _preview(_checked(source), options)
            if start:
                _import(store, _checked(source), options)
        except AffexionError as error:
            show_error(error)


def _ask_folder() -> _Source:
    names = plugin_names("corpora")
    first, second = st.columns([1, 2])
    corpus = first.selectbox(
        "Layout",
        names,
        index=names.index("folder") if "folder" in names else 0,
        format_func=lambda name: f"{name} – {load_plugin('corpora', name).INFO.title}",
        key="import-corpus",
    )
    path = second.text_input(
        "Folder or manifest on this machine", placeholder="/home/me/corpora/emodb", key="import-path"
    )
    st.caption(f"Expected: {escape_markdown(load_plugin('corpora', corpus).INFO.layout)}")
    return _Source(corpus, path=path.strip())


def _ask_files() -> _Source:
    files = st.file_uploader("Recordings of one label", type=_AUDIO, accept_multiple_files=True, key="import-files")
    first, second = st.columns(2)
    label = first.text_input("Label of all of them", placeholder="panic", key="import-label")
    speaker = second.text_input("Speaker, if one and known", placeholder="anna", key="import-speaker")
    return _Source("folder", files=tuple(files or ()), label=label.strip(), speaker=speaker.strip())


def _ask_options(source: _Source) -> ImportOptions:
    from affexion_core.ingest.label_maps import load_label_map, shipped_label_maps
    from affexion_core.ingest.reports import ImportOptions

    first, second, third = st.columns(3)
    dataset = first.text_input("Dataset", placeholder="named after the corpus", key="import-dataset").strip()
    origin = second.selectbox(
        "Origin", ORIGINS, index=None, placeholder="as the corpus says, else real", key="import-origin"
    )
    label_map = third.selectbox(
        "Label map", shipped_label_maps(), index=None, placeholder="labels as they are", key="import-map"
    )
    in_place = bool(source.path) and st.checkbox(
        "Leave the recordings where they are",
        help="The library then points at them; move or delete them and their clips fall silent.",
        key="import-in-place",
    )
    uploaded = bool(source.files)
    return ImportOptions(
        dataset=dataset or ("uploads" if uploaded else None),
        origin=origin,
        label_map=load_label_map(label_map) if label_map else None,
        in_place=in_place,
        corpus_name="uploads" if uploaded else None,
    )


def _checked(source: _Source) -> _Source:
    if not source.path and not source.files and not source.label:
        raise ConfigError("Nothing is chosen yet: type the folder or manifest, or upload recordings.")
    if source.path and not Path(source.path).expanduser().exists():
        raise ConfigError(f"There is no folder or file {source.path!r} on this machine; check the path.")
    if not source.path and not source.files:
        raise ConfigError("No recording is chosen yet: upload at least one.")
    for what, name in (("label", source.label), ("speaker", source.speaker)):
        if name and not re.fullmatch(r"[\w][\w .'-]*", name):
            raise ConfigError(f"The {what} {name!r} can't be used; write letters, digits, spaces and . ' - only.")
    if source.files and source.speaker and not source.label:
        raise ConfigError("A speaker without a label can't be kept; give the label of these recordings too.")
    return source


def _preview(source: _Source, options: ImportOptions) -> None:
    from affexion_core.corpora._item import ScanOptions

    path = Path(source.path).expanduser()
    reader = load_plugin("corpora", source.corpus)
    items = list(reader.scan(path, ScanOptions(options.corpus_name, options.columns, options.language)))
    usable = [item for item in items if not item.problem]
    labels = Counter(item.label or "no label" for item in usable)
    speakers = len({item.speaker for item in usable if item.speaker})
    words = ", ".join(f"{label} {n}" for label, n in labels.most_common())
    st.info(
        f"{counted(len(usable), 'recording')} by {counted(speakers, 'known speaker')}: {escape_markdown(words)}. "
        "Nothing is imported yet; whether each can be decoded shows on import.",
        icon=":material/visibility:",
    )
    problems = [{"file": item.file.name, "reason": item.problem} for item in items if item.problem]
    if problems:
        st.warning(f"{counted(len(problems), 'file')} can't be used:", icon=":material/warning:")
        st.dataframe(problems[:200], hide_index=True)


def _import(store: Store, source: _Source, options: ImportOptions) -> None:
    from affexion_core.ingest.importing import import_corpus

    bar = st.progress(0.0, text="Reading names …")

    def progress(done: int, total: int, what: str) -> None:
        bar.progress(done / total if total else 0.0, text=f"{escape_markdown(what)} ({done} of {total})")

    with tempfile.TemporaryDirectory() as folder:
        path = Path(source.path).expanduser() if source.path else _laid_out(source, Path(folder))
        report = import_corpus(store, source.corpus, path, options, progress)
    st.session_state[_REPORT] = report
    close_import()
    st.rerun()


def _laid_out(source: _Source, folder: Path) -> Path:
    """Write uploaded files as a folder per label; two of one name get a number, so that none replaces another."""
    parts = [part for part in (source.label, source.speaker) if part]
    place = folder.joinpath(*parts)
    place.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(source.files):
        name = PurePath(file.name.replace("\\", "/")).name
        target = place / name
        (place / f"{number}-{name}" if target.exists() else target).write_bytes(file.getbuffer())
    return folder


def show_last_import() -> None:
    """Show what the last import of this session did, until it is put away."""
    report: ImportReport | None = st.session_state.get(_REPORT)
    if report is None:
        return
    with st.container(border=True, key="import-report"):
        head, tail = st.columns([6, 1], vertical_alignment="center")
        head.markdown(f":material/check_circle: **{_report_words(report)}**")
        tail.button("Put away", key="import-report-close", on_click=lambda: st.session_state.pop(_REPORT, None))
        for warning in report.warnings:
            st.caption(f":material/info: {escape_markdown(warning)}")
        if report.rejected:
            _show_rejected([{"file": item.file, "reason": item.reason} for item in report.rejected])


def _report_words(report: ImportReport) -> str:
    words = f"{counted(report.added, 'clip')} added"
    if report.present:
        words += f", {report.present} already there"
    if report.rejected:
        words += f", {counted(len(report.rejected), 'file')} rejected"
    if report.left_out:
        words += f", {sum(report.left_out.values())} left out by the label map"
    where = f" Dataset {escape_markdown(report.dataset)}" if report.dataset else ""
    labels = ", ".join(f"{label} {n}" for label, n in report.labels.items() if n)
    return f"{words}.{where}{': ' if where and labels else ''}{escape_markdown(labels)}"


def _show_rejected(rows: Sequence[dict[str, str]]) -> None:
    with st.expander(f"{counted(len(rows), 'rejected file')}, with reasons", icon=":material/warning:"):
        st.dataframe(list(rows), hide_index=True)
        st.download_button(
            "Reasons as CSV",
            data=csv_bytes(rows),
            file_name="affexion-rejected.csv",
            mime="text/csv",
            on_click="ignore",
            key="import-rejected",
        )
