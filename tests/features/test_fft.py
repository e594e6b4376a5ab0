import subprocess
import sys

import numpy as np
import pytest
import scipy.fft

from affexion_core.features import _fft


@pytest.mark.parametrize("size", [16, 400, 511, 512, 2048])
@pytest.mark.parametrize("found", [_fft._of_the_extension, _fft._of_the_package])
def test_it_is_scipys_transform_bit_for_bit(found, size: int) -> None:
    transform = found()
    assert transform is not None
    frames = np.random.default_rng(size).normal(size=(7, size)).astype(np.float32)
    spectrum = np.empty((7, size // 2 + 1), np.complex64)
    assert transform(frames, spectrum) is spectrum
    np.testing.assert_array_equal(spectrum, scipy.fft.rfft(frames, axis=1))


def test_it_comes_without_the_rest_of_scipy() -> None:
    code = (
        "import sys, numpy as np; from affexion_core.features import _fft, mfcc, logmel; "
        "_fft.rfft(np.zeros((1, 64), np.float32), np.empty((1, 33), np.complex64)); "
        "print([m for m in sys.modules if m.startswith('scipy')]); "
        "import scipy.fft; print(scipy.fft.rfft(np.ones(4)).real.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[4.0, 0.0, 0.0]"]


def test_another_scipy_is_taken_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fft, "EXTENSION_SUFFIXES", [".elsewhere"])
    assert _fft._of_the_extension() is None
