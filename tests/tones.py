"""Small made-up recordings whose label can be heard: a pitch for each label, a timbre for each speaker."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile as sf

SAMPLING_RATE = 16000
PITCH = {"boredom": 110.0, "panic": 330.0, "excitement": 240.0, "uncertainty": 170.0}


def tone(label: str, speaker: int, take: int, seconds: float = 0.6) -> np.ndarray:
    """Make one recording: float32, mono, 16 kHz."""
    rng = np.random.default_rng([speaker, take, *map(ord, label)])
    time = np.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    pitch = PITCH[label] * (1 + 0.02 * speaker) * (1 + 0.03 * np.sin(2 * np.pi * 3 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
    signal = sum(np.sin(h * phase) / h ** (1 + 0.1 * speaker) for h in range(1, 9))
    return (0.1 * signal + 0.005 * rng.normal(size=len(time))).astype(np.float32)


def write_folders(
    root: Path, labels: Sequence[str] = tuple(PITCH), speakers: int = 4, takes: int = 2, first_speaker: int = 0
) -> Path:
    """Write the folder corpus: ``<label>/<speaker>/<take>.wav``."""
    for label in labels:
        for speaker in range(first_speaker, first_speaker + speakers):
            folder = root / label / f"s{speaker}"
            folder.mkdir(parents=True, exist_ok=True)
            for take in range(takes):
                sf.write(folder / f"{take}.wav", tone(label, speaker, take), SAMPLING_RATE, subtype="PCM_16")
    return root
