import numpy as np
import pytest

from affexion_core.audio.levels import clipped_fraction, peak, peak_dbfs, rms_dbfs

SINE = np.sin(2 * np.pi * np.arange(16_000) / 160).astype(np.float32)


def test_levels_of_a_sine() -> None:
    assert peak(0.5 * SINE) == pytest.approx(0.5)
    assert peak_dbfs(0.5 * SINE) == pytest.approx(-6.0206, abs=1e-3)
    assert rms_dbfs(SINE) == pytest.approx(-3.0103, abs=1e-3)


def test_levels_of_nothing() -> None:
    for signal in (np.zeros(100, np.float32), np.zeros(0, np.float32)):
        assert peak(signal) == 0.0 and clipped_fraction(signal) == 0.0
        assert peak_dbfs(signal) == rms_dbfs(signal) == -np.inf


def test_clipping_counts_both_ends() -> None:
    signal = np.array([1.0, -1.0, 0.5, 0.9], np.float32)
    assert clipped_fraction(signal) == 0.5
    assert clipped_fraction(np.clip(2 * SINE, -1, 1)) == pytest.approx(2 / 3, abs=0.01)
