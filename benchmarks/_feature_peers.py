"""What people would compute features with instead, each as its own documentation shows it; one thread each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

RATE, N_MFCC, HOP = 16_000, 25, 160

Peer = Callable[[Sequence[Path]], list[np.ndarray]]


def librosa_values(signal: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    """Compute what a script with librosa computes of a signal: ``(n_frames, 75)``."""
    import librosa

    mfcc = librosa.feature.mfcc(y=signal, sr=RATE, n_mfcc=N_MFCC, hop_length=HOP, **settings)
    return np.concatenate([mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]).T


def by_librosa(settings: Mapping[str, Any]) -> Peer:
    """Clip by clip: load at 16 kHz, MFCC, Δ, Δ²."""
    import librosa

    return lambda paths: [librosa_values(librosa.load(path, sr=RATE)[0], settings) for path in paths]


def other_peers(settings: Mapping[str, Any]) -> dict[str, Peer]:
    """List the peers that are installed and can be set so; openSMILE has its own features, the same each time."""
    found: dict[str, Peer] = {}
    if settings.get("win_length") == 400:
        if find_spec("kaldi_native_fbank"):
            found["kaldi-native-fbank"] = lambda paths: [_by_kaldi(path, settings) for path in paths]
        if find_spec("python_speech_features"):
            found["python_speech_features"] = lambda paths: [_by_psf(path, settings) for path in paths]
    if find_spec("opensmile"):
        found["openSMILE eGeMAPS, as nkululeko calls it"] = _by_opensmile
    return found


def _by_kaldi(path: Path, settings: Mapping[str, Any]) -> np.ndarray:
    import kaldi_native_fbank
    import librosa

    options = kaldi_native_fbank.MfccOptions()
    options.frame_opts.samp_freq, options.frame_opts.dither = RATE, 0
    options.frame_opts.frame_length_ms = 1000 * settings["win_length"] / RATE
    options.frame_opts.frame_shift_ms = 1000 * HOP / RATE
    options.mel_opts.num_bins, options.num_ceps = settings["n_mels"], N_MFCC
    computer = kaldi_native_fbank.OnlineMfcc(options)
    computer.accept_waveform(RATE, librosa.load(path, sr=RATE)[0])
    computer.input_finished()
    mfcc = np.array([computer.get_frame(i) for i in range(computer.num_frames_ready)]).T
    return np.concatenate([mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]).T


def _by_psf(path: Path, settings: Mapping[str, Any]) -> np.ndarray:
    import librosa
    import python_speech_features as psf

    signal = librosa.load(path, sr=RATE)[0]
    mfcc = psf.mfcc(
        signal, RATE, winlen=settings["win_length"] / RATE, winstep=HOP / RATE, numcep=N_MFCC,
        nfilt=settings["n_mels"], nfft=settings["n_fft"],
    )  # fmt: skip
    slopes = psf.delta(mfcc, 4)
    return np.concatenate([mfcc, slopes, psf.delta(slopes, 4)], axis=1)


def _by_opensmile(paths: Sequence[Path]) -> list[np.ndarray]:
    import opensmile
    import pandas as pd

    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals, num_workers=1
    )
    whole = [pd.Timedelta(0)] * len(paths), [pd.NaT] * len(paths)
    index = pd.MultiIndex.from_arrays([list(map(str, paths)), *whole], names=["file", "start", "end"])
    return [row[None] for row in smile.process_index(index).to_numpy()]
