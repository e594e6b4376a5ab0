"""Time from the last sample of a window to its result, eager and exported, and whether ten sessions at once keep up.

    python benchmarks/live.py --run RUN_FOLDER --speech FILE [--sessions 10] [--seconds 20]
    python benchmarks/live.py --ratios      (a short form: how much faster a step is, as JSON; makes a run of its own)

Sound is fed at the speed of speech in packets of 20 ms, as a browser sends it. The peer computes the same window the
usual way: librosa's MFCC, a window padded to 1000 frames, and the run's own model. One thread each. The run must have
the front-end ``mfcc``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import librosa
import numpy as np
import torch
from _speech import spoken_clips
from cold_start import made_run

from affexion_core.audio.decode import load_audio
from affexion_core.live.export import export_onnx, load_exported
from affexion_core.live.recogniser import LiveSettings, Recogniser
from affexion_core.live.resampling import Packet
from affexion_core.live.session import LiveSession, Snapshot
from affexion_core.predictor import Predictor

RATE, PACKET, PADDED = 16_000, 320, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="folder of a trained run")
    parser.add_argument("--speech", type=Path, help="a recording, which is repeated")
    parser.add_argument("--ratios", action="store_true", help="a short form: print ratios as JSON")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.ratios:
        print(json.dumps(_ratios()))
        return
    if not (options.run and options.speech):
        parser.error("name a run and a recording")
    export_onnx(options.run)
    eager, exported = Predictor.load(options.run), load_exported(options.run)
    clip = load_audio(options.speech).signal
    signal = np.resize(clip, int(options.seconds * RATE))
    _compare(eager, exported, signal)
    print(
        "\n| model | sessions | delay p50 | delay p99 | steps skipped | behind at the end |\n|---|---|---|---|---|---|"
    )
    for kind, predictor in (("eager", eager), ("exported", exported)):
        for n in sorted({1, options.sessions}):
            seen = _measured(predictor, signal, n)
            delays = np.array([r.delay for s in seen for r in s.readings[4:] if r.probs is not None]) * 1000
            skipped = sum(s.skipped for s in seen)
            steps = skipped + sum(len(s.readings) for s in seen)
            late = sum(s.behind for s in seen)
            p50, p99 = np.percentile(delays, [50, 99]) if len(delays) else (np.nan, np.nan)
            print(f"| {kind} | {n} | {p50:.0f} ms | {p99:.0f} ms | {skipped} of {steps} | {late} of {n} |", flush=True)


def _ratios() -> dict[str, float]:
    """Say how many times as fast steps are as the peer's, by computing alone, which a busy machine changes least."""
    with tempfile.TemporaryDirectory() as scratch:
        _, folder = made_run(Path(scratch) / "workspace")
        (file,) = spoken_clips(Path(scratch) / "clips", 1)
        signal = np.resize(load_audio(file).signal, 10 * RATE)
        times = _steps(Predictor.load(folder), load_exported(folder), signal, time.thread_time)
    base = np.median(times["librosa + padded eager"][8:])
    return {
        f"{kind} / librosa + padded": round(float(base / np.median(times[kind][8:])), 2) for kind in list(times)[:2]
    }


def _compare(eager: Predictor, exported: Predictor, signal: np.ndarray) -> None:
    times = _steps(eager, exported, signal)
    base = np.median(times["librosa + padded eager"][8:])
    print("| one step | p50 | p99 | against librosa + padded eager |\n|---|---|---|---|")
    for kind, found in times.items():
        p50, p99 = np.percentile(found[8:], [50, 99])
        print(f"| {kind} | {p50:.1f} ms | {p99:.1f} ms | {base / p50:.2f} × as fast |", flush=True)


def _steps(
    eager: Predictor, exported: Predictor, signal: np.ndarray, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Time steps of each in turn, in ms, so that a busy machine is busy for all."""
    recognisers = {
        kind: Recogniser(predictor, LiveSettings(speech_seconds=0))
        for kind, predictor in (("eager", eager), ("exported", exported))
    }
    n_window = round(recognisers["eager"].window_seconds * RATE)
    times: dict[str, list[float]] = {"eager": [], "exported": [], "librosa + padded eager": []}
    for at in range(0, len(signal) - 4000, 4000):
        for kind, recogniser in recognisers.items():
            begin = clock()
            recogniser.step(signal[at : at + 4000])
            times[kind].append(1000 * (clock() - begin))
        begin = clock()
        _peer(eager, signal[max(0, at + 4000 - n_window) : at + 4000])
        times["librosa + padded eager"].append(1000 * (clock() - begin))
    return times


def _peer(predictor: Predictor, window: np.ndarray) -> None:
    trained, given = predictor.models[0], predictor.front_ends[0].config
    mfcc = librosa.feature.mfcc(
        y=window, sr=RATE, n_mfcc=given.n_mfcc, n_fft=given.n_fft, hop_length=given.hop_length, n_mels=given.n_mels
    ).T
    n_features = len(trained.normalisation.means[0])
    features = np.concatenate(
        [mfcc, librosa.feature.delta(mfcc, axis=0), librosa.feature.delta(mfcc, axis=0, order=2)], 1
    )
    padded = np.zeros((1, PADDED, n_features), np.float32)
    padded[0, : len(features)] = features[:PADDED, :n_features]
    with torch.inference_mode():
        trained.model((torch.from_numpy(padded),), (torch.tensor([PADDED]),))


def _measured(predictor: Predictor, signal: np.ndarray, n_sessions: int) -> list[Snapshot]:
    sessions = [LiveSession(Recogniser(predictor, LiveSettings())) for _ in range(n_sessions)]
    players = [threading.Thread(target=_play, args=(session, signal)) for session in sessions]
    for player in players:
        player.start()
        time.sleep(0.25 / n_sessions)  # people don't begin in step
    for player in players:
        player.join()
    time.sleep(0.5)
    seen = [session.snapshot() for session in sessions]
    for session in sessions:
        session.stop()
    return seen


def _play(session: LiveSession, signal: np.ndarray) -> None:
    begin = time.monotonic()
    for first in range(0, len(signal), PACKET):
        wait = begin + (first + PACKET) / RATE - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        session.feed(Packet(signal[first : first + PACKET, None], RATE, first, time.monotonic()))


if __name__ == "__main__":
    main()
