"""A sweep on the page Runs: one that has come to its end, one that is going on, and what can be done with them."""

import dataclasses
import shutil
import time
from pathlib import Path

import pytest
from small_study import SmallStudy, make_study, short_recipe

from affexion_core.jobs.submit import submit_sweep
from affexion_core.jobs.sweep import Parent, advance, do_trial
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import beat, claim_job, delete_job, end_job, get_job, list_jobs
from affexion_core.store.runs import get_run, list_runs, save_run
from affexion_core.store.session import open_store
from affexion_core.training.prepare import HeldOut
from affexion_core.training.space import space_from_json
from affexion_core.training.study import open_study
from affexion_core.training.sweep import SweepRequest, read_note, read_plan, write_note
from affexion_core.training.sweep_result import finish_sweep, read_sweep
from affexion_core.types import no_progress
from affexion_core.workspace import open_workspace
from affexion_ui.run_actions import clone_address
from affexion_ui.run_entries import data_words, entry_of, how_far, list_entries, now_words
from affexion_ui.sweep_view import against_words, trial_address, trial_rows, with_running

# Learns nothing, and the tones by heart.
RATES = [1e-9, 1e-2]


def sweep_request(store, **options):
    space = space_from_json({"name": "own values", "parameters": {"learning_rate": {"choices": RATES}}})
    voices, people = load_dataset(store, "voices"), load_dataset(store, "people")
    return SweepRequest(short_recipe(3), voices, space, HeldOut(people), **{"n_folds": 2, **options})


def parent_of(store, job) -> Parent:
    folder = store.workspace.runs / str(job.run_id)
    planned = read_plan(folder)
    return Parent(store, job, folder, planned, open_study(folder, planned))


def carry_out(store, request):
    """Do a whole sweep in this process; gives its job, done."""
    job = submit_sweep(store, request)
    claimed = claim_job(store, job.id, "here", time.time())
    parent = parent_of(store, job)
    while advance(parent):
        for child in list_jobs(store, states=("queued",), parent=job.id):
            trial = claim_job(store, child.id, "here", time.time())
            do_trial(store, trial, no_progress)
            end_job(store, child.id, trial.token, "done")
    finish_sweep(store, parent.folder)
    end_job(store, job.id, claimed.token, "done")
    return get_job(store, job.id)


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> SmallStudy:
    """A study with two sweeps: one chosen by the folds, a newer one by the test set."""
    made = make_study(tmp_path_factory.mktemp("swept"))
    carry_out(made.store, sweep_request(made.store, name="By folds"))
    carry_out(made.store, sweep_request(made.store, name="By test", select_on_test=True))
    return made


@pytest.fixture(autouse=True)
def engine_calls(monkeypatch):
    """Count the starts of the engine instead of starting one; tests/browser starts a real one."""
    calls = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", calls.append)
    return calls


@pytest.fixture
def in_swept(swept, monkeypatch):
    """Point the app at the study with sweeps, which a test may read but not change."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(swept.store.workspace.root))
    return swept.store


@pytest.fixture
def own(swept, tmp_path, monkeypatch):
    """A study of this test's own, to be changed: a copy, with its runs' folders where they now lie."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    root = tmp_path / "workspace"
    shutil.copytree(swept.store.workspace.root, root)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(root))
    store = open_store(open_workspace())
    for run in [*list_runs(store), *list_runs(store, "trial")]:
        inside = Path(run.folder).relative_to(swept.store.workspace.root)
        save_run(store, dataclasses.replace(run, folder=str(root / inside)))
    return store


@pytest.fixture
def going_on(own):
    """A sweep of three trials that is running: one is done, one runs in its second fold, one is not yet made."""
    request = sweep_request(own)
    space = space_from_json({"name": "own values", "parameters": {"learning_rate": {"choices": [*RATES, 1e-3]}}})
    job = submit_sweep(own, dataclasses.replace(request, space=space))
    claimed = claim_job(own, job.id, "here", time.time())
    parent = parent_of(own, job)
    advance(parent)
    (first,) = list_jobs(own, parent=job.id)
    trial = claim_job(own, first.id, "here", time.time())
    do_trial(own, trial, no_progress)
    end_job(own, first.id, trial.token, "done")
    advance(parent)
    (second,) = list_jobs(own, states=("queued",), parent=job.id)
    trial = claim_job(own, second.id, "here", time.time())
    beat(own, second.id, trial.token, time.time(), 3, 6, "fold 2 of 2, epoch 1 of 3: loss 1.2")
    folder = parent.folder / "trials" / "2"
    write_note(folder, dataclasses.replace(read_note(folder), state="running", folds=({"accuracy": 0.5, "uar": 0.5},)))
    beat(own, job.id, claimed.token, time.time(), 150, 300, "3 trials: 1 done, 1 running")
    return job


def listed(at):
    return next(frame.value for frame in at.dataframe if "Progress" in frame.value.columns)


def trials(at):
    return next(frame.value for frame in at.dataframe if "Trial" in frame.value.columns)


def labels(at):
    return {button.label for button in at.button}


def by_name(store, name):
    return next(run for run in list_runs(store) if run.name == name)


def test_a_finished_sweep_shows_its_table_figure_best_and_what_is_noise(in_swept, open_page, words):
    run = by_name(in_swept, "By folds")
    at = open_page("runs", run=run.id)
    assert not at.exception and not at.error
    sweep = read_sweep(Path(run.folder))
    table = trials(at)
    assert list(table["Trial"]) == ["1", "2 ★ best"]
    assert list(table["learning_rate"]) == ["1e-09", "0.01"]
    assert [state[0] for state in table["State"]] == ["✓ done"] * 2
    best = sweep.row(2)
    figure = best.test.accuracy
    assert (
        table["Test set"][1] == f"{100 * figure.value:.0f} % ({100 * figure.low:.0f}–{100 * figure.high:.0f}, n = 16)"
    )
    assert table["Held-out clips"][1].endswith("n = 32)")
    uar = [f"{100 * value:.0f}" for value in (best.uar.mean, best.uar.low, best.uar.high)]
    assert table["UAR over folds"][1] == f"{uar[0]} % ({uar[1]}–{uar[2]})" and best.uar.mean > 0.8
    assert list(table["Split"]) == ["clean", "clean"]
    assert table["Against the best"][0] == against_words(sweep, 1) and table["Against the best"][1] == "–"
    assert table["Against the best"][0].startswith("worse, p")
    said = words(at).replace("\\", "")
    assert f"Best by mean UAR over the folds, {uar[0]} %: **learning_rate 0.01**" in said
    assert "Clip by clip on the same 16 test clips, worse than learning_rate 0.01 by more than chance: 1e-09." in said
    assert "selected on test" not in said
    assert len(at.get("plotly_chart")) == 1


def test_the_list_says_what_was_best(in_swept, open_page):
    rows = {row["Run"]: row for row in listed(open_page("runs")).to_dict("records")}
    row = rows["By folds"]
    assert row["Data"] == "voices, sweep of 2 trials → people" and row["Progress"] == 100
    assert row["Accuracy, or what happens"].startswith("best learning_rate 0.01: ")
    assert "n = 16" in row["Accuracy, or what happens"] and row["Accuracy, or what happens"].endswith(", clean")
    assert "selected on test" in rows["By test"]["Accuracy, or what happens"]


def test_selection_on_the_test_set_stands_at_every_figure(in_swept, open_page, words):
    run = by_name(in_swept, "By test")
    at = open_page("runs", run=run.id)
    assert not at.exception
    assert list(trials(at)["Split"]) == ["selected on test, clean"] * 2
    said = words(at)
    assert "by UAR on the test set" in said and "UAR on the test set decides" in said
    badges = [str(markdown.value) for markdown in at.markdown if "badge" in str(markdown.value)]
    assert sum("selected on test" in badge for badge in badges) == 2, "beside the best, and at the result"


def test_the_best_trial_fills_the_train_page_in(in_swept, open_page):
    run = by_name(in_swept, "By folds")
    sweep = read_sweep(Path(run.folder))
    address = trial_address(sweep, sweep.row(2))
    at = open_page("train", **address)
    assert not at.exception
    assert at.button_group("train:kind").value == "train"
    assert at.selectbox("train:test").value == "people"
    assert at.number_input("set:training.learning_rate").value == 0.01
    assert at.number_input("set:training.epochs").value == 3


def test_a_sweep_is_cloned_with_what_it_tried(in_swept, open_page):
    run = by_name(in_swept, "By test")
    at = open_page("train", **clone_address(run))
    assert not at.exception
    assert at.button_group("train:kind").value == "sweep" and at.number_input("train:each").value == 2
    assert at.selectbox("train:space").value == "own"
    assert at.selectbox("train:vary").value == "training.learning_rate"
    assert at.text_input("train:values").value == "1e-09, 0.01"
    assert at.toggle("train:on_test").value is True
    assert at.button("train-start").label == "Start 2 trials"


def test_a_running_sweep_counts_trials_and_shows_what_there_is(own, going_on, open_page, words):
    entry = entry_of(own, going_on.run_id)
    assert data_words(entry) == "voices, sweep of 3 trials → people"
    far = how_far(entry)
    assert (far.done, far.total, far.share) == (1, 3, 0.5) and far.seconds_left is not None
    assert now_words(entry) == "1 of 3 trials done; trial 2: fold 2 of 2, epoch 1 of 3: loss 1.2"
    assert len(list_entries(own)) == 5, "trials stand under their sweep"
    at = open_page("runs", run=going_on.run_id)
    assert not at.exception
    table = trials(at)
    assert [state[0] for state in table["State"]] == ["✓ done", "▶ running"]
    assert table["UAR over folds"][1] == "50 % (50–50, 1 of 2 folds)"
    said = words(at)
    assert "Best so far by mean UAR" in said and "tested when all trials are done" in said
    assert "1 of 3 trials" in str(at.get("progress")[0].proto.text)
    assert "Cancel all" in labels(at) and "Resume" not in labels(at)


def test_a_trial_whose_job_runs_is_called_running(own, going_on):
    folder = own.workspace.runs / going_on.run_id
    note = read_note(folder / "trials" / "2")
    write_note(folder / "trials" / "2", dataclasses.replace(note, state="waiting", folds=()))
    parts = list_jobs(own, parent=going_on.id)
    assert [row.state for row in with_running(read_sweep(folder), parts).rows] == ["done", "running"]
    assert [row.state for row in with_running(read_sweep(folder), ()).rows] == ["done", "waiting"]


def test_cancel_all_takes_the_trials_along_and_resume_brings_them_back(own, going_on, open_page, engine_calls):
    at = open_page("runs", run=going_on.run_id)
    at.button("run-cancel-all").click().run()
    assert {job.state for job in list_jobs(own, parent=going_on.id)} <= {"done", "running", "cancelled"}
    assert all(job.cancel for job in list_jobs(own, states=("running",)))
    for job in list_jobs(own, states=("running",)):
        end_job(own, job.id, job.token, "cancelled", "cancelled")
    at = open_page("runs", run=going_on.run_id)
    assert "Resume" in labels(at)
    at.button("run-resume").click().run()
    assert get_job(own, going_on.id).state == "queued"
    assert sorted(job.state for job in list_jobs(own, parent=going_on.id)) == ["done", "queued"]
    assert len(engine_calls) == 2


def test_a_sweep_whose_job_is_gone_is_resumed(own, going_on, open_page):
    for job in list_jobs(own, states=("running",)):
        end_job(own, job.id, job.token, "cancelled", "cancelled")
    delete_job(own, going_on.id)
    at = open_page("runs", run=going_on.run_id)
    at.button("run-resume").click().run()
    assert not at.exception and not at.error
    job = entry_of(own, going_on.run_id).job
    assert (job.kind, job.state) == ("sweep", "queued") and job.id != going_on.id


def test_a_sweep_without_trials_yet_says_what_will_show(own, open_page, words):
    job = submit_sweep(own, sweep_request(own))
    at = open_page("runs", run=job.run_id)
    assert not at.exception
    assert "A row for each trial shows here" in words(at)


def test_a_pruned_and_a_failed_trial_say_why(in_swept):
    sweep = read_sweep(Path(by_name(in_swept, "By folds").folder))
    first = dataclasses.replace(sweep.rows[0], state="failed", reason="the loss is no number", uar=None, cv=None,
                                test=None, cv_stamp=None, test_stamp=None)  # fmt: skip
    rows = trial_rows(dataclasses.replace(sweep, rows=(first, sweep.rows[1]), differences=()))
    assert rows[0]["State"] == ["✕ failed"] and rows[0]["Why"] == "the loss is no number"
    assert rows[0]["Test set"] == rows[0]["Split"] == "–"


def test_deleting_a_sweep_takes_its_trials(own, open_page):
    run = by_name(own, "By folds")
    at = open_page("runs", run=run.id)
    at.button("run-delete").click().run()
    assert not at.exception and not at.error
    assert not Path(run.folder).exists()
    assert [run.name for run in list_runs(own)] and "By folds" not in {run.name for run in list_runs(own)}
    assert len(list_runs(own, "trial")) == 2
    assert get_run(own, by_name(own, "By test").id)
