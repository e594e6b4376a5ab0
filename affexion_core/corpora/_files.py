"""Find the recordings of a corpus folder by name, and say what was found instead."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from affexion_core.corpora._item import CorpusInfo, CorpusItem
from affexion_core.errors import CorpusError

# What the decoders read; video containers are here for their sound track.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov"}
    | {".aif", ".aiff", ".aifc", ".au", ".caf", ".wma", ".amr", ".3gp"}
)
ParseName = Callable[[Path], CorpusItem | None]


def is_audio(file: Path) -> bool:
    """Tell by its name whether a file may hold sound; ingest then looks at the content."""
    return file.suffix.lower() in AUDIO_SUFFIXES


def walk(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder in a stable order, lazily; hidden ones and macOS's doubles are left out."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            yield from walk(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)


def audio_files(folder: Path) -> Iterator[Path]:
    """Yield the recordings below a folder in a stable order."""
    return (file for file in walk(folder) if is_audio(file))


def require_folder(path: Path, info: CorpusInfo) -> Path:
    """Give the path back if it is a folder.

    Raises
    ------
    CorpusError
        If it isn't one.
    """
    if not path.is_dir():
        what = "is a file" if path.exists() else "is not there"
        raise CorpusError(f"{path} {what}; {info.title} is read from a folder. Expected: {info.layout}")
    return path


def wrong_layout(path: Path, info: CorpusInfo) -> CorpusError:
    """Make the error that says what layout a corpus has and what the folder holds."""
    return CorpusError(f"{path} doesn't look like {info.title}. Expected: {info.layout} Found: {contents(path)}.")


def contents(folder: Path, limit: int = 10_000) -> str:
    """Say in a few words what a folder holds; counts stop at ``limit`` files."""
    audio: list[str] = []
    other: list[str] = []
    for seen, file in enumerate(walk(folder)):
        if seen == limit:
            break
        (audio if is_audio(file) else other).append(str(file.relative_to(folder)))
    parts = [_some(audio, "audio file"), _some(other, "other file")]
    return " and ".join(part for part in parts if part) or "nothing"


def _some(names: list[str], what: str) -> str:
    if not names:
        return ""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} such as {names[0]}"


def scan_by_name(path: Path, info: CorpusInfo, parse: ParseName) -> Iterator[CorpusItem]:
    """Yield an item for each recording of a corpus that says everything in its file names.

    Parameters
    ----------
    path
        The corpus folder, or one above or below it.
    parse
        Gives the item of a file; None if the name doesn't follow the corpus's pattern. Such a stray file is
        yielded with a ``problem``.

    Raises
    ------
    CorpusError
        At once, not on the first item, if ``path`` is no folder or no name below it follows the pattern.
    """
    files = audio_files(require_folder(path, info))
    before: list[CorpusItem] = []
    for file in files:
        item = parse(file)
        if item is not None:
            return chain(before, (item,), (parse(other) or _stray(other, info) for other in files))
        before.append(_stray(file, info))
    raise wrong_layout(path, info)


def _stray(file: Path, info: CorpusInfo) -> CorpusItem:
    return CorpusItem(file, info.name, problem=f"The name {file.name} isn't one of {info.title}.")
