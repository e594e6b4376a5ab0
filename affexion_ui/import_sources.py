"""The ways into the library: dropped files, a folder, a known corpus, a table, the microphone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import streamlit as st

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError
from affexion_ui.files_sources import TYPES, may_name_paths
from affexion_ui.import_staging import TABLE, Staged, stage, stage_bytes, write_table
from affexion_ui.theme import escape_markdown

FREE = ("folder", "audiofolder", "csv")
_FIELDS = {
    "file": "File", "label": "Label", "speaker": "Speaker", "transcript": "Words", "language": "Language",
    "start": "Start (s)", "end": "End (s)", "origin": "Origin",
}  # fmt: skip
_PATHS = "Folders of this machine can be named only where the app serves this machine alone. Drop the files instead."


@dataclass(frozen=True)
class Source:
    """What is to come in: a path read by ``corpus``; ``staged`` is the session's folder that it lies in."""

    corpus: str
    path: Path
    staged: Path | None = None
    corpus_name: str | None = None
    dataset: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Change when what is to be read does."""
        return f"{self}{self.path.read_bytes() if self.path.name == TABLE else b''!r}"


def ask_files() -> Source | None:
    """Ask for recordings and archives of them, and what is known of all."""
    files = st.file_uploader(
        "Recordings, or zip archives of them",
        type=[*TYPES, "zip"],
        accept_multiple_files=True,
        key=f"import-files-{st.session_state.get('import-turn', 0)}",
        help="In an archive, folders are labels. With a manifest.csv or metadata.csv in it, the table says it all.",
    )
    if not files:
        st.caption("Each recording is opened and checked first; you see what becomes of it before anything is kept.")
        return None
    staged = stage(files)
    if staged.layout is not None:
        st.caption(f"A table came along; it says what each recording is ({escape_markdown(staged.layout)}).")
        return Source(staged.layout, staged.root, staged.root)
    if not staged.labels:
        raise ConfigError("There is no recording in what you dropped; its names end in none of the known ways.")
    label, speaker = _ask_known(any(folder is None for folder in staged.labels.values()))
    return _table_of(staged, label, speaker)


def _ask_known(unlabelled: bool) -> tuple[str, str]:
    first, second = st.columns(2)
    words = "Label" if unlabelled else "Label (their folders say it)"
    label = first.text_input(words, placeholder="none", key="import-label", disabled=not unlabelled)
    speaker = second.text_input("Speaker, if it is one", placeholder="unknown", key="import-speaker")
    return label.strip(), speaker.strip()


def _table_of(staged: Staged, label: str, speaker: str, **more: str) -> Source:
    rows = [
        {"file": file, "label": folder or label, "speaker": speaker, "recording": Path(file).name, **more}
        for file, folder in staged.labels.items()
    ]
    path = write_table(staged, rows, ("file", "label", "speaker", "recording", *more))
    return Source("csv", path, staged.root, corpus_name="uploads", dataset="uploads")


def ask_folder() -> Source | None:
    """Ask for a folder of this machine that somebody laid out freely."""
    if not may_name_paths():
        st.info(_PATHS, icon=":material/lock:")
        return None
    first, second = st.columns([1, 2])
    corpus = first.selectbox("Layout", FREE, format_func=lambda name: load_plugin("corpora", name).INFO.title,
                             key="import-layout")  # fmt: skip
    path = _ask_path(second)
    st.caption(f"Expected: {escape_markdown(load_plugin('corpora', corpus).INFO.layout)}")
    return Source(corpus, path) if path is not None else None


def ask_corpus() -> Source | None:
    """Ask for a known corpus; its licence has to be accepted."""
    if not may_name_paths():
        st.info(_PATHS, icon=":material/lock:")
        return None
    first, second = st.columns([1, 2])
    names = [name for name in plugin_names("corpora") if name not in FREE]
    corpus = first.selectbox("Corpus", names, format_func=_short_title, key="import-corpus")
    info = load_plugin("corpora", corpus).INFO
    path = _ask_path(second)
    from affexion_core.licences import licence_of

    with st.container(border=True, gap="small"):
        title = info.title[:1].upper() + info.title[1:]
        st.markdown(f"**{escape_markdown(title)}**  \nLicence: **{escape_markdown(info.licence)}**")
        st.caption(f"It allows {escape_markdown(licence_of(info.licence).allows)}.")
        st.caption(f"{escape_markdown(info.how_to_get)} Expected: {escape_markdown(info.layout)}")
        st.caption(f"Cite: {escape_markdown(info.citation)}")
        accepted = st.checkbox("I have the right to use it under this licence", key=f"import-accept-{corpus}")
    if path is None:
        return None
    if not accepted:
        st.caption("Accept the licence to see what would come in.")
        return None
    return Source(corpus, path)


def _short_title(corpus: str) -> str:
    """Name a corpus as people do: by the short name at the end of its title, where there is one."""
    title = load_plugin("corpora", corpus).INFO.title
    short = re.search(r"\((\S+)\)$", title)
    return short[1] if short else title.removeprefix("the ")


def _ask_path(place: st.delta_generator.DeltaGenerator) -> Path | None:
    text = place.text_input("Folder or table on this machine", placeholder="/home/me/speech", key="import-path").strip()
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.exists():
        raise ConfigError(f"There is no folder or file {text!r} on this machine; check the path.")
    return path


def ask_table() -> Source | None:
    """Ask for a table and its recordings, and which column says what."""
    turn = st.session_state.get("import-turn", 0)
    first, second = st.columns(2)
    table = first.file_uploader("Table", type=["csv", "tsv", "jsonl"], key=f"import-table-{turn}")
    recordings = second.file_uploader("Its recordings, or a zip archive of them", type=[*TYPES, "zip"],
                                      accept_multiple_files=True, key=f"import-table-files-{turn}")  # fmt: skip
    if table is None or not recordings:
        st.caption("A table with a header and a row for each recording, and the recordings it names.")
        return None
    staged = stage([*recordings, table])
    path = next(file for file in staged.root.iterdir() if file.suffix.lower() in (".csv", ".tsv", ".jsonl"))
    return Source("csv", path, staged.root, corpus_name="uploads", dataset=path.stem, columns=_ask_columns(path))


def _ask_columns(path: Path) -> dict[str, str]:
    """Ask which column holds what, with the first rows in sight; names that say it themselves are chosen already."""
    from affexion_core.corpora._table import FIELDS, read_table

    header, rows = read_table(path)
    st.dataframe(list(islice(rows, 4)), hide_index=True, height=180)
    chosen: dict[str, str] = {}
    with st.container(horizontal=True):
        for name, words in _FIELDS.items():
            usual = next((column for column in FIELDS[name] if column in header), None)
            column = st.selectbox(words, header, index=header.index(usual) if usual else None, width=150,
                                  placeholder="no column", key=f"import-column-{name}")  # fmt: skip
            if column:
                chosen[name] = column
    if "file" not in chosen:
        raise ConfigError("Say which column names the recordings.")
    return chosen


def ask_recording() -> Source | None:
    """Record one clip here, and ask what it is."""
    turn = st.session_state.get("import-turn", 0)
    sound = st.audio_input("Record a clip", sample_rate=48_000, key=f"import-record-{turn}")
    first, second, third = st.columns(3)
    label = first.text_input("Label", placeholder="none", key="import-label").strip()
    speaker = second.text_input("Speaker", placeholder="unknown", key="import-speaker").strip()
    said = third.text_input("Words spoken", placeholder="not written down", key="import-said").strip()
    agreed = st.checkbox("Whoever speaks agrees that the recording is kept here", key="import-agreed")
    if sound is None:
        return None
    if not agreed:
        st.caption("The person who speaks has to agree first.")
        return None
    staged = stage_bytes(sound.getvalue(), f"recorded-{datetime.now(UTC):%Y%m%d}.wav")
    return _table_of(staged, label, speaker, transcript=said, origin="real", source="microphone, page Import",
                     licence="kept with the speaker's consent for this workspace")  # fmt: skip
