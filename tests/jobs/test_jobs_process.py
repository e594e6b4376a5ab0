"""One job's process, without an engine: what it does when it is killed, stalled and revived, or cancelled."""

import hashlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from job_probes import hashes_of, numbers_of, request_for, start_process, wait_until

from affexion_core.jobs.run import EXIT_CANCELLED, EXIT_NOT_MINE
from affexion_core.jobs.submit import log_path, submit_run
from affexion_core.run_folder import read_history
from affexion_core.store.jobs import cancel_job, get_job, lose_job
from affexion_core.training.execute import CHECKPOINTS, run_here

pytestmark = pytest.mark.xdist_group("engine")


def test_a_revived_process_cannot_overwrite_its_successor(store_with_clips):
    store = store_with_clips
    job = submit_run(store, request_for(store, epochs=40))
    folder = store.workspace.runs / job.run_id
    first, claimed = start_process(store, job)
    wait_until(lambda: len(read_history(folder)) >= 3, 90)
    os.kill(first.pid, signal.SIGSTOP)
    lose_job(store, job.id, claimed.token, "no sign of life")
    second, _ = start_process(store, job)
    assert second.wait(120) == 0
    before = hashes_of(folder)
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(30) == EXIT_NOT_MINE
    assert hashes_of(folder) == before
    done = get_job(store, job.id)
    assert (done.state, done.attempt) == ("done", 2)
    assert "started again elsewhere" in log_path(store, job).read_text()


def test_a_process_sees_its_cancelling_without_a_supervisor(store_with_clips):
    store = store_with_clips
    job = submit_run(store, request_for(store, epochs=5000))
    process, _ = start_process(store, job)
    wait_until(lambda: len(read_history(store.workspace.runs / job.run_id)) >= 1, 90)
    cancel_job(store, job.id)
    assert process.wait(10) == EXIT_CANCELLED
    assert get_job(store, job.id).state == "cancelled"


def stopped_inside_a_write(pid: int, checkpoints: Path) -> bool:
    """Stop a process while its checkpoint is half written; False if that can't be caught in ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if any(name.startswith(".") for name in os.listdir(checkpoints)):
            os.kill(pid, signal.SIGSTOP)
            if any(name.startswith(".") for name in os.listdir(checkpoints)):
                return True
            os.kill(pid, signal.SIGCONT)
    return False


def unreadable(checkpoints: Path) -> list[str]:
    """Name the checkpoints whose content isn't what their name says, written halfway or damaged."""
    whole = [path for path in checkpoints.iterdir() if not path.name.startswith(".")]
    return [p.name for p in whole if hashlib.sha256(p.read_bytes()).hexdigest()[:16] != p.stem.split("-")[1]]


def killed_at_random(store, kills: int, inside_writes: int, epochs: int, seed: int) -> int:
    """Kill one training again and again, some of it inside checkpoint writes, and compare with an unbroken one.

    Returns how many kills fell into a write.
    """
    draw = random.Random(seed)
    here = run_here(store, request_for(store, epochs=epochs))
    job = submit_run(store, request_for(store, epochs=epochs))
    folder = store.workspace.runs / job.run_id
    checkpoints = folder / CHECKPOINTS
    caught = 0
    for n in range(kills):
        process, claimed = start_process(store, job)
        known = len(read_history(folder))
        wait_until(lambda known=known: len(read_history(folder)) > known, 120)
        if n < inside_writes:
            caught += stopped_inside_a_write(process.pid, checkpoints)
        else:
            time.sleep(draw.uniform(0, 0.2))
        assert process.poll() is None, "it ended before it was killed; more epochs are needed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not unreadable(checkpoints)
        lose_job(store, job.id, claimed.token, "killed", max_attempts=10_000)
    process, _ = start_process(store, job)
    assert process.wait(300) == 0
    assert caught >= inside_writes / 2, f"only {caught} kills fell into a write"
    assert numbers_of(folder, "train") == numbers_of(Path(here.folder), "train")
    return caught


def test_killed_at_random_points_it_ends_bit_equal(store_with_clips):
    killed_at_random(store_with_clips, kills=2, inside_writes=1, epochs=60, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_killed_fifty_times_it_ends_bit_equal(store_with_clips, counted):
    caught = killed_at_random(store_with_clips, kills=50, inside_writes=10, epochs=1500, seed=2)
    counted("a training killed at 50 random points", f"{caught} inside a checkpoint write; metrics bit-equal")
    counted("checkpoints after each of the 50 kills", "0 unreadable")
