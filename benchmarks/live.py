"""Time from the last sample of a window to its result, and whether ten sessions at once keep up.

    python benchmarks/live.py --run RUN_FOLDER --speech FILE [--exported] [--sessions 10] [--seconds 20]

Sound is fed at the speed of speech in packets of 20 ms, as a browser sends it. ``--exported``: by the run's ONNX files.
"""

from __future__ import annotations

import argparse
import os
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from affexion_core.audio.decode import load_audio
from affexion_core.live.export import load_exported
from affexion_core.live.recogniser import LiveSettings, Recogniser
from affexion_core.live.resampling import Packet
from affexion_core.live.session import LiveSession, Snapshot
from affexion_core.predictor import Predictor

RATE, PACKET = 16_000, 320


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a trained run")
    parser.add_argument("--speech", type=Path, required=True, help="a recording, which is repeated")
    parser.add_argument("--exported", action="store_true", help="ONNX Runtime instead of PyTorch")
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    predictor = (load_exported if options.exported else Predictor.load)(options.run)
    clip = load_audio(options.speech).signal
    signal = np.tile(clip, int(options.seconds * RATE // len(clip)) + 1)[: int(options.seconds * RATE)]
    kind = "exported" if options.exported else "eager"
    print("| model | sessions | delay p50 | delay p99 | steps skipped | behind at the end |\n|---|---|---|---|---|---|")
    for n in sorted({1, options.sessions}):
        seen = _measured(predictor, signal, n)
        delays = np.array([r.delay for s in seen for r in s.readings[4:] if r.probs is not None]) * 1000
        skipped = sum(s.skipped for s in seen)
        steps = skipped + sum(len(s.readings) for s in seen)
        late = sum(s.behind for s in seen)
        p50, p99 = np.percentile(delays, [50, 99])
        print(f"| {kind} | {n} | {p50:.0f} ms | {p99:.0f} ms | {skipped} of {steps} | {late} of {n} |", flush=True)


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
