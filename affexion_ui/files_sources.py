"""Where the page Files and timelines takes recordings from: the browser, or this machine's own disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st

from affexion_core.errors import AudioError
from affexion_core.types import Clip
from affexion_ui.people import login_is_set_up
from affexion_ui.theme import escape_markdown
from affexion_ui.words import counted

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

TYPES = ["wav", "flac", "mp3", "ogg", "opus", "m4a", "webm", "aiff", "aif"]
MOST_FILES = 2_000
_MOST_LETTERS = 60  # a disk takes 255 bytes, and a letter may have four
_HELD = "files-uploads"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Source:
    """A recording to look at: where it lies, and what people call it."""

    path: Path
    name: str

    @property
    def changed(self) -> int:
        """When the file was last written, in ns; 0 where it is gone."""
        return self.path.stat().st_mtime_ns if self.path.is_file() else 0


def may_name_paths() -> bool:
    """Say whether people may name a path: only where the app serves this machine alone, and nobody else logs in."""
    return st.get_option("server.address") in _LOOPBACK and not login_is_set_up()


def uploaded(files: Iterable[UploadedFile]) -> list[Source]:
    """Give uploaded files a place on disk for as long as the session lasts; the workspace stays as it was."""
    held: tempfile.TemporaryDirectory[str] = st.session_state.setdefault(
        _HELD, tempfile.TemporaryDirectory(prefix="affexion-tried-", ignore_cleanup_errors=True)
    )
    found = []
    for file in files:
        # a folder for each upload, so that two of one name stay two, and errors name the file as people know it
        path = Path(held.name) / PurePath(file.file_id).name / file_name(file.name)
        if not path.is_file() or path.stat().st_size != file.size:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.getbuffer())
        found.append(Source(path, path.name))
    return found


def file_name(said: str) -> str:
    """Make of the name that a browser gives a file one that any disk takes, in no other folder."""
    last = PurePath(said.replace("\\", "/")).name
    plain = "".join(char if char.isprintable() else "_" for char in last).lstrip(".")
    return f"{PurePath(plain).stem[:_MOST_LETTERS]}{PurePath(plain).suffix[:8]}" or "recording"


def ask_uploads(words: str, key: str, many: bool) -> list[Source]:
    """Let people drop files; they stay while the session lasts, also when another view or page was open in between."""
    held = f"{key}-held"

    def take() -> None:
        files = st.session_state[key]
        st.session_state[held] = uploaded(files if isinstance(files, list) else [files] if files else [])

    dropped = st.file_uploader(words, type=TYPES, accept_multiple_files=many, key=key, on_change=take)
    sources: list[Source] = st.session_state.get(held, [])
    if sources and not dropped:
        # Streamlit empties a box that was out of sight, and has no way to fill it again
        with st.container(horizontal=True, vertical_alignment="center"):
            names = sources[0].name if len(sources) == 1 else counted(len(sources), "file")
            st.caption(f"{escape_markdown(names)} dropped before.", width="content")
            st.button("Remove", icon=":material/close:", key=f"{key}-remove", on_click=_remove, args=(held,))
    return sources


def _remove(held: str) -> None:
    st.session_state.pop(held, None)


def on_disk(text: str) -> list[Source]:
    """Give the sound files that a typed path names: itself, or all below a folder.

    Raises
    ------
    AudioError
        If there is no such path, or no sound file, or too many.
    """
    from affexion_core.predict_files import sound_files

    path = Path(text).expanduser()
    if not path.exists():
        raise AudioError(f"There is no file or folder {text!r} on this machine. Check the path.")
    files = sound_files([path])
    if not files:
        raise AudioError(f"There is no sound file below {text!r}. Choose another folder.")
    if len(files) > MOST_FILES:
        raise AudioError(f"{text!r} holds {len(files)} sound files; at most {MOST_FILES} at once. Choose a part of it.")
    return [Source(file, str(file.relative_to(path)) if path.is_dir() else file.name) for file in files]


@st.cache_data(max_entries=4096, show_spinner=False)
def _sha256(path: str, changed: int) -> str:
    from affexion_core.audio.decode import file_sha256

    return file_sha256(path)


def as_clip(source: Source, duration: float, start: float | None = None, end: float | None = None) -> Clip:
    """Make a clip to play of a recording that is not in the library, or of a part of it."""
    from affexion_core.types import clip_id

    sha256 = _sha256(str(source.path), source.changed)
    return Clip(
        clip_id(sha256, start, end), str(source.path), sha256, "real", "tried", duration, 16_000, start=start, end=end
    )
