"""A folder per label, as in the Affexion paper: ``panic/0001.wav`` or ``panic/<speaker>/0001.wav``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from affexion_core.corpora._files import audio_files, require_folder, wrong_layout
from affexion_core.corpora._item import CorpusInfo, CorpusItem, ScanOptions

INFO = CorpusInfo(
    name="folder",
    title="a folder per label",
    licence="that of the recordings",
    citation="that of the recordings",
    homepage="",
    how_to_get="Make a folder with one folder for each label and put the recordings there.",
    layout="one folder for each label with audio files in it, or with one folder for each speaker in it.",
)


def scan(path: Path, options: ScanOptions) -> Iterator[CorpusItem]:
    """Yield every recording below ``path``; the first folder is its label, a second one its speaker.

    Recordings that lie in ``path`` itself have no label.

    Raises
    ------
    CorpusError
        If ``path`` is no folder or holds no audio file.
    """
    files = audio_files(require_folder(path, INFO))
    first = next(files, None)
    if first is None:
        raise wrong_layout(path, INFO)
    name = options.name or path.resolve().name
    return (_item(file, path, name, options.language) for file in chain((first,), files))


def _item(file: Path, root: Path, corpus: str, language: str | None) -> CorpusItem:
    folders = file.relative_to(root).parts[:-1]
    return CorpusItem(
        file=file,
        corpus=corpus,
        label=folders[0] if folders else None,
        speaker=f"{corpus}:{folders[1]}" if len(folders) > 1 else None,
        language=language,
    )
