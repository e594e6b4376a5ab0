"""Check recordings by decoding them, and keep the originals in the workspace, named by content."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from affexion_core.audio.decode import file_sha256
from affexion_core.audio.isolated import check_audio
from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import AudioError, StoreError
from affexion_core.types import Clip, Origin, clip_id
from affexion_core.workspace import Workspace


@dataclass(frozen=True)
class Checked:
    """A recording that decodes, as a clip; or why it doesn't."""

    item: CorpusItem
    clip: Clip | None
    problem: str = ""
    warnings: tuple[str, ...] = ()


def checked(
    item: CorpusItem,
    origin: Origin,
    workspace: Workspace,
    in_place: bool,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> Checked:
    """Decode one recording, put its file in place, and make its clip. Safe to call from several threads.

    ``refused`` says in a sentence why a content (SHA-256) may not come in; nothing of such a recording is kept.

    Raises
    ------
    StoreError
        If the workspace can't take the file.
    """
    try:
        decoded = check_audio(item.file, item.start, item.end)
        sha256 = file_sha256(item.file)
    except AudioError as error:
        return Checked(item, None, str(error))
    if sha256 in refused:
        return Checked(item, None, refused[sha256])
    kept = item.file.resolve() if in_place else keep_original(item.file, sha256, workspace)
    split = {"split": item.split} if item.split else {}
    clip = Clip(
        id=clip_id(sha256, item.start, item.end),
        file=str(kept) if in_place else kept.relative_to(workspace.root).as_posix(),
        sha256=sha256,
        origin=origin,
        corpus=item.corpus,
        duration=decoded.duration,
        sampling_rate=decoded.original_rate,
        channels=decoded.original_channels,
        start=item.start,
        end=item.end,
        speaker=item.speaker,
        language=item.language,
        transcript=item.transcript,
        attributes={**item.attributes, **split},
        provenance=item.provenance,
    )
    return Checked(item, clip, warnings=decoded.warnings)


def keep_original(file: Path, sha256: str, workspace: Workspace) -> Path:
    """Copy a recording to ``audio/<aa>/<sha256>.<suffix>``, all of it or nothing; one that is there is left alone.

    Raises
    ------
    StoreError
        If it can't be written.
    """
    target = workspace.audio / sha256[:2] / f"{sha256}{file.suffix.lower()}"
    part = target.with_name(f".{sha256[:16]}.{uuid.uuid4().hex}.part")
    try:
        if target.is_file() and target.stat().st_size == file.stat().st_size:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("rb") as source, part.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                # The database says that the file is there: that must hold after a power cut as well.
                os.fsync(copy.fileno())
            os.replace(part, target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{file.name} can't be copied into the workspace {workspace.root} ({error.strerror}); what was imported "
            "before is safe. Make room or check permissions, then import again: it goes on where it stopped."
        ) from error
    return target
