"""Many raters at once: processes that draw and judge, are killed, meet locks; and how long a draw takes."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from annotating import (
    MOOD,
    PROJECT,
    add_test_clips,
    answer,
    check_books,
    column,
    give,
    held,
    make_project,
    n_rows,
    raters_of,
    votes,
)
from queue_worker import Acknowledged, Worker, heard_from, start_workers

from affexion_core.errors import StoreError
from affexion_core.labeling.people import Person, add_person
from affexion_core.labeling.projects import ProjectSettings, create_project, list_projects
from affexion_core.labeling.queue import draw, past_answers, progress, submit
from affexion_core.store.labels import find_annotations
from affexion_core.store.looking_up import sqlite_module
from affexion_core.store.schema import annotation, assignment, project_clip, project_rater
from affexion_core.store.session import Store, reading, writing


def finished(workers: list[Worker]) -> list[list[Acknowledged]]:
    for worker in workers:
        worker.process.join(timeout=280)
        assert worker.process.exitcode == 0
    return [heard_from(worker) for worker in workers]


def everybody_judges(store: Store, folder: Path, n_raters: int, n_clips: int, overlap: int) -> None:
    _, raters = make_project(store, n_clips, n_raters, overlap=overlap)
    judged = finished(start_workers(store, folder, PROJECT, [rater.name for rater in raters], at_once=4))
    found = raters_of(store)
    assert len(found) == n_clips
    for names in found.values():
        assert len(names) == len(set(names)) == overlap
    assert n_rows(store) == n_clips * overlap  # no doubles, and no corrections
    counts = [len(each) for each in judged]
    # nobody starves; how fast each process gets on is the machine's
    assert min(counts) > 0.2 * n_clips * overlap / n_raters, counts
    assert {said.id for each in judged for said in each} == {made.id for made in find_annotations(store)}
    assert list_projects(store)[0].n_done == n_clips
    check_books(store)


def test_each_clip_gets_its_people_and_nobody_starves(store: Store, tmp_path: Path) -> None:
    everybody_judges(store, tmp_path, n_raters=5, n_clips=60, overlap=3)


@pytest.mark.soak
def test_ten_raters_judge_a_thousand_clips_three_times(store: Store, tmp_path: Path) -> None:
    everybody_judges(store, tmp_path, n_raters=10, n_clips=1000, overlap=3)


def test_two_tabs_of_one_rater_judge_nothing_twice(store: Store, tmp_path: Path) -> None:
    """Both are given the same clips: what the second says corrects the first, and no clip is lost or asked again."""
    make_project(store, 20, 1, overlap=1)
    one, two = finished(start_workers(store, tmp_path, PROJECT, ["rater-00", "rater-00"], at_once=3))
    found = find_annotations(store)
    assert {made.id for made in found} == {said.id for said in one + two}
    assert raters_of(store) == {f"c{i:05d}": ["rater-00"] for i in range(20)}
    assert votes(store, *raters_of(store)) == [["calm"]] * 20
    assert sum(said.again for said in one + two) == len(found) - 20
    check_books(store)


def killed_raters(store: Store, folder: Path, kills: int) -> None:
    """Kill all raters at random moments, again and again; what was acknowledged is there, and the books are right."""
    make_project(store, 2000, 3, overlap=2)
    acknowledged: set[str] = set()
    chance = random.Random(1)
    for _ in range(kills):
        workers = start_workers(store, folder, PROJECT, ["rater-00", "rater-01", "rater-02"], at_once=2)
        before = time.monotonic()
        # so that there is something to lose, however slow the machine
        while not any(worker.said.stat().st_size for worker in workers) and time.monotonic() - before < 60:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.1))
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            acknowledged |= {said.id for said in heard_from(worker)}
        check_books(store)
        if store.engine.dialect.name == "sqlite":
            with reading(store) as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    found = {made.id for made in find_annotations(store)}
    assert len(acknowledged) >= kills
    assert acknowledged <= found
    # saved just before the process could say so: one draw's worth for each that was killed
    assert len(found) <= len(acknowledged) + kills * 3 * 2
    assert all(len(names) == len(set(names)) <= 2 for names in raters_of(store).values())


def test_killed_raters_lose_nothing_acknowledged(store: Store, tmp_path: Path) -> None:
    killed_raters(store, tmp_path, kills=5)


@pytest.mark.soak
def test_fifty_kills_lose_nothing_acknowledged(store: Store, tmp_path: Path) -> None:
    killed_raters(store, tmp_path, kills=50)


def test_a_locked_database_is_said_and_the_answer_can_be_sent_again(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affexion_core.store.session.LOCK_SECONDS", 0.2)
    store = sqlite_store
    _, (rater,) = make_project(store, 1, 1)
    (clip,) = held(store, rater)
    store.engine.dispose()
    sent = answer(clip, id="kept by the browser")
    with reading(store) as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 200")
    # the same library: within one process, two don't see each other's locks
    other = sqlite_module().connect(store.engine.url.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        for _ in range(3):
            with pytest.raises(StoreError, match="was held by another program .* nothing of this step was saved"):
                give(store, rater, sent)
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert give(store, rater, sent)[0].status == "saved"
    assert votes(store, clip) == [["calm"]]


def test_a_database_that_may_not_be_written_is_said(sqlite_store: Store) -> None:
    store = sqlite_store
    _, (rater,) = make_project(store, 1, 1)
    (clip,) = held(store, rater)
    sent = answer(clip, id="kept")
    # root may write everywhere, so the connection itself is told not to
    with reading(store) as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="is read-only; nothing of this step was saved"):
        give(store, rater, sent)
    with reading(store) as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
    assert give(store, rater, sent)[0].status == "saved"


def test_a_full_disk_is_said(sqlite_store: Store) -> None:
    store = sqlite_store
    _, (rater,) = make_project(store, 1, 1)
    (clip,) = held(store, rater)
    with reading(store) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    sent = answer(clip, id="kept", comment="x" * 9000)
    with pytest.raises(StoreError, match="is full; nothing of this step was saved"):
        give(store, rater, sent)
    with reading(store) as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1073741823")
    assert give(store, rater, sent)[0].status == "saved"
    check_books(store)


def test_twenty_threads_share_a_store(store: Store) -> None:
    _, raters = make_project(store, 15, 10, overlap=10)
    failed: list[BaseException] = []

    def work(rater: Person) -> None:
        try:
            while ids := held(store, rater, 3, now=time.time()):
                assert {r.status for r in give(store, rater, *map(answer, ids), now=time.time())} == {"saved"}
        except BaseException as error:  # handed to the test, which fails on it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(rater,)) for rater in raters * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert all(len(names) == len(set(names)) == 10 for names in raters_of(store).values())
    check_books(store)


def large_project(store: Store, n: int) -> list[Person]:
    """Make a project that is well under way: 12 raters, half of it judged twice, some of it disputed."""
    names = add_test_clips(store, n)
    owner = add_person(store, "Olga")
    raters = [add_person(store, f"rater-{i:02d}") for i in range(12)]
    gold = {name: "calm" for name in names[:100]}
    create_project(store, owner, PROJECT, MOOD, names, ProjectSettings(), gold=gold)
    place = column(store, "position")
    judged = [id for id in names if id not in gold and place[id] < n // 2]
    rows, given, counts = [], [], Counter()
    for i, id in enumerate(judged):
        # two raters of the first six for most, three with different answers for each tenth
        for j in range(3 if i % 10 == 0 else 2):
            rater = raters[(i + j) % 6].name
            label = "calm" if j % 2 else "panic"
            rows.append({"id": f"{id}-{j}", "clip_id": id, "scheme": "mood", "rater": rater, "label": label, "take": 0})
            given.append({"project": PROJECT, "clip_id": id, "rater": rater, "take": 0, "state": "answered"})
            counts[rater] += 1
    created = "2026-01-01T00:00:00.000000+00:00"
    with writing(store) as connection:
        same = {"created": created, "project": PROJECT, "withdrawn": False, "seconds": 3.0}
        connection.execute(annotation.insert(), [row | same for row in rows])
        same = {"counted": True, "drawn": 0, "held_until": 0.0}
        connection.execute(assignment.insert(), [row | same for row in given])
        at = project_clip.c
        half = project_clip.update().where(at.gold.is_(None), at.position < n // 2)
        connection.execute(half.values(taken=2))
        disputed = [id for i, id in enumerate(judged) if i % 10 == 0]
        connection.execute(project_clip.update().where(at.clip_id.in_(disputed)).values(taken=3, wanted=4))
        connection.execute(
            project_rater.insert(),
            [{"project": PROJECT, "rater": r, "drawn": counts[r], "frontier": 0} for r in sorted(counts)],
        )
    return raters


def timed(store: Store, raters: list[Person], rounds: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"draw": [], "submit": [], "progress": [], "past": []}

    def measure(what: str, call: Callable[..., Any], *arguments: object) -> Any:
        begun = time.perf_counter()
        result = call(store, PROJECT, *arguments)
        seconds[what].append(time.perf_counter() - begun)
        return result

    for _ in range(rounds):
        for rater in raters:
            tasks = measure("draw", draw, rater)
            made = answer(tasks[0].clip_id, seconds=2.0, heard=1.0)
            (receipt,) = measure("submit", submit, rater, [made])
            assert receipt.status == "saved"
            measure("progress", progress, rater)
            measure("past", past_answers, rater)
    return {what: sorted(found) for what, found in seconds.items()}


@pytest.mark.parametrize("n", [5_000, pytest.param(50_000, marks=pytest.mark.soak)])
def test_a_draw_from_a_large_project_takes_no_time(store: Store, n: int) -> None:
    raters = large_project(store, n)
    seconds = timed(store, raters, rounds=4 if n < 50_000 else 20)
    shown = {
        what: f"p50 {s[len(s) // 2]:.4f} p95 {s[int(len(s) * 0.95)]:.4f} max {s[-1]:.4f}" for what, s in seconds.items()
    }
    print(n, store.engine.dialect.name, shown)
    assert all(found[int(len(found) * 0.95)] < 0.5 for found in seconds.values()), shown
    check_books(store)


def test_twenty_thousand_clips_already_judged_by_a_rater_do_not_slow_the_next(sqlite_store: Store) -> None:
    """Far ahead of all others: nothing behind is looked through at each draw."""
    store = sqlite_store
    _, (ahead, _) = make_project(store, 20_000, 2, overlap=2)
    place = column(store, "position")
    behind = [id for id, position in place.items() if position < 19_900]
    row = {"project": PROJECT, "rater": ahead.name, "take": 0, "state": "answered", "counted": True, "drawn": 0}
    with writing(store) as connection:
        connection.execute(assignment.insert(), [row | {"clip_id": id, "held_until": 0.0} for id in behind])
        connection.execute(project_clip.update().where(project_clip.c.position < 19_900).values(taken=1))
    held(store, ahead)  # finds its place
    steps = Counter()
    with reading(store) as connection:
        raw = connection.connection.driver_connection
    raw.set_progress_handler(lambda: steps.update(["thousand"]), 1000)
    try:
        tasks = held(store, ahead, 4)
    finally:
        raw.set_progress_handler(None, 0)
    assert len(tasks) == 4
    assert steps["thousand"] < 30, "a draw looks through clips again and again"
