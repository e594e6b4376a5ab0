"""Where the time of features goes: what bounds `benchmarks/features.py`, in seconds of computing on one thread.

    python benchmarks/features_profile.py [--clips FOLDER] [--n 24]

Per frame of 10 ms, the least of seven: decoding and its parts (which librosa's way has as well), our maths and its
parts, and librosa's maths on the same signals.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from _feature_peers import librosa_values
from _speech import spoken_clips
from _verbs import machine
from features import SETTINGS

from affexion_core.audio.decode import load_audio
from affexion_core.features import _fft, _mel, mfcc
from affexion_core.types import Utterance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder of wav files (default: they are spoken)")
    parser.add_argument("--n", type=int, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.clips or Path(scratch)
        paths = sorted(folder.rglob("*.wav"))[: options.n] if options.clips else spoken_clips(folder, options.n)
        raw = [soundfile.read(path, dtype="float32") for path in paths]
        signals = [load_audio(path).signal for path in paths]
        n_frames = sum(1 + len(signal) // 160 for signal in signals)
        print(f"{len(paths)} clips, {n_frames} frames; µs of computing a frame. {machine()}.\n\n| | µs |\n|---|---|")
        _row("decode and check", n_frames, lambda: [load_audio(path) for path in paths])
        _row("… libsndfile alone", n_frames, lambda: [soundfile.read(path, dtype="float32") for path in paths])
        _row("… soxr alone", n_frames, lambda: [soxr.resample(signal, rate, 16_000) for signal, rate in raw])
        for words, settings in SETTINGS.items():
            config = mfcc.Config(**settings)
            scale = mfcc._scale(config)
            utterances = [Utterance(signal, 16_000) for signal in signals]
            frames = np.ones((128, scale.n_fft), np.float32)
            out = np.empty((128, scale.n_fft // 2 + 1), np.complex64)
            n_blocks = n_frames // len(frames)
            power, bounds = _mel.mel_power(signals, scale)
            _row(f"maths, {words}", n_frames, lambda u=utterances, c=config: mfcc.extract_batch(u, c))
            _row("… to mel power", n_frames, lambda s=scale: _mel.mel_power(signals, s))
            transform = partial(_times, partial(_fft.rfft, frames, out), n_blocks)
            _row("… of it the transform alone", n_frames, transform)
            _row("… decibels", n_frames, lambda p=power, b=bounds: _mel.decibels(p, b))
            _row("librosa's maths", n_frames, lambda s=settings: [librosa_values(signal, s) for signal in signals], 3)


def _times(work: Callable[[], object], n: int) -> None:
    for _ in range(n):
        work()


def _row(name: str, n_frames: int, work: Callable[[], object], repeats: int = 7) -> None:
    taken = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    print(f"| {name} | {1e6 * min(taken) / n_frames:.2f} |", flush=True)


if __name__ == "__main__":
    main()
