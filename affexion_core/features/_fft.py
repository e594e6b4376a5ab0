"""SciPy's real transform without the rest of SciPy.

``import scipy.fft`` brings in much that a transform doesn't need (special functions, test tools, Fortran bindings): a
third of a second and 25 MB, more than all else that one file's features take. So its extension module is loaded alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

_Transform = Callable[[np.ndarray, np.ndarray], np.ndarray]


def rfft(frames: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Transform rows: float32 ``(n, size)`` into ``out``, complex64 ``(n, size // 2 + 1)``, which is given back.

    Bit for bit ``scipy.fft.rfft``, which has no ``out``: fresh memory for each block takes longer than its transform.
    """
    return _transform()(frames, out)


@cache
def _transform() -> _Transform:
    return _of_the_extension() or _of_the_package()


def _of_the_extension() -> _Transform | None:
    """Find the extension module; None where this SciPy keeps it elsewhere, or it computes something else."""
    package = find_spec("scipy")
    folders = (package.submodule_search_locations or ()) if package else ()
    files = [Path(folder, "fft", "_pocketfft", f"pypocketfft{end}") for folder in folders for end in EXTENSION_SUFFIXES]
    tone = np.cos(np.arange(32, dtype=np.float32)).reshape(2, 16)
    for file in files:
        spec = spec_from_file_location("pypocketfft", file) if file.is_file() else None
        try:
            module = module_from_spec(spec) if spec else None
            if spec is None or spec.loader is None or module is None:
                continue
            spec.loader.exec_module(module)

            def transform(frames: np.ndarray, out: np.ndarray, r2c: Callable[..., Any] = module.r2c) -> np.ndarray:
                r2c(frames, (1,), True, 0, out, 1)  # along rows, forward, unscaled, one thread
                return out

            if np.allclose(transform(tone, np.empty((2, 9), np.complex64)), np.fft.rfft(tone), atol=1e-5):
                return transform
        except (ImportError, AttributeError, TypeError, ValueError):
            continue
    return None


def _of_the_package() -> _Transform:
    import scipy.fft

    def transform(frames: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[:] = scipy.fft.rfft(frames, axis=1)
        return out

    return transform
