import dataclasses
import os
import shutil
import time
from pathlib import Path

import pytest
from small_study import make_study, short_recipe

from affexion_core.errors import ConfigError, NotFoundError, StoreError
from affexion_core.evaluation.comparing import shared_clips
from affexion_core.evaluation.paired import compare
from affexion_core.exported import is_exported
from affexion_core.jobs.engine import EngineStatus
from affexion_core.jobs.foreground import trained_here
from affexion_core.jobs.process import start_time
from affexion_core.jobs.submit import log_path, submit_run
from affexion_core.run_folder import (
    ScoredClip,
    append_history,
    fold_folders,
    read_evaluation,
    read_predictions,
    read_run,
    write_json,
)
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import add_job, beat, claim_job, end_job, get_job, list_jobs, note_process
from affexion_core.store.runs import get_run, list_runs, save_run
from affexion_core.store.session import open_store
from affexion_core.training.prepare import HeldOut, RunRequest, prepare
from affexion_core.workspace import open_workspace
from affexion_ui.compare_runs import differing, evaluations_of, run_names, verdict
from affexion_ui.engine_state import engine_words
from affexion_ui.run_actions import clone_address, delete_entry
from affexion_ui.run_entries import entry_of, how_far, list_entries, now_words
from affexion_ui.run_notes import RunNotes, read_notes, rename_run, write_notes
from affexion_ui.run_view import memory_words, tail


@pytest.fixture(autouse=True)
def engine_calls(monkeypatch):
    """Count the starts of the engine instead of starting one; tests/browser starts a real one."""
    calls = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", calls.append)
    return calls


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("template"))


@pytest.fixture
def own(template, tmp_path, monkeypatch):
    """A study of this test's own, to be changed: a copy, with its runs' folders where they now lie."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    root = tmp_path / "workspace"
    shutil.copytree(template.store.workspace.root, root)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(root))
    store = open_store(open_workspace())
    for run in list_runs(store):
        save_run(store, dataclasses.replace(run, folder=str(root / "runs" / Path(run.folder).name)))
    return store


def queue(store, kind="train", epochs=3, **more):
    return submit_run(store, RunRequest(kind, short_recipe(epochs), load_dataset(store, "voices"), n_folds=2, **more))


def start(store, job, pid=None, host="here"):
    claimed = claim_job(store, job.id, host, time.time())
    if pid is not None:
        note_process(store, job.id, claimed.token, pid, start_time(pid))
    return claimed


def listed(at):
    return next(frame.value for frame in at.dataframe if "Progress" in frame.value.columns)


def states(at):
    return [row[0].split(" ", 1)[1] for row in listed(at)["State"]]


def labels(at):
    return {button.label for button in at.button}


def test_an_empty_workspace_says_how_to_fill_it(workspace, open_page, words):
    at = open_page("runs")
    assert not at.exception
    assert "Nothing queued, running or done yet" in words(at)


def test_everything_stands_in_one_list_newest_first(own, open_page, words):
    queue(own, name="Waiting")
    failed = queue(own, name="Fails")
    end_job(own, failed.id, start(own, failed).token, "failed", "out of memory")
    queue(own, "cv", name="Folds")
    at = open_page("runs")
    assert not at.exception
    table = listed(at)
    assert sorted(states(at)) == ["done", "done", "failed", "queued", "queued"]
    by_name = {row["Run"]: row for row in table.to_dict("records")}
    assert by_name["Folds"]["Data"] == "voices, 2 folds"
    assert "Out of memory" in by_name["Fails"]["Accuracy, or what happens"]
    done = by_name["First model"]["Accuracy, or what happens"]
    accuracy = read_evaluation(Path(get_run(own, "First model").folder), "people").scores.accuracy
    assert done.startswith(f"{accuracy.value * 100:.0f} % (") and "n = 16" in done and "clean" in done
    assert list(table["Progress"]).count(100.0) == 2


def test_folds_stand_under_their_run(own, open_page):
    job = queue(own, "cv")
    entry = entry_of(own, job.run_id)
    assert [part.kind for part in entry.parts] == ["fold", "fold"]
    assert len(list_entries(own)) == 3
    assert not any(row.startswith("fold") for row in listed(open_page("runs"))["Run"])


def test_progress_counts_epochs_over_all_folds_and_estimates_the_rest(own):
    job = queue(own, "cv", epochs=4)
    start(own, job)
    first, second = (own.workspace.root / part.spec["folder"] for part in entry_of(own, job.run_id).parts)
    fold = start(own, entry_of(own, job.run_id).parts[0])
    for epoch in (1, 2, 3):
        append_history(first, {"epoch": epoch, "train_loss": 1.0, "train_accuracy": 0.5, "seconds": 2.0})
    far = how_far(entry_of(own, job.run_id))
    assert (far.done, far.total, far.seconds_left) == (3, 8, 10.0)
    start(own, entry_of(own, job.run_id).parts[1])
    assert how_far(entry_of(own, job.run_id)).seconds_left == 5.0
    beat(own, fold.id, fold.token, time.time(), 3, 4, "epoch 3 of 4: loss 1.000")
    assert now_words(entry_of(own, job.run_id)) == "0 of 2 folds done; fold 1: epoch 3 of 4: loss 1.000"
    assert second.is_dir()


def test_the_attempt_shows_from_the_second_on(own):
    job = queue(own)
    claimed = start(own, job)
    assert now_words(entry_of(own, job.run_id)) == "Starting …"
    from affexion_core.store.jobs import lose_job

    lose_job(own, job.id, claimed.token, "killed")
    assert now_words(entry_of(own, job.run_id)) == "Waiting for a free slot. Last time: killed"
    start(own, job)
    assert now_words(entry_of(own, job.run_id)).startswith("Attempt 2.")


def test_a_running_run_shows_curves_log_and_memory(own, open_page, words):
    import os
    import socket

    job = queue(own)
    start(own, job, os.getpid(), socket.gethostname())
    folder = own.workspace.root / job.spec["folder"]
    append_history(folder, {"epoch": 1, "train_loss": 1.2, "train_accuracy": 0.5, "seconds": 1.0})
    append_history(folder, {"epoch": 2, "train_loss": 0.9, "train_accuracy": 0.7, "seconds": 1.0})
    log_path(own, job).write_text("Job begins.\n" * 500 + "The last line\n")
    at = open_page("runs", run=job.run_id)
    assert not at.exception
    assert len(at.get("plotly_chart")) == 1
    assert "2 of 3 epochs, about 1 s left" in at.get("progress")[0].proto.text
    at.session_state[f"run-tab-{job.run_id}"] = "Log"
    at.run()
    assert at.code[0].value.endswith("The last line")
    assert at.code[0].value.count("\n") == 199
    at.session_state[f"run-tab-{job.run_id}"] = "Process"
    at.run()
    process = next(frame.value for frame in at.dataframe if "Memory" in frame.value.columns)
    assert process["Memory"][0].endswith(" MB")
    assert process["Process"][0] == str(os.getpid())


def test_memory_of_a_process_elsewhere_or_another_one_is_not_told(own):
    import os
    import socket

    job = queue(own)
    start(own, job, os.getpid(), "elsewhere")
    assert memory_words(get_job(own, job.id)) == ""
    reused = dataclasses.replace(get_job(own, job.id), host=socket.gethostname(), pid_started=1.0)
    assert memory_words(reused) == ""


def test_a_queued_run_is_cancelled_and_resumed(own, open_page, engine_calls):
    job = queue(own, "cv")
    at = open_page("runs", run=job.run_id)
    assert "Cancel" in labels(at) and "Resume" not in labels(at)
    assert not [popover for popover in at.get("popover") if popover.proto.popover.label == "Delete"]
    at.button("run-cancel").click().run()
    assert not at.exception
    assert get_job(own, job.id).state == "cancelled"
    assert {part.state for part in list_jobs(own, parent=job.id)} == {"cancelled"}
    assert not engine_calls
    assert "Cancel" not in labels(at)
    at.button("run-resume").click().run()
    assert get_job(own, job.id).state == "queued"
    assert engine_calls == [own.workspace]


def test_a_queue_without_an_engine_can_be_set_going(own, open_page, engine_calls, monkeypatch):
    job = queue(own)
    at = open_page("runs", run=job.run_id)
    at.button("run-go-on").click().run()
    assert not at.exception and engine_calls == [own.workspace]
    assert get_job(own, job.id).state == "queued"
    running = EngineStatus(True, "running", slots=2)
    monkeypatch.setattr("affexion_core.jobs.engine.engine_status", lambda workspace: running)
    assert "Go on" not in labels(at.run())


def test_a_failed_run_is_tried_again(own, open_page, words):
    job = queue(own)
    end_job(own, job.id, start(own, job).token, "failed", "error: the disk is full")
    at = open_page("runs", run=job.run_id)
    assert "The disk is full" in words(at).replace("\\", "") or "disk is full" in at.error[0].value
    at.button("run-try-again").click().run()
    again = get_job(own, job.id)
    assert (again.state, again.attempt) == ("queued", 0)


def test_an_action_that_can_not_be_is_told(own, open_page):
    job = queue(own)
    end_job(own, job.id, start(own, job).token, "failed", "killed")
    at = open_page("runs", run=job.run_id)
    from affexion_core.store.jobs import requeue_job

    requeue_job(own, job.id)
    start(own, job)
    at.button("run-try-again").click().run()
    assert not at.exception
    assert "is running; cancel it first" in at.error[0].value.replace("\\", "")


def test_name_star_and_notes_are_kept_with_the_run(own, open_page):
    run = get_run(own, "First model")
    at = open_page("runs", run=run.id)
    at.text_input(f"run-name-{run.id}").set_value("Better name").run()
    at.button("run-star").click().run()
    at.text_area(f"run-notes-{run.id}").set_value("Try *fewer* epochs").run()
    assert not at.exception
    assert get_run(own, run.id).name == read_run(Path(run.folder)).name == "Better name"
    assert read_notes(Path(run.folder)) == RunNotes(True, "Try *fewer* epochs")
    assert "★ Better name" in list(listed(at)["Run"])
    at.button_group("runs-show").set_value("starred").run()
    assert len(listed(at)) == 1
    assert at.text_area(f"run-notes-{run.id}").value == "Try *fewer* epochs"


def test_two_runs_can_not_have_one_name(own):
    other = next(run for run in list_runs(own) if run.kind == "cv")
    with pytest.raises(ConfigError, match="called 'First model' already"):
        rename_run(own, other, " First  model ")
    with pytest.raises(ConfigError, match="81 characters"):
        rename_run(own, other, "x" * 81)
    rename_run(own, get_run(own, "First model"), "")
    assert {run.name for run in list_runs(own)} == {None}


def test_damaged_notes_are_none(tmp_path):
    for content in ("{", "[1]", '"text"'):
        (tmp_path / "notes.json").write_text(content)
        assert read_notes(tmp_path) == RunNotes()


def test_deleting_names_what_goes_and_takes_all_of_it(own, open_page, words):
    run = get_run(own, "First model")
    at = open_page("runs", run=run.id)
    said = words(at)
    assert "1 trained model" in said and "2 measurements with predictions" in said
    assert Path(run.folder).name in said
    at.button("run-delete").click().run()
    assert not at.exception
    assert not Path(run.folder).exists()
    with pytest.raises(NotFoundError):
        get_run(own, run.id)
    assert len(listed(at)) == 1


def test_a_queued_run_is_deleted_with_its_jobs(own):
    job = queue(own, "cv")
    entry = entry_of(own, job.run_id)
    start(own, entry.parts[0])
    with pytest.raises(StoreError, match="running"):
        delete_entry(own, entry)
    assert Path(entry.run.folder).is_dir() and get_run(own, job.run_id)
    token = get_job(own, entry.parts[0].id).token
    end_job(own, entry.parts[0].id, token, "cancelled")
    delete_entry(own, entry)
    assert not list_jobs(own) and not Path(entry.run.folder).exists()


def test_a_folder_outside_the_workspace_is_left_alone(own, tmp_path):
    outside = tmp_path / "precious"
    outside.mkdir()
    run = dataclasses.replace(get_run(own, "First model"), folder=str(outside))
    save_run(own, run)
    with pytest.raises(StoreError, match="outside the workspace"):
        delete_entry(own, entry_of(own, run.id))
    assert outside.is_dir() and get_run(own, run.id)


def test_a_clone_fills_the_train_page_in(own, open_page):
    config = dataclasses.replace(short_recipe(9), seed=4)
    voices, people = load_dataset(own, "voices"), load_dataset(own, "people")
    run = prepare(own, RunRequest("cv", config, voices, HeldOut(people), n_folds=4, group="speaker"))
    at = open_page("train", **clone_address(run))
    assert not at.exception
    assert at.selectbox("train:preset").value == "linear"
    assert at.selectbox("train:dataset").value == "voices"
    assert at.selectbox("train:test").value == "people"
    assert at.number_input("train:folds").value == 4
    assert at.number_input("train:seed").value == 4
    assert at.selectbox("train:group").value == "speaker"
    assert at.number_input("set:training.epochs").value == 9
    assert at.button_group("train:kind").value == "cv"


def test_two_runs_are_compared_on_the_clips_both_were_measured_on(own, open_page, words):
    from affexion_core.training.execute import run_here

    other = dataclasses.replace(short_recipe(1), seed=3)
    second = run_here(
        own, RunRequest("train", other, load_dataset(own, "voices"), HeldOut(load_dataset(own, "people")))
    )
    first = get_run(own, "First model")
    at = open_page("runs", run=f"{first.id},{second.id}")
    assert not at.exception
    said = words(at)
    assert "2 runs compared" in said
    mine, theirs = (read_predictions(Path(run.folder), "people") for run in (first, second))
    expected = compare(
        [row.reference for row in mine],
        [row.predicted for row in mine],
        [row.predicted for row in theirs],
        first.labels,
    )
    assert f"McNemar p = {expected.mcnemar_p:.3f}" in said or "McNemar p < 0.001" in said
    assert "n = 16" in said
    at.session_state["compare-tab"] = "Settings that differ"
    at.run()
    shown = next(frame.value for frame in at.dataframe if "Setting" in frame.value.columns)
    assert set(shown["Setting"]) == {"training.epochs", "seed"}
    at.session_state["compare-tab"] = "Learning"
    at.run()
    assert len(at.get("plotly_chart")) == 1


def test_runs_on_other_sets_are_not_compared(own, open_page, words):
    first = get_run(own, "First model")
    waiting = queue(own)
    at = open_page("runs", run=f"{first.id},{waiting.run_id}")
    assert "were not measured on the same dataset" in words(at)


def test_clips_pair_only_under_the_same_label():
    def row(clip, reference, predicted):
        return ScoredClip(clip, reference, predicted, (1.0,))

    first = [row("a", "x", "x"), row("b", "x", "y"), row("c", "y", "y")]
    second = [row("b", "x", "x"), row("a", "y", "x"), row("d", "x", "x")]
    shared = shared_clips(first, second)
    assert shared.clip_ids == ("b",)
    assert (shared.first, shared.second, set(shared.labels)) == (("y",), ("x",), {"x", "y"})


def test_the_verdict_says_only_what_the_interval_supports():
    right, wrong = ["x", "y"] * 40, ["y", "x"] * 40
    clear = verdict(compare(right, right, wrong, ("x", "y")), "A", "B")
    assert "Accuracy: +100 points" in clear and "**A** is better" in clear and "p < 0.001" in clear
    open_question = verdict(compare(right, right, right, ("x", "y")), "A", "B")
    assert "don’t show which is better" in open_question and "0 points" in open_question
    assert "p = 1.000" in open_question


def test_what_a_run_had_not_seen_goes_before_its_own_clips(own):
    found = evaluations_of(get_run(own, "First model"))
    assert {name: evaluation.part for name, evaluation in found.items()} == {"people": "test", "voices": "train"}


def test_names_of_compared_runs_differ(own):
    jobs = [queue(own) for _ in range(2)]
    entries = [entry_of(own, job.run_id) for job in jobs]
    names = run_names(entries)
    assert len(set(names.values())) == 2
    assert differing([entry.run for entry in entries], names) == []


def test_a_job_without_a_run_stands_in_the_list(own, open_page):
    sweep = add_job(own, "sweep", {"trials": 2})
    add_job(own, "trial", {}, parent=sweep.id)
    at = open_page("runs", run=sweep.id)
    assert not at.exception
    assert "Sweep" in list(listed(at)["Run"])


def test_a_run_stopped_outside_the_queue_is_not_called_done(own):
    run = prepare(own, RunRequest("train", short_recipe(), load_dataset(own, "voices")))
    entry = entry_of(own, run.id)
    assert entry.state == "unfinished"
    assert "Stopped before its end" in now_words(entry)


@pytest.mark.parametrize("kind", ["train", "cv"])
def test_a_run_stopped_outside_the_queue_is_resumed_by_it(kind, own, open_page, words, engine_calls):
    run = prepare(own, RunRequest(kind, short_recipe(), load_dataset(own, "voices"), n_folds=2))
    at = open_page("runs", run=run.id)
    assert "Stopped before its end" in words(at)
    at.button("run-resume").click().run()
    assert not at.exception and not at.error
    assert states(at)[0] == "queued" and engine_calls == [own.workspace]
    job = entry_of(own, run.id).job
    assert (job.kind, job.run_id, len(list_jobs(own, parent=job.id))) == (kind, run.id, 0 if kind == "train" else 2)
    assert "Resume" not in labels(at) and "Cancel" in labels(at)


def test_a_run_that_a_command_still_trains_is_left_to_it(own, open_page, words):
    run = prepare(own, RunRequest("train", short_recipe(), load_dataset(own, "voices")))
    with trained_here(Path(run.folder)):
        at = open_page("runs", run=run.id)
        assert f"Being trained outside the queue, by process {os.getpid()}" in words(at).replace("\\", "")
        assert not {"Resume", "Delete for good"} & labels(at)
    assert {"Resume", "Delete for good"} <= labels(at.run())


def test_a_damaged_run_is_an_error_in_words(own, open_page):
    run = get_run(own, "First model")
    (Path(run.folder) / "run.json").write_text("{ cut sho")
    at = open_page("runs", run=run.id)
    assert not at.exception


def test_what_an_engine_left_as_running_is_set_right(own, open_page):
    import socket

    job = queue(own)
    claimed = claim_job(own, job.id, socket.gethostname(), time.time())
    note_process(own, job.id, claimed.token, 2**22 - 3, 1.0)
    assert states(open_page("runs", run=job.run_id))[0] == "queued"
    assert get_job(own, job.id).reason == "killed"


def test_the_tail_of_a_log_is_read_however_long_it_is(tmp_path):
    log = tmp_path / "log.txt"
    assert tail(log) == []
    log.write_bytes(b"\xff broken\n" * 100_000 + "last ü\n".encode())
    lines = tail(log)
    assert len(lines) == 200 and lines[-1] == "last ü"


@pytest.mark.parametrize(
    ("running", "jobs", "waiting", "words"),
    [
        (False, 0, 0, "Engine **stopped**"),
        (False, 0, 2, "Engine **stopped**, 2 waiting"),
        (True, 0, 0, "Engine **idle** on 2 slots"),
        (True, 1, 3, "Engine **running 1 job** on 2 slots, 3 waiting"),
    ],
)
def test_the_engines_state_in_words(running, jobs, waiting, words):
    assert engine_words(EngineStatus(running, "", slots=2), jobs, waiting)[1] == words


def test_curves_of_folds_are_drawn_over_each_other(own):
    from affexion_core.plots.compare import mean_history, plot_curves
    from affexion_core.run_folder import read_history

    run = next(run for run in list_runs(own) if run.kind == "cv")
    curves = {folder.name: read_history(folder) for folder in fold_folders(Path(run.folder))}
    figure = plot_curves(curves)
    assert len(figure.data) == 4
    assert list(figure.data[0].y) == [row["train_loss"] for row in curves["1"]]
    mean = mean_history(list(curves.values()))
    assert mean[0]["train_loss"] == pytest.approx(sum(rows[0]["train_loss"] for rows in curves.values()) / 2)
    assert "ends at loss" in figure.layout.meta["alt"]
    assert plot_curves({}).layout.meta["alt"] == "Learning curves: none yet."


def test_ends_of_curves_that_meet_keep_their_names_apart():
    from affexion_core.plots.compare import plot_curves

    row = {"epoch": 1, "train_loss": 1.0, "train_accuracy": 1.0}
    figure = plot_curves({f"fold {k}": [row] for k in range(7)})
    places = sorted(a.y for a in figure.layout.annotations if a.yref == "y2")
    assert len(places) == 7 and places[-1] <= 1.04
    assert min(b - a for a, b in zip(places, places[1:], strict=False)) > 0.08


def test_write_notes_leaves_the_run_description_alone(own):
    run = get_run(own, "First model")
    before = (Path(run.folder) / "run.json").read_bytes()
    write_notes(Path(run.folder), RunNotes(True, "x"))
    assert (Path(run.folder) / "run.json").read_bytes() == before
    write_json(Path(run.folder) / "notes.json", {"star": 1})
    assert read_notes(Path(run.folder)) == RunNotes(True, "")


def test_a_run_is_exported_from_its_settings(own, open_page, words):
    pytest.importorskip("onnxruntime")
    run = get_run(own, "First model")
    at = open_page("runs", run=run.id)
    at.session_state[f"run-tab-{run.id}"] = "Settings"
    at.run()
    assert "Export to ONNX" in labels(at) and "Exported" not in words(at)
    next(button for button in at.button if button.label == "Export to ONNX").click().run(timeout=120)
    assert not at.exception and "Export to ONNX again" in labels(at)
    assert "Exported; outputs differ by at most" in words(at)
    assert is_exported(Path(run.folder))
