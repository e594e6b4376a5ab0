"""Recordings in an export: originals copied, spans cut without loss, and what their licences forbid."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affexion_core.audio.decode import file_sha256
from affexion_core.errors import AudioError, StoreError
from affexion_core.exchange._bundle import Bundle, BundleClip
from affexion_core.types import Clip, Progress
from affexion_core.workspace import Workspace

# What says of a cut clip which part of which file it was; from these its id can be made again.
CUT_FROM, CUT_START, CUT_END = "cut_from", "cut_start", "cut_end"
_FORBIDS = (
    (r"\bND\b|no.?deriv", "changes, such as cutting or adding noise, may not be passed on"),
    (r"\bNC\b|non.?commercial", "it may not be used to earn money"),
    (r"no redistribution|not be redistributed|by agreement|agreement with", "it may not be passed on"),
)
# Kinds whose samples are whole numbers, and what they are written as.
_WHOLE = {"PCM_S8": "PCM_U8", "PCM_U8": "PCM_U8", "PCM_16": "PCM_16", "PCM_24": "PCM_24", "PCM_32": "PCM_32"}


@dataclass(frozen=True)
class Restricted:
    """A clip whose licence forbids something: its name in the export, the licence, and what it forbids in words."""

    clip: str
    file: str
    licence: str
    forbids: str


def restricted_clips(bundle: Bundle) -> tuple[Restricted, ...]:
    """List the clips whose licence, as recorded, forbids passing on, changing, or earning."""
    found = []
    for clip in bundle.clips:
        licence = clip.provenance.licence or ""
        forbids = [words for pattern, words in _FORBIDS if re.search(pattern, licence, re.IGNORECASE)]
        if forbids:
            found.append(Restricted(clip.key, clip.file, licence, "; ".join(forbids)))
    return tuple(found)


def with_audio(
    workspace: Workspace,
    bundle: Bundle,
    clips: Mapping[str, Clip],
    files: Mapping[str, str],
    folder: Path,
    progress: Progress,
) -> tuple[Bundle, int, list[str]]:
    """Put the recordings of a bundle's clips into a folder.

    Parameters
    ----------
    clips, files
        The clips by id, and the name that each gets below the folder.

    Returns
    -------
    The bundle with the clips as they are there (a cut span is a file of its own, and its attributes say of which it
    was a part), how many recordings went along, and sentences about those that couldn't.
    """
    made, notes, n_files = [], [], 0
    progress(0, len(bundle.clips), "Copying recordings")
    for number, held in enumerate(bundle.clips, start=1):
        clip = clips[held.key]
        target = folder / files[clip.id]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.append(_placed(workspace, clip, replace(held, file=files[clip.id]), target))
            n_files += 1
        except (AudioError, StoreError) as error:
            target.unlink(missing_ok=True)
            made.append(held)
            notes.append(f"Clip {clip.id} goes without its recording. {error}")
        progress(number, len(bundle.clips), "Copying recordings")
    return replace(bundle, clips=tuple(made)), n_files, notes


def _placed(workspace: Workspace, clip: Clip, held: BundleClip, target: Path) -> BundleClip:
    source = workspace.clip_path(clip)
    if clip.start is not None or clip.end is not None:
        cut_span(source, clip.start or 0.0, clip.end, target)
        origin = {CUT_FROM: clip.sha256, CUT_START: _written(clip.start), CUT_END: _written(clip.end)}
        return replace(held, sha256=file_sha256(target), start=None, end=None, attributes={**clip.attributes, **origin})
    if not source.is_file():
        raise AudioError(f"{source.name} does not exist in {source.parent}.")
    digest = hashlib.sha256()
    with source.open("rb") as stream, target.open("xb") as copy:
        while block := stream.read(1 << 20):
            digest.update(block)
            copy.write(block)
    if digest.hexdigest() != clip.sha256:
        raise AudioError(f"{source.name} has changed since it was imported; import it again.")
    shutil.copymode(source, target)
    return held


def _written(seconds: float | None) -> str:
    return "" if seconds is None else repr(seconds)


def cut_span(source: Path, start: float, end: float | None, target: Path) -> None:
    """Write a part of a recording as WAV, with all its channels, at its rate, and sample by sample as it is.

    Whole-number samples keep their size; what is decoded to fractions (mp3, m4a, …) is written as 32-bit float.

    Raises
    ------
    AudioError
        If it can't be decoded, or nothing lies there.
    """
    import soundfile

    try:
        with soundfile.SoundFile(source) as sound:
            rate, kind = sound.samplerate, _WHOLE.get(sound.subtype)
            first = round(start * rate)
            last = sound.frames if end is None else min(sound.frames, round(end * rate))
            if not 0 <= first < last:
                raise AudioError(f"{source.name} holds no sound from {start:.2f} s on; check the span.")
            sound.seek(first)
            whole = kind is not None and sound.format in ("WAV", "WAVEX", "FLAC", "AIFF", "AU", "CAF", "RF64")
            samples = sound.read(last - first, dtype="int32" if whole else "float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError) as error:
        if isinstance(error, soundfile.LibsndfileError) and source.is_file():
            rate, samples, whole, kind = *_decoded(source, start, end), False, None
        else:
            raise AudioError(f"{source.name} can't be read ({error}).") from error
    if whole:
        soundfile.write(target, samples, rate, subtype=kind, format="WAV")
        return
    from scipy.io import wavfile

    # not by libsndfile, which writes the time of day into WAV files with fractions
    wavfile.write(target, rate, np.ascontiguousarray(samples, dtype=np.float32))


def _decoded(source: Path, start: float, end: float | None) -> tuple[int, np.ndarray]:
    """Decode a span that libsndfile can't read, with FFmpeg's libraries."""
    from affexion_core.audio import _pyav
    from affexion_core.audio._stream import DecodingError
    from affexion_core.audio.sniff import sniff

    try:
        with source.open("rb", buffering=0) as file:
            container = sniff(file, source.name)
            with _pyav.open_stream(file, container.demuxer) as stream:
                blocks = list(stream.blocks(start, end))
                rate = stream.sampling_rate
    except (DecodingError, OSError) as error:
        raise AudioError(f"{source.name} can't be decoded ({error}).") from error
    if not blocks:
        raise AudioError(f"{source.name} holds no sound from {start:.2f} s on; check the span.")
    return rate, np.concatenate(blocks)
