import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affexion_core.audio.peaks import peaks_as_bytes, waveform_peaks


def test_columns_of_a_ramp() -> None:
    peaks = waveform_peaks(np.arange(8, dtype=np.float32), 4)
    assert peaks.dtype == np.float32
    assert peaks.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert waveform_peaks(np.array([1.0, -2.0]), 4).tolist() == [[1, 1], [1, 1], [-2, -2], [-2, -2]]


@given(hnp.arrays(np.float32, st.integers(1, 500), elements=st.floats(-1, 1, width=32)), st.integers(1, 700))
def test_no_spike_is_lost(signal: np.ndarray, n_columns: int) -> None:
    peaks = waveform_peaks(signal, n_columns)
    assert peaks.shape == (n_columns, 2)
    assert (peaks[:, 0] <= peaks[:, 1]).all()
    assert peaks[:, 0].min() == signal.min() and peaks[:, 1].max() == signal.max()


def test_edges() -> None:
    assert waveform_peaks(np.zeros(0, np.float32), 3).tolist() == [[0, 0]] * 3
    with pytest.raises(ValueError, match="n_columns is 0"):
        waveform_peaks(np.zeros(5), 0)


def test_peaks_as_whole_numbers() -> None:
    peaks = np.array([[-1.0, 1.0], [-0.5, 0.25], [0.0, 0.0], [-0.001, 0.001], [-1.5, 2.0]], np.float32)
    numbers = peaks_as_bytes(peaks)
    assert numbers.dtype == np.int8
    # rounded away from zero: what isn't silent doesn't draw as silence
    assert numbers.tolist() == [-127, 127, -64, 32, 0, 0, -1, 1, -127, 127]
