"""Clips that come with imported labels: their recordings are checked, and kept as any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from affexion_core.audio.decode import file_sha256
from affexion_core.corpora._item import CorpusItem
from affexion_core.errors import AffexionError, AudioError, LabelError, StoreError
from affexion_core.exchange._bundle import BundleClip
from affexion_core.ingest.recordings import checked
from affexion_core.labeling._export_audio import CUT_END, CUT_FROM, CUT_START
from affexion_core.types import Clip, clip_id
from affexion_core.workspace import Workspace


def brought_clips(
    workspace: Workspace, missing: Sequence[BundleClip], root: Path, keep: bool, refused: Mapping[str, str]
) -> Iterator[tuple[BundleClip, Clip | str]]:
    """Make clips of the recordings that came along, or say in a sentence why one can't be used.

    Parameters
    ----------
    missing
        Clips that the workspace doesn't have.
    root
        The folder that their files lie below; others are not looked at.
    keep
        Decode them, and copy them into the workspace; else only look whether they are there and unchanged.
    refused
        Contents (SHA-256) that were taken down, each with the sentence that says so.
    """
    for held in missing:
        try:
            if held.sha256 is not None and held.sha256 in refused:
                raise StoreError(refused[held.sha256])
            file = _within(root, held.file)
            if file is not None:
                yield held, _clip(workspace, held, file, keep)
        except AffexionError as error:
            yield held, str(error)


def _within(root: Path, name: str) -> Path | None:
    """Give the file of a clip; None if it isn't there. One that leads out of the folder is refused."""
    try:
        file = (root / name).resolve()
        inside = file.is_relative_to(root.resolve()) and not Path(name).is_absolute()
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise LabelError(f"The file {name!r} leads out of the folder; it is not read.")
    try:
        return file if file.is_file() else None
    except OSError:  # no disk takes such a name, so it isn't there
        return None


def _clip(workspace: Workspace, held: BundleClip, file: Path, keep: bool) -> Clip:
    if file_sha256(file) != held.sha256:
        raise AudioError(f"{held.file} isn't the recording that was exported, or was damaged on the way.")
    if held.id != _content_id(held):
        raise LabelError(f"The id {held.id!r} of {held.file} doesn't belong to its content.")
    item = CorpusItem(
        file=file,
        corpus=held.corpus or "imported",
        speaker=held.speaker,
        language=held.language,
        transcript=held.transcript,
        attributes=held.attributes,
        provenance=held.provenance,
    )
    if keep:
        found = checked(item, held.origin or "real", workspace, in_place=False)
        if found.clip is None:
            raise AudioError(found.problem)
        return replace(found.clip, id=held.id, start=held.start, end=held.end)
    return Clip(
        id=str(held.id),
        file=held.file,
        sha256=str(held.sha256),
        origin=held.origin or "real",
        corpus=item.corpus,
        duration=held.duration or 0.0,
        sampling_rate=held.sampling_rate or 0,
        channels=held.channels or 1,
    )


def _content_id(held: BundleClip) -> str:
    """Make the id that a clip must have, from its content or from that of the file it was cut from."""
    known = held.attributes
    if CUT_FROM not in known:
        return clip_id(held.sha256 or "", held.start, held.end)
    try:
        start, end = (float(known[name]) if known.get(name) else None for name in (CUT_START, CUT_END))
    except ValueError:
        return ""
    return clip_id(known[CUT_FROM], start, end)
