import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from affexion_core import extraction
from affexion_core.audio import decode
from affexion_core.discovery import load_plugin
from affexion_core.errors import AudioError, StoreError
from affexion_core.extraction import FrontEnd, features_of, n_features, utterance_of
from affexion_core.features import mfcc
from affexion_core.types import Clip, clip_id
from affexion_core.workspace import Workspace

PAPER = FrontEnd("mfcc", mfcc.Config())
SMALL = FrontEnd("mfcc", mfcc.Config(n_mfcc=13, deltas=0))


def make_clip(workspace: Workspace, i: int, start: float | None = None, end: float | None = None) -> Clip:
    path = workspace.audio / f"tone-{i}.flac"
    if not path.exists():
        t = np.arange(8_000 + 400 * i) / 16_000
        soundfile.write(path, 0.3 * np.sin(2 * np.pi * (100 + 10 * i) * t), 16_000)
    sha256 = decode.file_sha256(path)
    return Clip(
        id=clip_id(sha256, start, end), file=f"audio/{path.name}", sha256=sha256, origin="synthetic", corpus="tones",
        duration=1.0, sampling_rate=16_000, start=start, end=end, transcript=f"tone {i}",
    )  # fmt: skip


@pytest.fixture
def clips(workspace: Workspace) -> list[Clip]:
    return [make_clip(workspace, i) for i in range(6)]


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are decoded from here on."""
    names: list[str] = []
    real = decode.load_audio

    def spy(path: Path, *args: object) -> decode.Decoded:
        names.append(path.name)
        return real(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(decode, "load_audio", spy)
    return names


def cache_files(workspace: Workspace) -> list[Path]:
    return sorted(workspace.features.rglob("*.npy"))


def test_features_are_those_of_the_front_end_in_the_order_of_the_clips(workspace: Workspace, clips: list[Clip]) -> None:
    order = [clips[3], clips[0], clips[3], clips[5]]
    found = features_of(workspace, order, PAPER)
    assert [len(array) for array in found] == [1 + (8_000 + 400 * i) // 160 for i in (3, 0, 3, 5)]
    for clip, array in zip(order, found, strict=True):
        expected = mfcc.extract(utterance_of(workspace, clip), PAPER.config)
        assert array.dtype == np.float32 and array.shape[1] == n_features(PAPER) == 75
        np.testing.assert_allclose(array, expected, atol=1e-3)


def test_the_second_time_nothing_is_decoded_and_every_bit_is_the_same(
    workspace: Workspace, clips: list[Clip], decoded: list[str]
) -> None:
    first = [array.copy() for array in features_of(workspace, clips, PAPER)]
    assert len(decoded) == len(clips)
    decoded.clear()
    second = features_of(workspace, clips, PAPER)
    assert decoded == []
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(isinstance(array, np.memmap) and not array.flags.writeable for array in second)


def test_files_lie_by_front_end_settings_and_clip(workspace: Workspace, clips: list[Clip]) -> None:
    features_of(workspace, clips[:1], PAPER)
    (path,) = cache_files(workspace)
    folder, shard, name = path.relative_to(workspace.features).parts
    assert folder.startswith("mfcc-") and shard == clips[0].id[:2] and name == f"{clips[0].id}.npy"


@pytest.mark.parametrize("change", ["config", "front-end version", "decoder version"])
def test_another_setting_or_version_is_computed_anew(
    change: str, workspace: Workspace, clips: list[Clip], decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    features_of(workspace, clips, PAPER)
    decoded.clear()
    front_end = SMALL if change == "config" else PAPER
    if change != "config":
        monkeypatch.setattr(load_plugin("features", "mfcc") if "front" in change else decode, "VERSION", 99)
    assert features_of(workspace, clips, front_end)[0].shape[1] == (13 if change == "config" else 75)
    assert len(decoded) == len(clips)
    assert len(cache_files(workspace)) == 2 * len(clips)


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "zeros":
        path.write_bytes(bytes(len(content)))
    elif how == "other type":
        np.save(path, np.zeros((5, 75)))
    elif how == "other width":
        np.save(path, np.zeros((5, 74), np.float32))
    elif how == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif how == "archive":
        with path.open("wb") as file:
            np.savez(file, a=np.zeros((5, 75), np.float32))


@pytest.mark.parametrize("how", ["truncated", "emptied", "zeros", "other type", "other width", "pickle", "archive"])
def test_a_damaged_file_is_computed_anew(how: str, workspace: Workspace, clips: list[Clip], decoded: list[str]) -> None:
    expected = [array.copy() for array in features_of(workspace, clips, PAPER)]
    hurt = cache_files(workspace)[2]
    damage(hurt, how)
    decoded.clear()
    found = features_of(workspace, clips, PAPER)
    assert len(decoded) == 1
    anew = [clip.id for clip in clips].index(hurt.stem)
    for i, (before, after) in enumerate(zip(expected, found, strict=True)):
        if i == anew:  # a matrix product's last digits depend, on some processors, on the rows beside it
            np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-3)
        else:
            np.testing.assert_array_equal(after, before)
    np.testing.assert_array_equal(np.load(hurt), found[anew])


def test_spans_of_one_file_are_clips_of_their_own(workspace: Workspace) -> None:
    spans = [make_clip(workspace, 1, 0.0, 0.2), make_clip(workspace, 1, 0.2, 0.5), make_clip(workspace, 1)]
    assert [len(array) for array in features_of(workspace, spans, PAPER)] == [21, 31, 53]
    utterance = utterance_of(workspace, spans[1])
    assert len(utterance.signal) == 4_800
    assert (utterance.sampling_rate, utterance.transcript) == (16_000, "tone 1")


def test_a_clip_that_cannot_be_decoded_is_named(workspace: Workspace, clips: list[Clip]) -> None:
    (workspace.root / clips[4].file).write_bytes(b"no sound")
    with pytest.raises(AudioError, match=f"Clip {clips[4].id}: tone-4.flac is not a sound file: it looks like text"):
        features_of(workspace, clips, PAPER)


def test_an_id_that_is_a_path_writes_nothing(workspace: Workspace, clips: list[Clip]) -> None:
    bad = dataclasses.replace(clips[0], id="../../evil")
    with pytest.raises(StoreError, match="can't be a file name"):
        features_of(workspace, [bad], PAPER)


def test_progress_counts_up_over_blocks(
    workspace: Workspace, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "_BLOCK", 2)
    seen: list[tuple[int, int, str]] = []
    features_of(workspace, clips[:1], PAPER)
    features_of(workspace, [*clips, clips[0]], PAPER, lambda *step: seen.append(step), n_threads=1)
    assert seen == [(1, 6, "features"), (3, 6, "features"), (5, 6, "features"), (6, 6, "features")]
    assert features_of(workspace, [], PAPER) == []


def test_a_cache_that_cannot_be_written_says_so(workspace: Workspace, clips: list[Clip]) -> None:
    workspace.features.rmdir()
    workspace.features.write_text("in the way")
    with pytest.raises(StoreError, match="Features can't be kept in"):
        features_of(workspace, clips, PAPER)


WORKER = """
import json, sys
from affexion_core.extraction import FrontEnd, features_of
from affexion_core.features import mfcc
from affexion_core.types import Clip
from affexion_core.workspace import open_workspace
if len(sys.argv) > 1:
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[1])))
clips = [Clip(**row) for row in json.loads(sys.stdin.read())]
arrays = features_of(open_workspace(), clips, FrontEnd("mfcc", mfcc.Config()))
print(sum(float(array.sum()) for array in arrays))
"""


def run_workers(clips: Sequence[Clip], n: int, *arguments: str) -> list[float]:
    rows = json.dumps([{**dataclasses.asdict(clip), "provenance": None} for clip in clips])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(n)
    ]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(rows)
        worker.stdin.close()
    sums = []
    for worker in workers:
        assert worker.stdout is not None
        sums.append(float(worker.stdout.read()))
        assert worker.wait() == 0
    return sums


def test_processes_at_once_get_the_same_and_leave_only_whole_files(workspace: Workspace) -> None:
    clips = [make_clip(workspace, i) for i in range(40)]
    sums = run_workers(clips, 3)
    assert len(set(sums)) == 1
    assert len(cache_files(workspace)) == 40
    assert not list(workspace.features.rglob("*.tmp"))
    assert sum(float(array.sum()) for array in features_of(workspace, clips, PAPER)) == sums[0]


def test_many_clips_do_not_use_up_the_files_a_process_may_open(workspace: Workspace) -> None:
    clips = [make_clip(workspace, i) for i in range(50)]
    found = features_of(workspace, clips, PAPER)
    for path in workspace.audio.iterdir():  # so that nothing can be computed anew unnoticed
        path.unlink()
    assert run_workers(clips, 1, "40") == [sum(float(array.sum()) for array in found)]
