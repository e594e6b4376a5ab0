"""The deletion check as a job: queued once, cancelled in the middle, done again, and kept with the run."""

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from job_probes import start_process, wait_until

from affexion_core.__main__ import cli
from affexion_core.config import build
from affexion_core.discovery import load_plugin
from affexion_core.errors import ModelError, NotFoundError, StoreError
from affexion_core.explain.deletion import MOVED
from affexion_core.explain.evaluated import kept_attention, kept_deletion
from affexion_core.jobs.checking import newest_check, submit_check
from affexion_core.jobs.work import do_job
from affexion_core.report.document import Table, Text
from affexion_core.report.of_run import report_of_run
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import cancel_job, get_job, list_jobs, requeue_job
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import from_preset
from affexion_ui.run_actions import delete_entry
from affexion_ui.run_entries import entry_of, list_entries


@pytest.fixture
def attentive(store_with_clips):
    """A store with a very small network with attention, cross-validated in two folds."""
    recipe = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    small = build(load_plugin("models", "affexion").Config, {"channels": 4, "hidden": 4, "lstm_layers": 1, "dense": 8})
    recipe = dataclasses.replace(
        recipe, model_config=small, training=dataclasses.replace(recipe.training, epochs=1)
    )  # fmt: skip
    request = RunRequest("cv", recipe, load_dataset(store_with_clips, "tones"), n_folds=2)
    return store_with_clips, run_here(store_with_clips, request)


def test_a_check_is_queued_once_cancelled_in_the_middle_and_done_again(attentive):
    store, run = attentive
    job = submit_check(store, run, "cv")
    assert submit_check(store, run, "cv").id == job.id == newest_check(store, run, "cv").id
    assert job.needs == {"slot": 1} and [entry.job for entry in list_entries(store)] == [None]
    process, _ = start_process(store, job)
    cancel_job(store, job.id)
    process.wait(timeout=60)
    wait_until(lambda: get_job(store, job.id).state == "cancelled", 5)
    assert kept_deletion(run, "cv") is None

    told = []
    do_job(store, requeue_job(store, job.id), lambda *step: told.append(step))
    assert told[-1][:2] == (told[-1][1],) * 2 and len({step[0] for step in told}) > 10
    found = kept_deletion(run, "cv")
    assert found.n_clips == found.areas[MOVED].n == 16
    assert found.areas[MOVED].low <= found.areas[MOVED].value <= found.areas[MOVED].high
    assert list((Path(run.folder) / "explain").glob("deletion-*.json"))
    said = [block for section in report_of_run(store, run).sections for block in section.blocks]
    assert any(isinstance(block, Text) and "Does attention point" in block.markdown for block in said)
    assert any("n = 16" in str(block.rows) for block in said if isinstance(block, Table))
    told.clear()
    do_job(store, job, lambda *step: told.append(step))  # again, as after a crash at the end: nothing twice
    assert told == []


def test_what_can_not_be_checked_is_said_before_anything_is_queued(attentive):
    store, run = attentive
    with pytest.raises(NotFoundError, match="people"):
        submit_check(store, run, "people")
    with pytest.raises(StoreError, match="lies outside the workspace"):
        submit_check(store, dataclasses.replace(run, folder=copied(run, store.workspace.root.parent)), "cv")
    config = Path(run.folder) / "config.json"
    config.write_text(config.read_text().replace('"attention": true', '"attention": false'))
    with pytest.raises(ModelError, match="has no attention to look at"):
        submit_check(store, run, "cv")
    assert list_jobs(store, kind="deletion") == ()


def copied(run, to: Path) -> str:
    import shutil

    return str(shutil.copytree(run.folder, to / "elsewhere"))


def test_the_verb_queues_it_or_shows_what_is_kept_and_deleting_the_run_takes_its_checks(attentive, monkeypatch):
    store, run = attentive
    started = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", started.append)
    asked = ["deletion", run.id, "--on", "cv", "--background", "--json", "--workspace", str(store.workspace.root)]
    queued = json.loads(CliRunner().invoke(cli, asked).stdout)
    assert queued["kind"] == "deletion" and queued["run"] == run.id and len(started) == 1
    do_job(store, get_job(store, queued["job"]), lambda *step: None)
    shown = json.loads(CliRunner().invoke(cli, asked).stdout)
    assert shown["n_clips"] == 16 and "verdict" in shown and len(list_jobs(store, kind="deletion")) == 1
    delete_entry(store, entry_of(store, run.id))
    assert list_jobs(store) == () and not Path(run.folder).exists()


def test_gathering_is_a_job_of_its_own_beside_the_check_and_a_verb(attentive, monkeypatch):
    store, run = attentive
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", lambda workspace: None)
    check = submit_check(store, run, "cv")
    asked = ["attention", run.id, "--on", "cv", "--json", "--workspace", str(store.workspace.root)]
    queued = json.loads(CliRunner().invoke(cli, [*asked, "--background"]).stdout)
    assert queued["kind"] == "attention" and newest_check(store, run, "cv", "attention").id == queued["job"] != check.id
    assert [entry.job for entry in list_entries(store)] == [None] and kept_attention(run, "cv") is None
    do_job(store, get_job(store, queued["job"]), lambda *step: None)
    assert kept_attention(run, "cv").curves.shape[1] == 16
    shown = json.loads(CliRunner().invoke(cli, asked).stdout)
    assert shown["n_clips"] == 16 == shown["groups"].get("right", {"n": 0})["n"] + shown["groups"]["wrong"]["n"]
    assert sum(shown["groups"]["panic"]["attention"]) == pytest.approx(100, rel=1e-3)
    text = CliRunner().invoke(cli, [one for one in asked if one != "--json"]).output
    assert "panic (n = 4): " in text and "in the first third" in text
