"""Made-up recordings whose pitch is a number: a manifest of tones with arousal and valence."""

import csv
from pathlib import Path

import numpy as np
import soundfile as sf

SAMPLING_RATE = 16000


def write_tones(root: Path, speakers: int = 4, takes: int = 5, first_speaker: int = 0, labels: bool = True) -> Path:
    """Write tones and their manifest: arousal rises with pitch, valence falls; every third clip has no valence."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for speaker in range(first_speaker, first_speaker + speakers):
        for take in range(takes):
            arousal = 1 + 6 * (take + 0.15 * speaker) / (takes + 1)
            name = f"s{speaker}-{take}.wav"
            sf.write(root / name, _tone(arousal, speaker), SAMPLING_RATE, subtype="PCM_16")
            valence = "" if take % 3 == 2 else f"{8 - arousal:.3f}"
            row = {"file": name, "speaker": f"s{speaker}", "arousal": f"{arousal:.3f}", "valence": valence}
            rows.append(row | ({"label": "panic" if arousal > 4 else "boredom"} if labels else {}))
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def _tone(arousal: float, speaker: int) -> np.ndarray:
    rng = np.random.default_rng([speaker, int(1000 * arousal)])
    time = np.arange(8000 + 400 * speaker) / SAMPLING_RATE
    pitch = 110 * 2 ** ((arousal - 1) / 3)
    signal = sum(np.sin(2 * np.pi * h * pitch * time) / h ** (1 + 0.1 * speaker) for h in range(1, 6))
    return (0.1 * signal + 0.005 * rng.normal(size=len(time))).astype(np.float32)
