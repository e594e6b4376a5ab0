"""Speech on disk for benchmarks, spoken once by the offline voice."""

from __future__ import annotations

import io
from pathlib import Path

import soundfile
import soxr


def spoken_clips(folder: Path, n: int, sampling_rate: int = 24_000) -> list[Path]:
    """Write ``n`` clips as 16-bit wav (the same each time), unless they are there; gives their paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{i:04d}.wav" for i in range(n)]
    if not all(path.is_file() for path in paths):
        from affexion_core.ingest.synthesizing import chosen_sentences
        from affexion_core.synthesis import espeak

        requests = espeak.plan(chosen_sentences(), -(-n // len(espeak.PROSODY)), espeak.Config(), seed=0)
        per_label = len(requests) // len(espeak.PROSODY)
        # label by label in turn, so that few clips are as mixed as many
        mixed = [request for take in range(per_label) for request in requests[take::per_label]]
        for path, wav in zip(paths, espeak.speak(mixed[:n]), strict=True):
            signal, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
            soundfile.write(path, soxr.resample(signal, rate, sampling_rate), sampling_rate, subtype="PCM_16")
    return paths
