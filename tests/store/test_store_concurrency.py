import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import list_datasets, save_dataset
from affexion_core.store.labels import add_annotations, find_annotations, save_scheme
from affexion_core.store.session import Store, reading
from affexion_core.types import Annotation, Clip, Scheme

WRITER = Path(__file__).with_name("label_writer.py")
PROJECT = Path(__file__).resolve().parents[2]
MOOD = Scheme("mood", ("calm", "panic"))


@pytest.fixture
def one_clip(store: Store) -> Store:
    add_clips(store, [Clip("clip-1", "audio/1.wav", "1" * 64, "real", "demo", 1.0, 16000)])
    save_scheme(store, MOOD)
    return store


def writers(store: Store, raters: list[str], n: int) -> list[subprocess.Popen]:
    """Start processes that all wait for one line before they write."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    started = [
        subprocess.Popen(
            [sys.executable, str(WRITER), str(store.workspace.root), rater, str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rater in raters
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    return started


def go(started: list[subprocess.Popen]) -> None:
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()


def saved(printed: str) -> dict[str, float]:
    """Read what a writer printed: id → seconds; a killed one may have left half a line."""
    return {words[0]: float(words[1]) for words in map(str.split, printed.splitlines(True)) if len(words) == 2}


def all_is_saved(store: Store, n_writers: int, n: int) -> list[float]:
    """Let writers write at once, check that nothing is lost, and give the seconds of each write, sorted."""
    raters = [f"rater-{k}" for k in range(n_writers)]
    started = writers(store, raters, n)
    go(started)
    seconds: list[float] = []
    for process in started:
        printed, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        seconds += saved(printed).values()
    found = find_annotations(store)
    assert {made.id for made in found} == {f"{rater}-{i}" for rater in raters for i in range(n)}
    assert len(found) == len(seconds) == n_writers * n
    return sorted(seconds)


def test_six_processes_lose_no_label(one_clip: Store) -> None:
    all_is_saved(one_clip, n_writers=6, n=50)


@pytest.mark.soak
def test_twenty_processes_lose_no_label_and_none_waits_long(one_clip: Store, counted) -> None:
    seconds = all_is_saved(one_clip, n_writers=20, n=500)
    p99 = seconds[int(len(seconds) * 0.99)]
    counted(
        f"20 processes × 500 labels, {one_clip.engine.dialect.name}",
        f"{len(seconds):,} rows, 0 errors, 0 lost; p99 {p99 * 1000:.0f} ms",
    )
    assert p99 < 0.1


def test_killed_writers_lose_no_label_they_acknowledged(one_clip: Store) -> None:
    assert kept_through_a_kill(one_clip, "first", seconds=0.7) >= 3


@pytest.mark.soak
def test_writers_killed_fifty_times_lose_no_label_they_acknowledged(one_clip: Store, counted) -> None:
    draw = random.Random(3)
    n = sum(kept_through_a_kill(one_clip, f"kill-{k}", draw.uniform(0.05, 1)) for k in range(50))
    assert n >= 50
    counted(
        f"all writers killed at 50 random moments, {one_clip.engine.dialect.name}",
        f"{n:,} labels acknowledged, 0 lost; database sound 50/50",
    )


def kept_through_a_kill(one_clip: Store, name: str, seconds: float) -> int:
    """Kill three writers after so long; returns how many labels were acknowledged before."""
    started = writers(one_clip, [f"{name}-rater-{k}" for k in range(3)], n=100_000)
    go(started)
    time.sleep(seconds)
    for process in started:
        process.kill()
    acknowledged = {id for process in started for id in saved(process.communicate()[0])}
    # one more a rater may have been saved just before its writer could say so
    found = {made.id for made in find_annotations(one_clip) if made.id.startswith(name)}
    assert acknowledged <= found
    assert len(found) <= len(acknowledged) + 3
    after = Annotation(f"after {name}", "clip-1", "mood", "rater-0", "calm", "2026-01-02")
    assert add_annotations(one_clip, [after]) == 1
    if one_clip.engine.dialect.name == "sqlite":
        with reading(one_clip) as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    return len(acknowledged)


def in_threads(works: list) -> list[Exception]:
    failed: list[Exception] = []

    def run(work) -> None:
        try:
            work()
        except Exception as error:  # handed to the test, which fails on it
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_threads_add_overlapping_clips_and_extend_one_dataset(store: Store) -> None:
    clips = [Clip(f"clip-{i:03d}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(200)]
    # opposite orders: two PostgreSQL transactions would wait for each other, were rows not sorted
    orders = [clips, clips[::-1], clips[100:] + clips[:100], clips[::2] + clips[1::2]]

    def work(order: list[Clip]):
        def add() -> None:
            add_clips(store, order)
            save_dataset(store, "all", "real", MOOD, [(clip.id, "calm") for clip in order])

        return add

    assert in_threads([work(order) for order in orders]) == []
    assert [(d.name, d.n, d.labels) for d in list_datasets(store)] == [("all", 200, {"calm": 200, "panic": 0})]


def test_one_of_two_contradicting_labels_is_refused(store: Store) -> None:
    add_clips(store, [Clip("clip-1", "1.wav", "0" * 64, "real", "demo", 1.0, 16000)])
    works = [
        lambda label=label: save_dataset(store, "one", "real", MOOD, [("clip-1", label)]) for label in MOOD.labels * 2
    ]
    failed = in_threads(works)
    assert [type(error).__name__ for error in failed] == ["LabelError", "LabelError"]
