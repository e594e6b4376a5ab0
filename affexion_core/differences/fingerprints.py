"""What a recording sounds like, moment by moment, in a form that outlives coding, resampling, gain and trimming.

A fingerprint is a mel spectrum of the band that even a telephone keeps, without what level, microphone and codec add to
it: each band's mean over the clip, each frame's own level, and all that changes slower than 0.3 s are taken away. What
is left is the fine texture of one performance, which nobody repeats, not even the same speaker with the same words.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from affexion_core.audio.decode import VERSION as DECODER
from affexion_core.errors import AudioError, StoreError
from affexion_core.extraction import utterance_of
from affexion_core.features._mel import MelScale, mel_basis
from affexion_core.types import Clip, Progress, no_progress
from affexion_core.workspace import Workspace

# Counts up when the numbers change; part of the cache's name.
_VERSION = 1
SAMPLING_RATE = 16_000
HOP_SECONDS = 0.02
N_BANDS = 48
_SCALE = MelScale(SAMPLING_RATE, 2048, round(HOP_SECONDS * SAMPLING_RATE), N_BANDS, 100.0, 3400.0)
LONGEST_SECONDS = 20.0
"""Two recordings that agree for so long are one."""
_ACTIVE_DB, _FLOOR_DB = 25.0, 40.0
_SLOW = 15  # frames: changes slower than this many are taken away
LEAST_FRAMES = 16
"""Fewer frames with sound (0.3 s) say too little to tell two recordings apart."""
_BLOCK = 64


def fingerprint(signal: np.ndarray) -> np.ndarray | None:
    """Compute the fingerprint of a signal.

    Parameters
    ----------
    signal
        Mono float ``(n_samples,)`` at 16 kHz; the first 20 s count.

    Returns
    -------
    ndarray or None
        float16 ``(n_frames, 48)``, a frame every 20 ms, in dB; all 0 in frames without sound. None where fewer than
        `LEAST_FRAMES` have sound.
    """
    decibels = _decibels(signal[: round(LONGEST_SECONDS * SAMPLING_RATE)])
    level = 10 * np.log10(np.power(10, decibels / 10).mean(axis=1))
    active = (level > level.max() - _ACTIVE_DB) & (level > -75.0)
    if active.sum() < LEAST_FRAMES:
        return None
    from scipy.ndimage import uniform_filter1d

    texture = np.maximum(decibels, decibels.max() - _FLOOR_DB)
    texture -= texture[active].mean(axis=0)
    texture -= texture.mean(axis=1, keepdims=True)
    texture -= uniform_filter1d(texture, _SLOW, axis=0)
    return (texture * active[:, None]).astype(np.float16)


def _decibels(signal: np.ndarray) -> np.ndarray:
    """Mel bands in dB, float32 ``(n_frames, 48)``."""
    import scipy.fft

    clean = np.nan_to_num(signal.astype(np.float32), posinf=1.0, neginf=-1.0)
    padded = np.pad(clean, _SCALE.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SCALE.n_fft)[:: _SCALE.hop_length]
    window = np.hanning(_SCALE.n_fft).astype(np.float32)
    basis, rows = mel_basis(_SCALE), []
    for first in range(0, len(frames), 128):
        spectrum = scipy.fft.rfft(frames[first : first + 128] * window, axis=1)
        rows.append((np.square(spectrum.real) + np.square(spectrum.imag)) @ basis.T)
    return 10 * np.log10(np.concatenate(rows) + 1e-10)


def fingerprints_of(
    workspace: Workspace, clips: Sequence[Clip], progress: Progress = no_progress
) -> list[np.ndarray | None]:
    """Get the fingerprints of clips, from the cache where they are there, else computed.

    None stands for a clip that can't be decoded or has too little sound to compare.

    Raises
    ------
    StoreError
        If the cache can't be written.
    """
    folder = workspace.features / f"fingerprint-{_VERSION}.{DECODER}"
    found: list[np.ndarray | None] = []
    with ThreadPoolExecutor(2, thread_name_prefix="fingerprint") as pool:
        for first in range(0, len(clips), _BLOCK):
            block = clips[first : first + _BLOCK]
            found += pool.map(lambda clip: _kept_or_made(workspace, folder, clip), block)
            progress(len(found), len(clips), "comparing recordings")
    return found


def _kept_or_made(workspace: Workspace, folder: Path, clip: Clip) -> np.ndarray | None:
    path = folder / clip.id[:2] / f"{clip.id}.npy"
    array = _read(path)
    if array is None:
        try:
            made = fingerprint(utterance_of(workspace, clip).signal)
        except AudioError:
            return None
        array = np.zeros((0, N_BANDS), np.float16) if made is None else made
        _write(path, array)
    return array if len(array) else None


def _read(path: Path) -> np.ndarray | None:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == N_BANDS
    return array if sound and array.dtype == np.float16 else None


def _write(path: Path, array: np.ndarray) -> None:
    """Write a file that appears complete or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            np.save(file, array, allow_pickle=False)
        os.replace(file.name, path)
    except OSError as error:
        raise StoreError(
            f"Fingerprints can't be kept in {path.parent} ({error.strerror}); free some space, or make it writable."
        ) from error
