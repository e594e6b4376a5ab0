"""Sweeps for real: trials trained on tones, a parent that is killed, selection, pruning."""

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest
from job_probes import wait_for, wait_until
from sweep_probes import (
    RATES,
    carry_out,
    do_waiting_trials,
    parent_of,
    space_of,
    sweep_of,
    sweep_request,
)
from tones import PITCH, write_folders

from affexion_core.__main__ import main
from affexion_core.commands.sweep import sweep_text
from affexion_core.errors import TrainingError
from affexion_core.evaluation.measuring import evaluate
from affexion_core.evaluation.selection import SELECTED_ON_TEST
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs import sweep as sweep_jobs
from affexion_core.jobs.parts import check_finished
from affexion_core.jobs.submit import log_path, submit_sweep
from affexion_core.jobs.sweep import advance
from affexion_core.run_folder import read_evaluation, read_run
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import claim_job, end_job, get_job, list_jobs, requeue_job
from affexion_core.store.runs import delete_run, get_run, list_evaluations, list_runs
from affexion_core.training.study import STARTUP_TRIALS
from affexion_core.training.sweep_result import finish_sweep

RATE = space_of(learning_rate=RATES)


@pytest.fixture
def store(store_with_clips, tmp_path):
    """A store with the dataset "tones", and "away": other speakers of the same labels."""
    away = write_folders(tmp_path / "away", speakers=2, takes=1, first_speaker=6)
    import_corpus(store_with_clips, "folder", away, ImportOptions(dataset="away"))
    return store_with_clips


@pytest.fixture
def store_with_a_trap(store_with_clips, tmp_path):
    """A store whose test set "trap" calls every tone by the name of another: who has learnt is always wrong there."""
    labels = list(PITCH)
    write_folders(tmp_path / "right", speakers=2, takes=1, first_speaker=6)
    for label, wrong in zip(labels, labels[1:] + labels[:1], strict=True):
        (tmp_path / "trap").mkdir(exist_ok=True)
        (tmp_path / "right" / label).rename(tmp_path / "trap" / wrong)
    import_corpus(store_with_clips, "folder", tmp_path / "trap", ImportOptions(dataset="trap"))
    return store_with_clips


@pytest.fixture
def verb(store, tmp_path, capsys):
    """Run the verb ``sweep`` over "tones" as a person types it; gives its exit code and what it printed."""
    (tmp_path / "rate.json").write_text(json.dumps({"parameters": {"learning_rate": {"choices": RATES}}}))

    def run(*arguments: str) -> tuple[int, str, str]:
        quick = ["--set", "epochs=6", "--set", "batch_size=8", "--folds", "2", "--train", "tones"]
        given = ["sweep", "--preset", "linear", "--space", str(tmp_path / "rate.json"), *quick, *arguments]
        capsys.readouterr()
        try:
            main([*given, "--workspace", str(store.workspace.root)])
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.mark.soak
@pytest.mark.xdist_group("engine")
def test_a_grid_of_three_values_end_to_end(store, engine, verb):
    code, out, err = verb("--test", "away", "--name", "Which rate", "--json")
    assert code == 0, err
    (job,) = list_jobs(store, kind="sweep")
    sweep = sweep_of(store, job)
    check_printed(json.loads(out), sweep)
    assert [row.values["learning_rate"] for row in sweep.rows] == list(RATES)
    assert [row.state for row in sweep.rows] == ["done"] * 3
    best = sweep.row(sweep.best)
    assert best.values == {"learning_rate": 1e-2} and sweep.selected_on == "cv" and sweep.stamp is None
    for row in sweep.rows:
        assert len(row.uar.values) == 2 and row.uar.low <= row.uar.mean <= row.uar.high
        assert (row.cv.n, row.test.n) == (16, 8)
        assert row.test.accuracy.low <= row.test.accuracy.value <= row.test.accuracy.high
        assert row.cv_stamp.startswith("clean") and row.test_stamp.startswith("clean")
    assert best.uar.mean == 1.0 and sweep.rows[0].uar.mean < 0.6
    pairs = [(found.a, found.b, found.part) for found in sweep.differences]
    assert pairs == [(3, 1, "test"), (3, 2, "test"), (1, 2, "test")]
    against = sweep.against_best(1)
    assert against.comparison.n == 8 and against.comparison.accuracy_difference.value > 0.4
    assert against.adjusted_p == pytest.approx(3 * against.comparison.mcnemar_p)
    listed = list_runs(store)
    assert [(run.kind, run.name, bool(run.finished)) for run in listed] == [("sweep", "Which rate", True)]
    assert listed[0].summary["best"] == {"trial": 3, "values": {"learning_rate": 1e-2}, "selected_on": "cv"}
    assert listed[0].summary["on"] == "away" and listed[0].summary["accuracy"]["value"] == best.test.accuracy.value
    assert read_evaluation(Path(get_run(store, best.run_id).folder), "away").scores == best.test
    trials = list_jobs(store, parent=job.id)
    assert all(trial.kind == "trial" and trial.needs == {"slot": 1} for trial in trials)
    assert "Done." in log_path(store, trials[0]).read_text()


def check_printed(printed, sweep):
    assert (printed["run"], printed["space"], printed["selected_on"]) == (sweep.run.id, "rate", "cv")
    assert printed["best"] == {"learning_rate": 1e-2} and printed["stamp"] is None
    assert [row["values"]["learning_rate"] for row in printed["rows"]] == list(RATES)
    last = printed["rows"][2]
    assert last["best"] and last["best_against_this"] is None and last["cv"]["uar"]["mean"] == 1.0
    assert last["test"]["n"] == 8 and last["test"]["split"].startswith("clean")
    assert last["test"]["accuracy"]["low"] <= last["test"]["accuracy"]["value"]
    assert printed["rows"][0]["best_against_this"]["adjusted_p"] == sweep.against_best(1).adjusted_p
    assert len(printed["differences"]) == 3
    text = sweep_text(sweep)
    assert "learning_rate 0.01   100 % (100–100)" in text and "measured on away" in text
    assert "best by mean UAR over the folds: learning_rate 0.01" in text and SELECTED_ON_TEST not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--select-on-test"], "To select on the test set there must be one; choose a test set. Options: --test."),
        (["--folds", "17"], "17 folds "),
        (["--space", "hidden"], "The space 'hidden' doesn't fit preset 'linear'. There is no setting 'hidden'."),
        (["--space", "widths"], "There is no space or file 'widths'. Shipped are channels, dropout, epochs, "),
        (["--set", "learning_rate=0.1"], "learning_rate is set and tried by the space 'rate'"),
        (["--train", "panics"], "Dataset 'panics' has one label only"),
        (
            ["--trials", "2"],
            "leave their number away, or let TPE draw. Options: --trials, --sampler.",
        ),
        (["--sampler", "luck"], "'luck' is not one of 'grid', 'tpe'"),
    ],
)
def test_what_cannot_be_swept_is_said_in_one_sentence(store, tmp_path, verb, arguments, words):
    alone = write_folders(tmp_path / "alone", labels=("panic",), takes=1, first_speaker=9)
    import_corpus(store, "folder", alone, ImportOptions(dataset="panics"))
    code, out, err = verb(*arguments)
    assert code == 2 and words in err and out == "" and "Traceback" not in err
    assert list_jobs(store) == () and list_runs(store) == ()


@pytest.mark.xdist_group("engine")
def test_a_killed_parent_goes_on_and_runs_no_finished_trial_again(store, engine):
    job = submit_sweep(store, sweep_request(store, RATE, epochs=30))
    engine()
    wait_until(lambda: any(trial.state == "done" for trial in list_jobs(store, parent=job.id)), 120)
    os.kill(get_job(store, job.id).pid, signal.SIGKILL)
    finished = {trial.id for trial in list_jobs(store, parent=job.id) if trial.state == "done"}
    before = {path: path.stat().st_mtime_ns for trial in finished for path in trained(store, get_job(store, trial))}
    done = wait_for(store, job, "done", "failed")
    assert done.state == "done", done.reason
    assert done.attempt == 2
    trials = list_jobs(store, parent=job.id)
    assert len(trials) == 3 and [trial.token for trial in trials] == [1] * 3, "each was started once"
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [row.state for row in sweep_of(store, job).rows] == ["done"] * 3
    assert sweep_of(store, job).row(sweep_of(store, job).best).values == {"learning_rate": 1e-2}


def trained(store, job) -> list[Path]:
    return sorted((store.workspace.root / job.spec["folder"]).glob("folds/*/model.safetensors"))


def test_the_test_set_has_no_say_unless_asked_for(store_with_a_trap):
    store = store_with_a_trap
    honest = carry_out(store, sweep_request(store, RATE, "trap"))
    figures = {row.values["learning_rate"]: (row.uar.mean, row.test.uar.value) for row in honest.rows}
    assert figures[1e-2] == (1.0, 0.0), "the trap: what learns the tones is always wrong on it"
    assert max(figures, key=lambda rate: figures[rate][1]) != 1e-2
    assert honest.row(honest.best).values == {"learning_rate": 1e-2}
    assert not any(SELECTED_ON_TEST in record.stamp for record in list_evaluations(store))

    chosen = carry_out(store, sweep_request(store, RATE, "trap", select_on_test=True))
    assert {row.values["learning_rate"]: (row.uar.mean, row.test.uar.value) for row in chosen.rows} == figures
    assert chosen.row(chosen.best).test.uar.value == max(uar for _, uar in figures.values())
    assert chosen.row(chosen.best).values != {"learning_rate": 1e-2}
    assert chosen.stamp == SELECTED_ON_TEST and chosen.selected_on == "test"
    text = sweep_text(chosen).splitlines()
    assert text[1].startswith("selected on test: ") and sum(line.endswith("selected on test") for line in text) == 3
    stamps = [stamp for row in chosen.rows for stamp in (row.cv_stamp, row.test_stamp)]
    stamps += [record.stamp for record in list_evaluations(store) if chosen.run.id in record.run_id]
    stamps += [read_evaluation(row.folder, name).stamp for row in chosen.rows for name in ("cv", "trap")]
    stamps += [read_run(row.folder).summary["stamp"] for row in chosen.rows] + [chosen.run.summary["stamp"]]
    assert len(stamps) == 6 + 6 + 6 + 4 and all(stamp.startswith("selected on test: clean") for stamp in stamps)


def test_a_trial_measured_again_on_the_set_it_was_selected_by_says_so(store_with_a_trap, tmp_path):
    store = store_with_a_trap
    fresh = write_folders(tmp_path / "fresh", speakers=1, takes=1, first_speaker=9)
    import_corpus(store, "folder", fresh, ImportOptions(dataset="fresh"))
    chosen = carry_out(store, sweep_request(store, RATE, "trap", select_on_test=True))
    honest = carry_out(store, sweep_request(store, RATE, "trap"))

    def stamp_of(sweep, dataset):
        return evaluate(store, get_run(store, sweep.rows[0].run_id), dataset).stamp

    trap = load_dataset(store, "trap")
    part = dataclasses.replace(trap, name="part of it", items=trap.items[:4])
    for dataset in (trap, part):
        assert stamp_of(chosen, dataset).startswith("selected on test: clean")
        assert stamp_of(honest, dataset).startswith("clean")
    stamps = {record.stamp.split(":")[0] for record in list_evaluations(store, chosen.rows[0].run_id)}
    assert stamps == {SELECTED_ON_TEST}
    assert stamp_of(chosen, load_dataset(store, "fresh")).startswith("clean"), "nothing was selected by these"


def test_a_sweep_is_shown_as_one_run_and_its_trials_predict(store, capsys):
    sweep = carry_out(store, sweep_request(store, RATE, "away"))
    capsys.readouterr()

    def verb(*arguments: str) -> str:
        main([*arguments, "--workspace", str(store.workspace.root)])
        return capsys.readouterr().out

    assert [row["run"] for row in json.loads(verb("runs", "--json"))] == [sweep.run.id]
    assert json.loads(verb("show", sweep.run.id, "--json"))["best"] == {"learning_rate": 1e-2}
    assert verb("show", sweep.run.id) == sweep_text(sweep) + "\n"
    trial = json.loads(verb("evaluate", f"trial3-{sweep.run.id}", "--on", "away", "--json"))
    assert trial["accuracy"]["value"] == sweep.row(3).test.accuracy.value
    with pytest.raises(SystemExit):
        verb("evaluate", sweep.run.id, "--on", "away")
    assert f"Run {sweep.run.id} is a sweep; name one of its trials, which `show" in capsys.readouterr().err
    delete_run(store, sweep.run.id)
    assert list_runs(store, "trial") == () and list_evaluations(store) == ()


def test_trials_that_fall_behind_are_given_up_between_folds(store):
    # the first four draws are carried through; all that can be drawn after them learns less than their median
    good, bad = [0.02, 0.03, 0.04, 0.05], [1e-9, 2e-9]
    request = sweep_request(
        store, space_of(learning_rate=(*good, *bad)), "away", epochs=20, sampler="tpe", n_trials=6, n_folds=3
    )
    parent = parent_of(store, submit_sweep(store, request))
    for rate in good:
        parent.study.enqueue_trial({"learning_rate": json.dumps(rate)})
    while advance(parent):
        do_waiting_trials(parent)
    sweep = finish_sweep(store, parent.folder)
    by_rate = {row.values["learning_rate"]: row for row in sweep.rows}
    assert list(by_rate) == good + bad, "a single parameter's rows stand in the order of its choices"
    assert [by_rate[rate].state for rate in good] == ["done"] * STARTUP_TRIALS
    for rate in bad:
        row = by_rate[rate]
        assert row.state == "pruned" and "given up after 1 of 3 folds: below the median" in row.reason
        assert len(row.uar.values) == 1 and row.test is None
        assert len(trained(store, next(j for j in list_jobs(store, kind="trial") if j.run_id == row.run_id))) == 1
    assert sweep.row(sweep.best).values["learning_rate"] in good
    assert {found.b for found in sweep.differences} <= {row.number for row in sweep.rows if row.state == "done"}


def test_without_an_answer_a_trial_goes_on(store, monkeypatch):
    monkeypatch.setattr(sweep_jobs, "PATIENCE", 0.2)
    parent = parent_of(store, submit_sweep(store, sweep_request(store, RATE, sampler="tpe", n_trials=1)))
    advance(parent)
    (child,) = list_jobs(store, kind="trial")
    sweep_jobs.do_trial(store, claim_job(store, child.id, "here", 0.0), lambda done, total, what: None)
    assert sweep_of(store, parent.job).rows[0].state == "done"


def test_values_that_cannot_be_trained_make_a_failed_row_and_the_rest_goes_on(store):
    broken = carry_out(store, sweep_request(store, space_of(early_stopping=(0, 2)), epochs=3))
    assert [row.state for row in broken.rows] == ["done", "failed"]
    assert "needs a dev part" in broken.rows[1].reason and broken.rows[1].uar is None
    assert broken.best == 1 and broken.differences == ()
    with pytest.raises(TrainingError, match="No trial of sweep .* has come to a figure: early_stopping needs a dev"):
        carry_out(store, sweep_request(store, space_of(early_stopping=(2, 3)), epochs=3))


def test_a_lost_trial_keeps_the_sweep_open_and_is_taken_up_again(store):
    parent = parent_of(store, submit_sweep(store, sweep_request(store, RATE)))
    advance(parent)
    (lost,) = list_jobs(store, kind="trial")
    end_job(store, lost.id, claim_job(store, lost.id, "here", 0.0).token, "failed", "out of memory")
    while advance(parent):
        do_waiting_trials(parent)
    trials = list_jobs(store, parent=parent.job.id)
    assert sorted(trial.state for trial in trials) == ["done", "done", "failed"]
    with pytest.raises(TrainingError, match=r"1 of 3 parts did not finish \(trial .* failed: out of memory\). Resume"):
        check_finished(trials)
    requeue_job(store, lost.id)
    parent = parent_of(store, parent.job)
    while advance(parent):
        do_waiting_trials(parent)
    assert len(list_jobs(store, parent=parent.job.id)) == 3
    assert [row.state for row in finish_sweep(store, parent.folder).rows] == ["done"] * 3
