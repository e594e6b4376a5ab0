"""Freed memory is used again without asking the kernel for it, once a process has asked for that."""

import os
import platform
import subprocess
import sys

import pytest

from affexion_core.training.allocator import allocator_environment

PROBE = """
import resource, sys
import torch
from affexion_core.training.allocator import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(50_000_000 // 4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

torch.ones(10)
told = keep_freed_memory() if sys.argv[1] == "kept" else None
faults()
print(told, max(faults() for _ in range(5)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_the_second_batch_uses_the_pages_of_the_first():
    def probe(how: str, environment: dict[str, str]) -> tuple[str, int]:
        command, environment = [sys.executable, "-c", PROBE, how], {**os.environ, **environment}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        told, faults = done.stdout.split()
        return told, int(faults)

    n_pages = 50_000_000 // 4096
    given_back, kept = probe("given back", {}), probe("kept", allocator_environment())
    assert given_back[0] == "None" and given_back[1] > n_pages / 600  # pages of 2 MB where the kernel has them
    assert kept[0] == "True" and kept[1] < 5


def test_settings_of_the_machine_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.perturb=7")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    assert allocator_environment() == {"GLIBC_TUNABLES": "glibc.malloc.perturb=7:glibc.malloc.tcache_count=0"}
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert allocator_environment() == {}
