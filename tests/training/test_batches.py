"""Clips prepared when they are asked for, and features read from the cache file by file."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from affexion_core.errors import StoreError
from affexion_core.extraction import FeatureFile
from affexion_core.training import batches
from affexion_core.training.batches import Prepared, fit_normalisation, ordered_batches, prepare, shuffled_batches
from affexion_core.training.run_config import InputConfig

INPUTS = InputConfig(max_len=40)


def written(folder: Path, n: int) -> tuple[list[tuple[np.ndarray]], list[tuple[FeatureFile]]]:
    """Write clips of 20 to 60 frames; give them in memory and as files."""
    rng = np.random.default_rng(0)
    arrays, files = [], []
    for number in range(n):
        array = rng.normal(2, 3, size=(int(rng.integers(20, 61)), 5)).astype(np.float32)
        path = folder / f"{number}.npy"
        np.save(path, array)
        arrays.append((array,))
        files.append((FeatureFile(path, array.shape),))
    return arrays, files


def test_files_train_as_arrays_do(tmp_path):
    arrays, files = written(tmp_path, 30)
    normalisation = fit_normalisation(arrays, INPUTS)
    theirs = fit_normalisation(files, INPUTS)
    np.testing.assert_array_equal(theirs.means[0], normalisation.means[0])
    np.testing.assert_array_equal(theirs.deviations[0], normalisation.deviations[0])
    expected = [prepare(clip, INPUTS, normalisation) for clip in arrays]
    lazily = Prepared(files, INPUTS, normalisation)
    targets = list(range(30))
    for make in (
        lambda clips: shuffled_batches(clips, targets, 4, torch.Generator().manual_seed(3)),
        lambda clips: ordered_batches(clips, 4),
    ):
        for one, other in zip(make(expected), make(lazily), strict=True):
            assert one.rows == other.rows
            assert torch.equal(one.inputs[0], other.inputs[0]) and torch.equal(one.lengths[0], other.lengths[0])


def test_a_sequence_of_prepared_clips_can_be_cut_and_counted(tmp_path):
    arrays, files = written(tmp_path, 5)
    clips = Prepared(files, INPUTS, fit_normalisation(arrays, INPUTS))
    assert len(clips) == 5 and len(list(clips)) == 5
    assert [len(clip[0]) for clip in clips[1:4]] == [clips.n_frames(row) for row in (1, 2, 3)]
    with pytest.raises(IndexError):
        clips[5]


@pytest.mark.parametrize(("room", "read"), [(10**6, 1), (0, 2)])
def test_clips_are_kept_as_far_as_there_is_room(tmp_path, monkeypatch, room, read):
    arrays, files = written(tmp_path, 8)
    seen = []
    monkeypatch.setattr(batches, "_KEPT", room)
    monkeypatch.setattr(batches, "prepare", lambda *of: seen.append(1) or prepare(*of))
    clips = Prepared(files, INPUTS, fit_normalisation(arrays, INPUTS))
    for _ in range(2):
        list(ordered_batches(clips, 3))
    assert len(seen) == 8 * read


def test_memory_does_not_grow_with_the_number_of_clips(tmp_path, monkeypatch):
    path = tmp_path / "one.npy"
    np.save(path, np.ones((1000, 75), np.float32))
    monkeypatch.setattr(batches, "_KEPT", 10 * 1000 * 75 * 4)
    most = []
    for n in (20, 200):
        files = [(FeatureFile(path, (1000, 75)),)] * n
        tracemalloc.start()
        clips = Prepared(files, InputConfig(), fit_normalisation(files, InputConfig()))
        for _ in ordered_batches(clips, 4):
            pass
        most.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert most[1] < 1.2 * most[0]


def test_a_file_deleted_meanwhile_is_named(tmp_path):
    _, files = written(tmp_path, 1)
    files[0][0].path.unlink()
    with pytest.raises(StoreError, match=r"0\.npy was deleted or changed while it was in use; resume the run"):
        files[0][0][:10]
