"""Runs that were stopped outside the queue, taken up by it from where they stood."""

import dataclasses
import os
import signal
import socket
import time

import pytest
from job_probes import numbers_of, request_for, wait_until
from sweep_probes import RATES, do_waiting_trials, parent_of, space_of, sweep_request

from affexion_core.errors import StoreError
from affexion_core.jobs import foreground
from affexion_core.jobs.foreground import Trainer, trainer_of
from affexion_core.jobs.process import spawn
from affexion_core.jobs.submit import resume_run, submit_run, submit_sweep
from affexion_core.jobs.sweep import advance
from affexion_core.jobs.work import do_job
from affexion_core.run_folder import fold_folders, read_history, write_json
from affexion_core.store.jobs import cancel_job, claim_job, delete_job, end_job, list_jobs
from affexion_core.store.runs import get_run, list_runs
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import prepare
from affexion_core.training.sweep_result import finish_sweep
from affexion_core.types import no_progress

pytestmark = pytest.mark.xdist_group("engine")


def do_all(store, job):
    """Carry out a job and its parts in this process."""
    for part in (*reversed(list_jobs(store, parent=job.id)), job):
        claimed = claim_job(store, part.id, "here", time.time())
        do_job(store, claimed, no_progress)
        assert end_job(store, part.id, claimed.token, "done")


def interrupt_at(n_calls):
    """A progress that is stopped by Ctrl+C at a call."""
    calls = []

    def progress(done, total, what):
        calls.append(what)
        if len(calls) == n_calls:
            raise KeyboardInterrupt

    return progress


def test_a_killed_command_is_left_alone_while_it_lives_and_goes_on_in_the_queue(store_with_clips, tmp_path):
    store = store_with_clips
    whole = run_here(store, request_for(store, epochs=12))
    settings = [f"--set={name}" for name in ("epochs=12", "hidden=16", "channels=8", "dense=16", "batch_size=4")]
    command = ["affexion_core", "train", "--preset", "affexion-poster", "--train", "tones", *settings]
    command += ["--set=step_size=3", "--workspace", str(store.workspace.root)]
    process = spawn(command, tmp_path / "log.txt", {"OMP_NUM_THREADS": "1"})
    try:
        wait_until(lambda: len(list_runs(store)) == 2, 60)
        run = list_runs(store)[0]
        folder = store.workspace.runs / run.id
        wait_until(lambda: 3 <= len(read_history(folder)) < 12, 60)
        os.kill(process.pid, signal.SIGSTOP)
        assert trainer_of(folder).pid == process.pid
        with pytest.raises(StoreError, match=f"still being trained, by process {process.pid} on .* End that first"):
            resume_run(store, run)
        assert list_jobs(store) == ()
    finally:
        process.kill()
        process.wait(20)
    assert trainer_of(folder) is None and not get_run(store, run.id).finished
    rows = len(read_history(folder))
    job = resume_run(store, run)
    assert (job.kind, job.state, job.run_id, job.needs) == ("train", "queued", run.id, {"slot": 1})
    do_all(store, job)
    assert get_run(store, run.id).finished and 3 <= rows < 12
    assert numbers_of(folder, "train") == numbers_of(store.workspace.runs / whole.id, "train")
    with pytest.raises(StoreError, match="is finished; start a new one"):
        resume_run(store, get_run(store, run.id))


def test_folds_interrupted_between_two_are_not_trained_again(store_with_clips):
    store = store_with_clips
    whole = run_here(store, request_for(store, "cv", epochs=3, n_folds=2))
    with pytest.raises(KeyboardInterrupt):
        # three epochs of the first fold and one of the second, and a call for each of their features
        run_here(store, request_for(store, "cv", epochs=3, n_folds=2), interrupt_at(_calls_until_second_fold(store)))
    run = next(run for run in list_runs(store) if not run.finished)
    first, second = fold_folders(store.workspace.runs / run.id)
    assert (first / "model.json").is_file() and not (second / "model.json").is_file()
    assert trainer_of(first.parent.parent) is None
    before = (first / "model.safetensors").stat().st_mtime_ns
    job = resume_run(store, run)
    assert [part.kind for part in list_jobs(store, parent=job.id)] == ["fold", "fold"]
    do_all(store, job)
    assert (first / "model.safetensors").stat().st_mtime_ns == before
    assert get_run(store, run.id).finished
    folders = [store.workspace.runs / id for id in (run.id, whole.id)]
    assert numbers_of(folders[0], "cv") == numbers_of(folders[1], "cv")


def _calls_until_second_fold(store) -> int:
    """Count the calls of a progress until the first epoch of the second fold is told."""
    told = []
    run_here(store, request_for(store, "cv", epochs=3, n_folds=2), lambda done, total, what: told.append(what))
    return 1 + next(i for i, what in enumerate(told) if "fold 2" in what and "epoch 1 " in what)


def test_a_sweep_whose_job_is_gone_goes_on_with_its_trials(store_with_clips):
    store = store_with_clips
    parent = parent_of(store, submit_sweep(store, sweep_request(store, space_of(learning_rate=RATES))))
    advance(parent)
    do_waiting_trials(parent)
    delete_job(store, parent.job.id)
    models = {path: path.stat().st_mtime_ns for path in parent.folder.rglob("model.safetensors")}
    assert len(models) == 2
    job = resume_run(store, get_run(store, parent.job.run_id))
    assert (job.kind, job.state, job.needs) == ("sweep", "queued", {})
    parent = parent_of(store, job)
    while advance(parent):
        do_waiting_trials(parent)
    sweep = finish_sweep(store, parent.folder)
    assert [row.state for row in sweep.rows] == ["done"] * 3
    assert {path: path.stat().st_mtime_ns for path in models} == models, "nothing trained is trained again"


def test_a_run_of_the_queue_gets_its_own_job_back(store_with_clips):
    store = store_with_clips
    job = submit_run(store, request_for(store, "cv", n_folds=2))
    cancel_job(store, job.id)
    again = resume_run(store, get_run(store, job.run_id))
    assert (again.id, again.state) == (job.id, "queued")
    assert {part.state for part in list_jobs(store, parent=job.id)} == {"queued"}
    assert len(list_jobs(store)) == 3


def test_what_is_no_run_of_its_own_or_elsewhere_is_refused(store_with_clips, tmp_path):
    store = store_with_clips
    run = prepare(store, request_for(store))
    with pytest.raises(StoreError, match="is a part of another run; resume above"):
        resume_run(store, dataclasses.replace(run, kind="fold", parent="above"))
    with pytest.raises(StoreError, match="lies outside the workspace"):
        resume_run(store, dataclasses.replace(run, folder=str(tmp_path / "elsewhere")))
    assert list_jobs(store) == ()


def test_a_process_on_another_machine_is_trusted_as_long_as_it_writes(tmp_path, monkeypatch):
    write_json(tmp_path / "process.json", {"host": "another", "pid": 7, "started": 1.0})
    assert trainer_of(tmp_path) == Trainer("another", 7, 1.0)
    monkeypatch.setattr(foreground, "SILENCE", -1.0)
    assert trainer_of(tmp_path) is None
    write_json(tmp_path / "process.json", {"host": socket.gethostname(), "pid": os.getpid(), "started": 1.0})
    assert trainer_of(tmp_path) is None, "the number of a process that was another then"
    write_json(tmp_path / "process.json", ["damaged"])
    assert trainer_of(tmp_path) is None
