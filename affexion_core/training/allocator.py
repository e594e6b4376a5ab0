"""The C library's memory allocator, told to keep what a training frees.

A batch's tensors are as large as those of the batch before. By default glibc gives large blocks back to the kernel when
they are freed, and gets fresh, zeroed pages for the next batch, at a multiple of the cost of using the old ones.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Parameters of mallopt(3), from malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_KEPT = 1 << 30
_GROWTH = 64 << 20
_TUNABLES = "GLIBC_TUNABLES"


def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory for its own use, for as long as it lives.

    For processes that train and end. Elsewhere than with glibc nothing is done.

    Returns
    -------
    bool
        Whether the allocator was told so.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all([mallopt(_MMAP_MAX, 0), mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_TOP_PAD, _GROWTH)])


def allocator_environment() -> dict[str, str]:
    """Give the environment for starting a process that is to use `keep_freed_memory`.

    A tensor's memory is aligned, and what is left over before it goes to the cache of small blocks of its thread, where
    it parts the neighbouring free blocks for good: a second tensor of the size of the first doesn't fit into its place,
    and the memory of a process that only ever frees what it took grows. Without that cache it doesn't. It can be turned
    off before a process starts alone.
    """
    if platform.libc_ver()[0] != "glibc":
        return {}
    return {_TUNABLES: ":".join(filter(None, (os.environ.get(_TUNABLES), "glibc.malloc.tcache_count=0")))}
