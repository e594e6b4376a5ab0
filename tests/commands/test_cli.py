"""The verbs end to end, as a person types them: real files, real training."""

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest
from tones import write_folders

from affexion_core.__main__ import main
from affexion_core.audio.decode import file_sha256
from affexion_core.run_folder import read_predictions

PROJECT = Path(__file__).resolve().parent.parent.parent
QUICK = ["--set", "epochs=12", "--set", "batch_size=8"]
FIGURES = ("accuracy", "uar", "macro_f1")


class Done(NamedTuple):
    stdout: str
    stderr: str


class Study:
    """A workspace that verbs run in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = root / "workspace"

    def run(self, *arguments: object, code: int = 0) -> Done:
        """Run a verb in this process: loading torch for each would take most of the time."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([*map(str, arguments), "--workspace", str(self.workspace)])
            except SystemExit as stop:
                status = stop.code
        assert status == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
        return Done(out.getvalue(), err.getvalue())

    def json(self, *arguments: str):
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    root = tmp_path_factory.mktemp("study")
    made = Study(root)
    made.run("init")
    write_folders(root / "home", speakers=4, takes=2)
    write_folders(root / "away", speakers=2, takes=2, first_speaker=7)
    made.json("import", "folder", root / "home", "--origin", "synthetic", "--dataset", "home")
    made.json("import", "folder", root / "away", "--dataset", "away")
    return made


@pytest.fixture(scope="module")
def trained(study) -> dict:
    return study.json("train", "--preset", "linear", "--train", "home", "--test", "away", *QUICK)


def has_figures(values: dict, n: int) -> None:
    assert values["n"] == n
    for name in FIGURES:
        figure = values[name]
        assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert sum(map(sum, values["confusion"]["matrix"])) == n
    assert len(values["confusion"]["labels"]) == len(values["per_class"]) == 4
    assert values["split"]


def test_import_twice_adds_nothing(study):
    again = study.json("import", "folder", study.root / "home", "--origin", "synthetic", "--dataset", "home")
    assert (again["added"], again["present"]) == (0, 32)
    home, away = sorted(study.json("datasets"), key=lambda row: row["name"] != "home")
    assert (home["name"], home["origin"], home["n"], home["speakers"]) == ("home", "synthetic", 32, 4)
    assert home["labels"] == {"boredom": 8, "panic": 8, "excitement": 8, "uncertainty": 8}
    assert away["n"] == 16
    listed = study.json("clips", "--dataset", "home")
    assert len(listed) == 32 and {"id", "label", "speaker", "duration"} <= set(listed[0])


def test_train_prints_its_figures(trained):
    has_figures(trained, 16)
    assert trained["run"] and trained["on"] == "away" and trained["part"] == "test"
    has_figures(trained["on_train"], 32)
    assert "training clips themselves" in trained["on_train"]["split"]


def test_same_seed_same_figures(study, trained):
    again = study.json("train", "--preset", "linear", "--train", "home", "--test", "away", *QUICK)
    assert [again[name] for name in FIGURES] == [trained[name] for name in FIGURES]
    assert again["run"] != trained["run"]


def test_cv_prints_folds_and_test(study):
    values = study.json("cv", "--preset", "linear", "--train", "home", "--folds", "4", "--test", "away", *QUICK)
    has_figures(values, 32)
    assert [fold["fold"] for fold in values["folds"]] == [1, 2, 3, 4]
    assert sum(fold["n"] for fold in values["folds"]) == 32
    assert all(fold["accuracy"]["low"] <= fold["accuracy"]["value"] for fold in values["folds"])
    has_figures(values["test"], 16)
    assert values["fold_spread"]["accuracy"]["mean"] == pytest.approx(
        sum(fold["accuracy"]["value"] for fold in values["folds"]) / 4
    )
    evaluated = study.json("evaluate", values["run"], "--on", "away")
    assert evaluated["accuracy"] == values["test"]["accuracy"]


def test_more_folds_than_speakers_says_what_it_did(study):
    done = study.run("cv", "--preset", "linear", "--train", "home", "--folds", "5", *QUICK, "--json")
    assert "4 speakers can't fill 5" in done.stderr
    assert json.loads(done.stdout)["split"].startswith("leaky: shares")


def test_predict_agrees_with_evaluate(study, trained):
    rows = study.json("predict", trained["run"], study.root / "away")
    assert len(rows) == 16 and all(sum(row["probs"].values()) == pytest.approx(1) for row in rows)
    known = read_predictions(study.workspace / "runs" / trained["run"], "away")
    by_clip = {file_sha256(Path(row["file"]))[:16]: row for row in rows}
    assert set(by_clip) == {row.clip_id for row in known}
    for row in known:
        assert by_clip[row.clip_id]["label"] == row.predicted
        assert list(by_clip[row.clip_id]["probs"].values()) == pytest.approx(row.probs, abs=2e-5)


def test_a_bad_file_never_stops_the_others(study, trained, tmp_path):
    (tmp_path / "bad.wav").write_text("no sound in here")
    good = study.root / "away" / "panic" / "s7" / "0.wav"
    bad_row, good_row = study.json("predict", trained["run"], tmp_path / "bad.wav", good)
    assert "bad.wav" in bad_row["error"] and good_row["label"] in good_row["probs"]
    done = study.run("predict", trained["run"], tmp_path / "bad.wav", code=2)
    assert "bad.wav" in done.stderr


def test_runs_and_show(study, trained):
    assert trained["run"] in {row["run"] for row in study.json("runs")}
    shown = study.json("show", trained["run"])
    assert shown["config"]["training"]["epochs"] == 12
    assert {e["on"] for e in shown["evaluations"]} == {"train", "away"}
    assert shown["versions"]["torch"] and shown["train_snapshot"]
    assert trained["run"] in study.run("show", trained["run"]).stdout


def test_two_runs_are_compared_clip_by_clip(study, trained):
    other = study.json("train", "--preset", "linear", "--train", "home", "--test", "away", "--set", "epochs=1")
    values = study.json("compare", trained["run"], other["run"], "--on", "away")
    difference = trained["accuracy"]["value"] - other["accuracy"]["value"]
    assert values["n"] == 16 and values["accuracy_difference"]["value"] == pytest.approx(difference)
    assert (values["only_a_right"] - values["only_b_right"]) / 16 == pytest.approx(difference)
    same = study.json("compare", trained["run"], trained["run"], "--on", "train")
    assert same["mcnemar_p"] == 1 and same["accuracy_difference"]["value"] == 0
    assert "not measured on" in study.run("compare", trained["run"], other["run"], "--on", "nothing", code=2).stderr


def test_doctor_says_where_things_are(study):
    values = study.json("doctor")
    assert values["ok"], [check for check in values["checks"] if check["state"] == "missing"]
    assert str(study.workspace) in study.run("doctor").stdout
    assert "mfcc" in values["plugins"]["features"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nothing", "--on", "home"], "nothing"),
        (["train", "--preset", "linear", "--train", "nowhere"], "nowhere"),
        (["train", "--preset", "nonsense", "--train", "home"], "There is no preset 'nonsense'. Choose affexion-"),
        (["train", "--preset", "linear", "--train", "home", "--set", "epochs=0"], "greater than or equal to 1"),
        (["train", "--preset", "linear", "--train", "home", "--set", "epochs"], "not of the form key=value"),
        (
            ["train", "--preset", "linear", "--train", "home", "--test", "home"],
            "allow the leak: the figures are then stamped leaky. Options: --allow-leaks.",
        ),
        (
            ["cv", "--preset", "linear", "--train", "home", "--group", "speaker"],
            "Choose at most 4 folds. Options: --folds, --group.",
        ),
        (["import", "folder", "/no/such/folder"], "/no/such/folder"),
        (["import", "nocorpus", "."], "There is no corpus 'nocorpus'. Choose audiofolder"),
        (["import", "folder", ".", "--label-map", "nomap"], "nomap"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(study, arguments, message):
    done = study.run(*arguments, "--json", code=2)
    assert message in done.stderr
    assert message in json.loads(done.stdout)["error"]


def test_a_process_of_its_own_ends_the_same_way(study):
    command = [sys.executable, "-m", "affexion_core", "--workspace", str(study.workspace), "--json"]
    listed = subprocess.run([*command, "datasets"], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert "home" in {row["name"] for row in json.loads(listed.stdout)}
    bad = subprocess.run([*command, "show", "nothing"], capture_output=True, text=True, cwd=PROJECT)
    assert bad.returncode == 2 and "nothing" in bad.stderr and "Traceback" not in bad.stderr
    assert "nothing" in json.loads(bad.stdout)["error"]


def test_a_missing_option_ends_with_2(study):
    assert "--preset" in study.run("train", "--train", "home", code=2).stderr


def test_one_label_one_speaker_empty(study):
    write_folders(study.root / "single", labels=["panic"], speakers=3, first_speaker=40)
    study.json("import", "folder", study.root / "single", "--dataset", "single")
    assert "one label only ('panic'" in study.run("train", "--preset", "linear", "--train", "single", code=2).stderr
    write_folders(study.root / "solo", speakers=1, takes=4, first_speaker=20)
    study.json("import", "folder", study.root / "solo", "--dataset", "solo")
    alone = study.run("cv", "--preset", "linear", "--train", "solo", "--folds", "2", code=2)
    assert "by one speaker (solo:s20)" in alone.stderr and "Options: --group." in alone.stderr
    (study.root / "void").mkdir()
    assert "void" in study.run("import", "folder", study.root / "void", code=2).stderr


def test_labels_the_run_does_not_know_need_a_map(study, trained, tmp_path):
    write_folders(tmp_path / "other", labels=["panic", "boredom"], speakers=2, first_speaker=30)
    (tmp_path / "other" / "panic").rename(tmp_path / "other" / "fear")
    study.json("import", "folder", tmp_path / "other", "--dataset", "other")
    refused = study.run("evaluate", trained["run"], "--on", "other", code=2).stderr
    assert "doesn't know: 'fear' (4 clips)" in refused and "Options: --label-map." in refused
    table = tmp_path / "to-signals.csv"
    table.write_text("label,target\nfear,panic\nboredom,\n")
    values = study.json("evaluate", trained["run"], "--on", "other", "--label-map", table)
    assert values["label_map"] == "to-signals" and values["n"] == 4 and values["left_out"] == {"boredom": 4}
    undefined = [row for row in values["per_class"] if row["label"] == "uncertainty"][0]
    assert undefined["recall"]["value"] is None and "no reference" in undefined["recall"]["reason"]
