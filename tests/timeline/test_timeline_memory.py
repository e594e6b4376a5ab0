import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from small_study import make_study

from affexion_core.audio.decode import load_audio

pytestmark = pytest.mark.shared_audio

# Peaks are of a whole process: each length is followed in a process of its own.
FOLLOW = """
import resource, sys, time
from pathlib import Path
from affexion_core.predictor import Predictor
from affexion_core.timeline.recognising import recognise

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

predictor = Predictor.load(Path(sys.argv[1]))
recognise(predictor, Path(sys.argv[2]))
before, began = peak(), time.perf_counter()
made = recognise(predictor, Path(sys.argv[3]))
print(made.duration, len(made.segments), time.perf_counter() - began, peak(), peak() - before)
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return Path(make_study(tmp_path_factory.mktemp("memory")).trained.folder)


def recording(shared_audio: Path, path: Path, seconds: float) -> Path:
    """Write real sentences with pauses between them, over and over."""
    files = sorted((shared_audio / "cremad" / "AudioWAV").glob("10*.flac"))[:40]
    signals = [np.concatenate([load_audio(file).signal, np.zeros(16_000, np.float32)]) for file in files]
    with sf.SoundFile(path, "w", 16_000, 1, subtype="PCM_16") as out:
        place = 0
        while out.tell() < seconds * 16_000:
            out.write(signals[place % len(signals)])
            place += 1
    return path


def followed(run_folder: Path, warm: Path, path: Path) -> list[float]:
    """Give duration (s), segments, time (s), peak memory and what the recording added to it (MiB)."""
    command = [sys.executable, "-c", FOLLOW, str(run_folder), str(warm), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1800)
    return [float(word) for word in done.stdout.split()]


def test_three_minutes_take_little_memory(run_folder, shared_audio, tmp_path):
    warm = recording(shared_audio, tmp_path / "warm.wav", 20)
    duration, n, _, _, added = followed(run_folder, warm, recording(shared_audio, tmp_path / "long.wav", 180))
    assert duration >= 180 and n > 20
    # room for what allocators keep; whether the sound itself is held, only the two hours below can tell
    assert added < 40


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("minutes", [10, 120])
def test_memory_does_not_grow_with_the_length(run_folder, shared_audio, tmp_path, counted, minutes):
    warm = recording(shared_audio, tmp_path / "warm.wav", 20)
    path = recording(shared_audio, tmp_path / "long.wav", 60 * minutes)
    duration, n, seconds, most, added = followed(run_folder, warm, path)
    counted(
        f"timeline of {minutes} min, linear baseline",
        f"{n:.0f} segments in {seconds:.0f} s, {duration / seconds:.0f} × real time; peak {most:.0f} MiB, "
        f"{added:.0f} MiB of them for the recording",
    )
    assert added < 100  # two hours of float32 are 440 MiB
