"""How long features take, against what people would compute them with instead.

    python benchmarks/features.py [--clips FOLDER] [--n 280] [--repeats 5]

Clips of 24 kHz speech on disk (spoken by the offline voice, unless there is a folder of wav files) become 25 MFCC with
Δ and Δ² at 16 kHz. Every contender has one thread, but for ours on two cores; they take turns, so that a busy machine
is busy for all, and ratios are of one turn. Seconds of computing, over all threads, count no waiting for others.
"Maths alone" starts from decoded signals in memory; the second read copies every value out of the cache. openSMILE
takes so long that it gets every tenth clip, reckoned by seconds of speech.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from _feature_peers import by_librosa, librosa_values, other_peers
from _speech import spoken_clips
from _verbs import machine

from affexion_core.audio.decode import load_audio
from affexion_core.extraction import FrontEnd, features_of
from affexion_core.features import mfcc
from affexion_core.types import Clip, Utterance
from affexion_core.workspace import Workspace

SETTINGS: dict[str, dict[str, Any]] = {
    "n_fft 512, window 400, 40 mels": {"n_fft": 512, "win_length": 400, "n_mels": 40},
    "librosa's defaults (n_fft 2048, 128 mels)": {},
}
PLAIN, SIGNALS = "librosa, clip by clip", "maths alone: librosa"
OURS_1, OURS_2, OURS_SIGNALS, CACHED = "one core", "two cores", "maths alone", "second read from the cache"
_SLOW, _EVERY = "openSMILE", 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, help="folder of wav files (default: they are spoken)")
    parser.add_argument("--n", type=int, default=280)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--ratios", action="store_true", help="a short form: print ratios against librosa as JSON")
    options = parser.parse_args()
    n, repeats = (40, 7) if options.ratios else (options.n, options.repeats)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        paths = sorted(options.clips.rglob("*.wav"))[:n] if options.clips else spoken_clips(root / "clips", n)
        seconds = [soundfile.info(path).duration for path in paths]
        if options.ratios:
            times = measured(contenders(root, paths, SETTINGS[next(iter(SETTINGS))], False), repeats)
            print(json.dumps(guarded(times)))
            return
        rate = soundfile.info(paths[0]).samplerate
        print(f"{len(paths)} clips at {rate} Hz, {sum(seconds):.0f} s in all; {repeats} turns. {machine()}.")
        for words, settings in SETTINGS.items():
            times = measured(contenders(root, paths, settings, True), repeats, seconds)
            print(f"\n### {words}\n\n{table(times)}\n\n{differences(paths, settings)}", flush=True)


def contenders(
    root: Path, paths: Sequence[Path], settings: Mapping[str, Any], all_peers: bool
) -> dict[str, Callable[[], object]]:
    """Name what is timed; each may be called any number of times."""
    front_end = FrontEnd("mfcc", mfcc.Config(**settings))
    clips = [
        Clip(path.stem, str(path.resolve()), f"{i:064x}", "synthetic", "spoken", 1.0, 24_000)
        for i, path in enumerate(paths)
    ]
    signals = [load_audio(path).signal for path in paths]
    utterances = [Utterance(signal, 16_000) for signal in signals]
    filled = Workspace(root / "filled")
    features_of(filled, clips, front_end)
    plain = by_librosa(settings)
    found: dict[str, Callable[[], object]] = {
        PLAIN: lambda: plain(paths),
        SIGNALS: lambda: [librosa_values(signal, settings) for signal in signals],
        OURS_1: lambda: _on_one_core(lambda: features_of(_empty(root), clips, front_end, n_threads=1)),
        OURS_2: lambda: features_of(_empty(root), clips, front_end),
        OURS_SIGNALS: lambda: mfcc.extract_batch(utterances, front_end.config),
        CACHED: lambda: [np.array(values) for values in features_of(filled, clips, front_end)],
    }
    for name, peer in (other_peers(settings) if all_peers else {}).items():
        some = paths[::_EVERY] if name.startswith(_SLOW) else paths
        found[name] = lambda peer=peer, some=some: peer(some)
    return found


def _empty(root: Path) -> Workspace:
    workspace = Workspace(root / "empty")
    shutil.rmtree(workspace.features, ignore_errors=True)
    return workspace


def _on_one_core(work: Callable[[], object]) -> object:
    """Keep this thread, and those it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        return work()
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Taken:
    """Seconds of one call: wall time, and computing of all threads."""

    wall: float
    computing: float


def measured(
    work: Mapping[str, Callable[[], object]], repeats: int, seconds: Sequence[float] = ()
) -> dict[str, list[Taken]]:
    """Time all in turn, after a turn that doesn't count."""
    times: dict[str, list[Taken]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, call in work.items():
            begin, before = time.perf_counter(), time.process_time()
            call()
            share = sum(seconds[::_EVERY]) / sum(seconds) if name.startswith(_SLOW) else 1
            taken = Taken((time.perf_counter() - begin) / share, (time.process_time() - before) / share)
            if turn:
                times[name].append(taken)
    return times


def table(times: Mapping[str, Sequence[Taken]]) -> str:
    """Lay out seconds and ratios, each as median (least to greatest)."""
    slow = next((name for name in times if name.startswith(_SLOW)), None)
    lines = [
        "| | seconds | computing | times as fast as librosa | by computing | times as fast as openSMILE |",
        "|---|---|---|---|---|---|",
    ]
    for name, taken in times.items():
        ours = name in (OURS_1, OURS_2, OURS_SIGNALS, CACHED)
        base = times[SIGNALS if name in (SIGNALS, OURS_SIGNALS) else PLAIN]
        cells = [_spread([each.wall for each in taken], 3), _spread([each.computing for each in taken], 3)]
        cells += ["1", "1"] if base is taken else [_spread(ratios(base, taken)), _spread(ratios(base, taken, True))]
        cells.append(_spread(ratios(times[slow], taken)) if slow and ours and name != OURS_SIGNALS else "")
        lines.append(f"| {'Affexion, ' if ours else ''}{name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def ratios(base: Sequence[Taken], taken: Sequence[Taken], computing: bool = False) -> list[float]:
    """Divide turn by turn."""
    what = "computing" if computing else "wall"
    return [getattr(one, what) / getattr(other, what) for one, other in zip(base, taken, strict=True)]


def guarded(times: Mapping[str, Sequence[Taken]]) -> dict[str, float]:
    """Give the ratios that are watched, by name; by computing, which a busy machine changes least."""
    pairs = {OURS_2: PLAIN, OURS_SIGNALS: SIGNALS, CACHED: PLAIN}
    return {
        f"{name} / {base}, computing": round(statistics.median(ratios(times[base], times[name], True)), 2)
        for name, base in pairs.items()
    }


def _spread(values: Sequence[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def differences(paths: Sequence[Path], settings: Mapping[str, Any]) -> str:
    """Say how far our values are from librosa's, at most, over all clips."""
    config = mfcc.Config(**settings)
    ours = mfcc.extract_batch([Utterance(load_audio(path).signal, 16_000) for path in paths], config)
    theirs = by_librosa(settings)(paths)
    most = [
        max(float(np.abs(a[:, part] - b[:, part]).max()) for a, b in zip(ours, theirs, strict=True))
        for part in (slice(0, 25), slice(25, 50), slice(50, 75))
    ]
    return "Greatest difference from librosa's raw values, from file to features: " + ", ".join(
        f"{name} {value:.1e}" for name, value in zip(("MFCC", "Δ", "Δ²"), most, strict=True)
    )


if __name__ == "__main__":
    main()
