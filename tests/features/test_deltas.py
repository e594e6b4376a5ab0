import librosa
import numpy as np
import pytest

from affexion_core.features._deltas import deltas


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("width", [3, 5, 9, 15])
def test_equal_librosa_clip_by_clip(order: int, width: int) -> None:
    rng = np.random.default_rng(width)
    clips = [rng.normal(0, 30, (n, 4)).astype(np.float32) for n in (width, 100, width + 1)]
    for clip in clips:
        expected = librosa.feature.delta(clip.T, width=width, order=order).T
        np.testing.assert_allclose(deltas(clip, width, order), expected, rtol=5e-6, atol=3e-5)
        there = np.full((len(clip), 7), 5, np.float32)
        assert deltas(clip, width, order, out=there[:, 2:6]).base is there
        assert np.array_equal(there[:, 2:6], deltas(clip, width, order)) and (there[:, [0, 1, 6]] == 5).all()


def test_slope_and_curvature_of_a_parabola() -> None:
    t = np.arange(20.0)
    parabola = (3 * t**2 + 2 * t)[:, None].astype(np.float32)
    np.testing.assert_allclose(deltas(parabola, 9, 1)[4:-4, 0], (6 * t + 2)[4:-4], rtol=1e-5)
    np.testing.assert_allclose(deltas(parabola, 9, 2)[:, 0], 6, rtol=1e-4)


@pytest.mark.parametrize(("n_frames", "slope"), [(1, 0), (2, 0), (3, 7), (4, 7), (8, 7)])
def test_clips_shorter_than_the_window_use_the_frames_there_are(n_frames: int, slope: float) -> None:
    ramp = 7 * np.arange(n_frames, dtype=np.float32)[:, None]
    np.testing.assert_allclose(deltas(ramp, 9, 1), np.full((n_frames, 1), slope), rtol=1e-5)
    np.testing.assert_allclose(deltas(ramp, 9, 2), 0, atol=1e-5)
