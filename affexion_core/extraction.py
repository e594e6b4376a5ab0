"""Features of clips, computed once and kept in the workspace's cache.

A cache file is named by the clip's content and by everything that decides the numbers, so it never goes stale; the
whole folder may be deleted at any time.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from affexion_core.audio import decode, preprocessing
from affexion_core.audio.preprocessing import PreprocessingConfig, preprocess
from affexion_core.config import config_hash
from affexion_core.discovery import load_plugin
from affexion_core.errors import AudioError, ConfigError, StoreError
from affexion_core.types import Clip, Progress, Utterance, no_progress, normalised_text
from affexion_core.workspace import Workspace

# Clips decoded and extracted together: enough to keep the threads busy, little enough memory (a minute of speech each
# would be 60 MB).
_BLOCK = 16

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class FrontEnd:
    """A feature plug-in by name, its settings (an instance of the plug-in's ``Config``), and what comes before it."""

    name: str
    config: Any
    preprocessing: PreprocessingConfig = PreprocessingConfig()


@dataclass(frozen=True)
class Change:
    """A change to clips before features are computed, the same each time; ``key`` tells it apart in the cache."""

    key: str
    apply: Callable[[Clip, Utterance], Utterance]


def n_features(front_end: FrontEnd) -> int:
    """Count the numbers per frame that a front-end gives."""
    return load_plugin("features", front_end.name).n_features(front_end.config)


def reads_transcript(front_end: FrontEnd) -> bool:
    """Say whether a front-end reads transcripts and hears nothing."""
    return getattr(load_plugin("features", front_end.name), "READS", "signal") == "transcript"


def needs_transcript(front_ends: Iterable[FrontEnd]) -> bool:
    """Say whether one of the front-ends can't do without a transcript."""
    return any(reads_transcript(each) and each.config.missing == "error" for each in front_ends)


def check_transcripts(clips: Iterable[Clip], front_ends: Iterable[FrontEnd]) -> None:
    """Refuse clips without a transcript where a front-end can't do without.

    Raises
    ------
    ConfigError
        Naming the first of them.
    """
    if not needs_transcript(front_ends):
        return
    distinct = {clip.id: clip for clip in clips}
    lacking = [key for key, clip in distinct.items() if normalised_text(clip.transcript) is None]
    if lacking:
        shown = ", ".join(lacking[:5]) + (", …" if len(lacking) > 5 else "")
        raise ConfigError(
            f"{len(lacking)} of {len(distinct)} clips have no transcript, and this recipe reads it: {shown}. Import "
            "transcripts, transcribe the clips, or set missing to empty.",
            change=("settings",),
        )


def extracted(front_end: FrontEnd, utterances: Sequence[Utterance]) -> list[np.ndarray]:
    """Preprocess utterances and compute their features, float32 ``(n_frames, n_features)`` each: the only way to both.

    Raises
    ------
    AudioError
        If an utterance doesn't fit the front-end.
    """
    heard = [_preprocessed(utterance, front_end.preprocessing) for utterance in utterances]
    return load_plugin("features", front_end.name).extract_batch(heard, front_end.config)


def _preprocessed(utterance: Utterance, config: PreprocessingConfig) -> Utterance:
    if config.does_nothing:
        return utterance
    signal = preprocess(utterance.signal, utterance.sampling_rate, config).signal
    return Utterance(signal, utterance.sampling_rate, utterance.transcript)


def utterance_of(workspace: Workspace, clip: Clip) -> Utterance:
    """Decode a clip to what front-ends see.

    Raises
    ------
    AudioError
        If its file can't be decoded; the message names the clip.
    """
    try:
        decoded = decode.load_audio(workspace.clip_path(clip), clip.start, clip.end)
    except AudioError as error:
        raise AudioError(f"Clip {clip.id}: {error}") from error
    return Utterance(decoded.signal, decoded.sampling_rate, clip.transcript)


@dataclass(frozen=True)
class FeatureFile:
    """One clip's features in the cache, ``shape`` ``(n_frames, n_features)``; read when frames are asked for."""

    path: Path
    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, frames: slice) -> np.ndarray:
        """Read frames: float32 ``(n, n_features)``, read-only. `StoreError` if the file is gone, or is another."""
        array = _load(self.path, self.shape[1], mapped=True)
        if array is None or len(array) != len(self):
            raise StoreError(f"{self.path} was deleted or changed while it was in use; resume the run.")
        return array[frames]


def feature_files(
    workspace: Workspace,
    clips: Sequence[Clip],
    front_end: FrontEnd,
    progress: Progress = no_progress,
    n_threads: int = 2,
    change: Change | None = None,
) -> list[FeatureFile]:
    """Get the features of clips as files of the cache, so that any number of hours takes little memory.

    For parameters and errors see `features_of`.
    """
    width = n_features(front_end)

    def opened(path: Path, n_found: int) -> FeatureFile | None:
        array = _load(path, width, mapped=True)
        return None if array is None else FeatureFile(path, (len(array), width))

    def made(path: Path, computed: np.ndarray, n_found: int) -> FeatureFile:
        return FeatureFile(path, (len(computed), width))

    return _through_cache(workspace, clips, front_end, progress, n_threads, change, opened, made)


def features_of(
    workspace: Workspace,
    clips: Sequence[Clip],
    front_end: FrontEnd,
    progress: Progress = no_progress,
    n_threads: int = 2,
    change: Change | None = None,
) -> list[np.ndarray]:
    """Get the features of clips, from the cache where they are there and sound, else computed.

    Parameters
    ----------
    workspace
        Where the clips' files and the cache lie.
    clips
        In any order; a clip may stand there twice.
    front_end
        What to compute.
    progress
        Called from this thread with the number of different clips done.
    n_threads
        Threads that decode (and change) clips while features are computed.
    change
        What is done to each clip before; None for clips as they are.

    Returns
    -------
    list of ndarray
        In the order of ``clips``: float32 ``(n_frames, n_features)``, read-only, memory-mapped as far as the
        process may hold files open. For clips of many hours see `feature_files`.

    Raises
    ------
    AudioError, ConfigError
        If a clip can't be decoded, or lacks the transcript that is read. What was computed before stays in the cache.
    StoreError
        If the cache can't be written.

    Notes
    -----
    Several processes may do this at once: a file appears complete or not at all, and all write the same.
    """
    width, room = n_features(front_end), _room_for_maps()

    def opened(path: Path, n_found: int) -> np.ndarray | None:
        return _load(path, width, mapped=n_found < room)

    def made(path: Path, computed: np.ndarray, n_found: int) -> np.ndarray:
        saved = opened(path, n_found)
        return computed if saved is None else saved

    return _through_cache(workspace, clips, front_end, progress, n_threads, change, opened, made)


def _through_cache(
    workspace: Workspace,
    clips: Sequence[Clip],
    front_end: FrontEnd,
    progress: Progress,
    n_threads: int,
    change: Change | None,
    opened: Callable[[Path, int], _Found | None],
    made: Callable[[Path, np.ndarray, int], _Found],
) -> list[_Found]:
    """Give what ``opened`` makes of a sound cache file, else ``made`` of new features; both get the number before."""
    check_transcripts(clips, (front_end,))
    folder = _folder(workspace, front_end, change)
    distinct = {clip.id: clip for clip in clips}
    found: dict[str, _Found] = {}
    for key, clip in distinct.items():
        there = opened(_path(folder, clip, front_end), len(found))
        if there is not None:
            found[key] = there
    missing = [clip for key, clip in distinct.items() if key not in found]
    progress(len(found), len(distinct), "features")
    for block, arrays in _computed(workspace, missing, front_end, n_threads, change):
        for clip, computed in zip(block, arrays, strict=True):
            path = _path(folder, clip, front_end)
            _save(path, computed)
            found[clip.id] = made(path, computed, len(found))
        progress(len(found), len(distinct), "features")
    return [found[clip.id] for clip in clips]


def _computed(
    workspace: Workspace, clips: Sequence[Clip], front_end: FrontEnd, n_threads: int, change: Change | None
) -> Iterator[tuple[Sequence[Clip], list[np.ndarray]]]:
    """Yield blocks of clips with their features, decoding the next block meanwhile."""
    blocks = [clips[first : first + _BLOCK] for first in range(0, len(clips), _BLOCK)]
    with ThreadPoolExecutor(n_threads, thread_name_prefix="decode") as pool:

        def start(block: Sequence[Clip]) -> list[Future[Utterance]]:
            if reads_transcript(front_end):
                return [pool.submit(_read, clip) for clip in block]
            return [pool.submit(_heard, workspace, clip, change) for clip in block]

        pending = start(blocks[0]) if blocks else []
        try:
            for i, block in enumerate(blocks):
                utterances = [future.result() for future in pending]
                pending = start(blocks[i + 1]) if i + 1 < len(blocks) else []
                yield block, extracted(front_end, utterances)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _read(clip: Clip) -> Utterance:
    return Utterance(np.zeros(1, np.float32), 16_000, clip.transcript)


def _heard(workspace: Workspace, clip: Clip, change: Change | None) -> Utterance:
    utterance = utterance_of(workspace, clip)
    return utterance if change is None else change.apply(clip, utterance)


def cache_path(workspace: Workspace, clip: Clip, front_end: FrontEnd) -> Path:
    """Say where the cache keeps a clip's features, whether they are there or not."""
    return _path(_folder(workspace, front_end, None), clip, front_end)


def _folder(workspace: Workspace, front_end: FrontEnd, change: Change | None) -> Path:
    plugin = load_plugin("features", front_end.name)
    before = () if front_end.preprocessing.does_nothing else (front_end.preprocessing, preprocessing.VERSION)
    # what names a file elsewhere, such as an encoder, counts by that file's content
    decided_by = plugin.identity(front_end.config) if hasattr(plugin, "identity") else front_end.config
    settings = config_hash(decided_by, plugin.VERSION, decode.VERSION, *before)
    return workspace.features / f"{front_end.name}-{settings}{f'-{change.key}' if change else ''}"


def _path(folder: Path, clip: Clip, front_end: FrontEnd) -> Path:
    if not re.fullmatch(r"[\w-]+", clip.id, re.ASCII):
        raise StoreError(f"Clip {clip.id!r} has an id that can't be a file name; import it again.")
    # a clip's id stands for its sound; its transcript may be corrected
    key = config_hash(clip.transcript) if reads_transcript(front_end) else clip.id
    return folder / key[:2] / f"{key}.npy"


def _save(path: Path, array: np.ndarray) -> None:
    """Write a file that appears complete or not at all."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = file.name
            np.save(file, array, allow_pickle=False)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise StoreError(
            f"Features can't be kept in {path.parent} ({error.strerror}); free some space, or make it writable."
        ) from error


def _load(path: Path, width: int, mapped: bool) -> np.ndarray | None:
    """Open a cache file; None where it is missing or damaged."""
    try:
        array = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != width:
        return None
    array.flags.writeable = False
    return array


def _room_for_maps() -> int:
    """Count the maps this process may hold; each keeps a file open.

    Half of what it may open is left to sockets and databases. Features beyond that are read into memory.
    """
    try:
        import resource

        in_use = len(os.listdir("/dev/fd"))
    except (ImportError, OSError):  # another kind of system: its limit is unknown
        return 0
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if most == resource.RLIM_INFINITY else most // 2 - in_use
