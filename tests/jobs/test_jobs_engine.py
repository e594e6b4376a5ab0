"""Jobs for real: an engine with its Dask cluster, processes that are killed, stalled and cancelled."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from job_probes import kill_process_of, numbers_of, request_for, wait_for, wait_until

from affexion_core.jobs import supervise
from affexion_core.jobs.engine import engine_status, stop_engine
from affexion_core.jobs.process import is_alive, start_time
from affexion_core.jobs.submit import log_path, submit_run
from affexion_core.run_folder import read_history, read_run
from affexion_core.store.jobs import cancel_job as cancel
from affexion_core.store.jobs import claim_job, end_job, get_job, list_jobs
from affexion_core.store.jobs import requeue_job as requeue
from affexion_core.training.execute import run_here

pytestmark = pytest.mark.xdist_group("engine")


def folder_of(store, job) -> Path:
    return store.workspace.runs / job.run_id


def ended(store, job) -> bool:
    return get_job(store, job.id).state not in ("queued", "running")


def test_folds_run_side_by_side_and_give_the_same_as_in_one_process(store_with_clips, engine):
    store = store_with_clips
    here = run_here(store, request_for(store, "cv", n_folds=2))
    job = submit_run(store, request_for(store, "cv", n_folds=2))
    engine()
    done = wait_for(store, job, "done", "failed")
    assert done.state == "done", done.reason
    folds = list_jobs(store, parent=job.id)
    assert [fold.state for fold in folds] == ["done", "done"]
    assert numbers_of(folder_of(store, job), "cv")[1] == numbers_of(Path(here.folder), "cv")[1]
    assert read_run(folder_of(store, job)).finished


@pytest.mark.soak
def test_killed_again_and_again_a_training_ends_bit_equal(store_with_clips, engine):
    store = store_with_clips
    here = run_here(store, request_for(store, epochs=30))
    job = submit_run(store, request_for(store, epochs=30))
    engine()
    history = folder_of(store, job) / "history.jsonl"
    for attempt, n in enumerate((4, 15), start=1):
        wait_until(lambda n=n: len(read_history(history.parent)) >= n, 90)
        kill_process_of(store, job)
        wait_until(lambda a=attempt: get_job(store, job.id).attempt > a, 60)
    done = wait_for(store, job, "done", "failed")
    assert done.state == "done", done.reason
    assert done.attempt == 3
    assert numbers_of(history.parent, "train") == numbers_of(Path(here.folder), "train")


def test_three_crashes_in_a_row_stop_the_retries_and_say_why(store_with_clips, engine, monkeypatch):
    store = store_with_clips
    job = submit_run(store, request_for(store, epochs=2))
    (folder_of(store, job) / "split.json").unlink()
    (folder_of(store, job) / "split.json").mkdir()
    engine()
    failed = wait_for(store, job, "failed")
    assert "split.json can't be read" in failed.reason
    job = submit_run(store, request_for(store, epochs=500))
    for _ in range(3):
        wait_until(lambda: get_job(store, job.id).state == "running" and get_job(store, job.id).pid, 90)
        before = get_job(store, job.id)
        os.kill(before.pid, signal.SIGKILL)
        wait_until(
            lambda b=before: get_job(store, job.id).token != b.token or get_job(store, job.id).state != "running", 60
        )
    failed = wait_for(store, job, "failed")
    assert failed.attempt == 3 and "after 3 attempts" in failed.reason and "killed" in failed.reason
    again = requeue(store, job.id, reset_attempts=True)
    assert again.state == "queued"
    cancel(store, job.id)


def test_cancel_ends_all_children_within_ten_seconds(store_with_clips, engine):
    cancelled_within_ten_seconds(store_with_clips, engine)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_cancel_ends_all_children_twenty_times(store_with_clips, engine, counted):
    seconds = [cancelled_within_ten_seconds(store_with_clips, engine) for _ in range(20)]
    counted("cancelling a run of four folds", f"all its processes ended in 10 s, 20/20; slowest {max(seconds):.1f} s")


def cancelled_within_ten_seconds(store, engine) -> float:
    """Cancel a run of four folds and wait until no process of it is left; returns the seconds it took."""
    job = submit_run(store, request_for(store, "cv", epochs=5000, n_folds=4))
    engine()
    wait_until(lambda: any(fold.pid for fold in list_jobs(store, parent=job.id)), 90)
    pids = [(fold.pid, fold.pid_started) for fold in list_jobs(store, parent=job.id) if fold.pid]
    began = time.monotonic()
    cancel(store, job.id)
    wait_until(
        lambda: all(j.state == "cancelled" for j in (get_job(store, job.id), *list_jobs(store, parent=job.id))), 10
    )
    wait_until(lambda: not any(is_alive(*pid) for pid in pids), 10 - (time.monotonic() - began))
    return time.monotonic() - began


def test_a_killed_engine_loses_nothing(store_with_clips, engine):
    store = store_with_clips
    here = run_here(store, request_for(store, epochs=25))
    job = submit_run(store, request_for(store, epochs=25))
    engine()
    wait_until(lambda: len(read_history(folder_of(store, job))) >= 3, 90)
    os.kill(engine_status(store.workspace).pid, signal.SIGKILL)
    wait_until(lambda: not engine_status(store.workspace).running, 10)
    engine()
    done = wait_for(store, job, "done", "failed")
    assert done.state == "done", done.reason
    assert numbers_of(folder_of(store, job), "train") == numbers_of(Path(here.folder), "train")


def test_stopping_the_engine_keeps_the_work(store_with_clips, engine):
    store = store_with_clips
    job = submit_run(store, request_for(store, epochs=300))
    engine()
    wait_until(lambda: len(read_history(folder_of(store, job))) >= 2, 90)
    assert stop_engine(store.workspace)
    assert get_job(store, job.id).state == "queued"
    assert not is_alive(get_job(store, job.id).pid, get_job(store, job.id).pid_started)
    cancel(store, job.id)


def test_without_an_engine_a_dead_job_is_set_right_by_whoever_looks(store_with_clips):
    store = store_with_clips
    job = submit_run(store, request_for(store))
    claimed = claim_job(store, job.id, supervise.socket.gethostname(), time.time() - 100)
    assert claimed.state == "running"
    supervise.reap_lost(store)
    assert get_job(store, job.id).state == "queued"
    assert "no sign of life" in get_job(store, job.id).reason
    assert not end_job(store, job.id, claimed.token, "done"), "a process taken for dead may not end its successor's job"


def test_a_pid_used_again_is_another_process():
    me = start_time(os.getpid())
    assert is_alive(os.getpid(), me)
    assert not is_alive(os.getpid(), me - 100)
    assert not is_alive(None, None) and not is_alive(2**22 + 1, me)


def test_labels_changed_after_queueing_change_nothing(store_with_clips, engine):
    from affexion_core.labeling.versions import delete_version

    store = store_with_clips
    job = submit_run(store, request_for(store, epochs=2))
    delete_version(store, "tones")
    engine()
    assert wait_for(store, job, "done", "failed").state == "done"
    assert "Done." in log_path(store, job).read_text()


def test_a_deleted_clip_fails_its_run_by_name_and_no_other(store_with_clips, engine):
    store = store_with_clips
    lost, sound = submit_run(store, request_for(store)), submit_run(store, request_for(store, epochs=2))
    split = folder_of(store, lost) / "split.json"
    values = json.loads(split.read_text())
    values["clips"][0]["clip_id"] = "0" * 16
    split.write_text(json.dumps(values))
    engine()
    failed = wait_for(store, lost, "failed", "done")
    assert failed.state == "failed" and "0000000000000000" in failed.reason
    assert wait_for(store, sound, "done", "failed").state == "done"
