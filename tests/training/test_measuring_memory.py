"""Running a model over clips takes memory by what is kept of them, not by how many there are."""

import platform
import subprocess
import sys

import pytest

# Runs a model over clips of 3 to 12 s, of which the first 64 MB stay in memory, and tells by how many MB it grew.
MEASURING = """
import sys
from pathlib import Path
import numpy as np
import torch
from affexion_core.models.linear import Config, Model
from affexion_core.training import batches
from affexion_core.training.allocator import keep_freed_memory
from affexion_core.training.forward import outputs_of
from affexion_core.training.run_config import InputConfig

frames = np.random.default_rng(0).normal(size=(1201, 75)).astype(np.float32)

class File:
    def __init__(self, n):
        self.shape = (n, 75)
    def __len__(self):
        return self.shape[0]
    def __getitem__(self, chosen):
        return frames[: len(self)][chosen]

def own_memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024

torch.set_num_threads(1)
assert keep_freed_memory()
batches._KEPT = 64 << 20
lengths = np.random.default_rng(1).integers(300, 1200, int(sys.argv[1]))
normalisation = batches.Normalisation((frames.mean(0),), (frames.std(0),))
clips = batches.Prepared([(File(n),) for n in lengths], InputConfig(), normalisation)
before = own_memory()
outputs_of(Model(Config(), (75,), 4), clips)
print(own_memory() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_measuring_many_clips_takes_no_more_memory_than_few():
    """The clips that are kept and two batches of 16 clips of 10 s; shortest first, it was 220 MB."""
    done = subprocess.run([sys.executable, "-c", MEASURING, "2000"], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 64 + 64
