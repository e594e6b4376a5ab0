"""The verbs export and import-labels as a person types them."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest
from tones import write_folders

from affexion_core.__main__ import main


@pytest.fixture
def run(workspace):
    def ran(*arguments, code=0):
        out, err, status = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([*map(str, arguments), "--workspace", str(workspace.root)])
            except SystemExit as error:
                status = int(error.code or 0)
        assert status == code, err.getvalue()
        return out.getvalue(), err.getvalue()

    return ran


@pytest.fixture
def corpus(tmp_path, run):
    run("import", "folder", write_folders(tmp_path / "corpus", speakers=2), "--dataset", "moods")
    return tmp_path


def test_labels_go_out_and_come_back(corpus, run):
    out, _ = run("export", "moods", "--format", "csv", "--into", corpus / "out", "--audio")
    assert "16 clips, 16 judgements, 16 labels, 0 decisions, 16 recordings." in out
    assert "Licences: not recorded (16)" in out
    other = corpus / "other"
    out, _ = run(
        "--workspace", other, "import-labels", corpus / "out", "--format", "csv", "--dataset", "moods", "--json"
    )
    assert json.loads(out)["present"] == 16
    out, _ = run(
        "export", "moods", "--format", "audiofolder", "--into", corpus / "hub", "--what", "consensus", "--json"
    )
    report = json.loads(out)
    assert (report["clips"], report["judgements"], report["labels"]) == (16, 0, 16)
    assert report["files"] == ["README.md", "about.json", "metadata.csv"]


def test_a_table_comes_in_with_a_report(corpus, run):
    table = corpus / "labels.csv"
    table.write_text(
        "clip,rater,label\npanic/s0/0.wav,Anna,panic\nboredom/s0/0.wav,Anna,boredom\nnope.wav,Anna,panic\n"
    )
    arguments = ("import-labels", table, "--format", "csv", "--dataset", "moods")
    out, _ = run(*arguments, "--dry-run")
    assert out.splitlines() == [
        "2 judgements would be added, 0 already there, 1 rejected; 2 clips, 0 of them new.",
        "Scheme: affexion. Raters: Anna 2.",
        "Rejected line 4: There is no clip or file 'nope.wav' in dataset 'moods'.",
    ]
    report = json.loads(run(*arguments, "--json")[0])
    assert {key: report[key] for key in ("added", "present", "rejected", "raters", "dataset", "scheme")} == {
        "added": 2,
        "present": 0,
        "rejected": [
            {"line": 4, "place": "line 4", "reason": "There is no clip or file 'nope.wav' in dataset 'moods'."}
        ],
        "raters": {"Anna": 2},
        "dataset": "moods",
        "scheme": "affexion",
    }
    again = json.loads(run(*arguments, "--json")[0])
    assert (again["added"], again["present"]) == (0, 2)


def test_errors_name_the_options(corpus, run):
    table = corpus / "labels.csv"
    table.write_text("clip,label\npanic/s0/0.wav,fear\n")
    arguments = ("import-labels", table, "--format", "csv", "--dataset", "moods")
    _, err = run(*arguments, "--rater", "Anna", code=2)
    assert err == (
        "Error: Scheme 'affexion' allows boredom, panic, excitement, uncertainty; the file also has 'fear' (1). "
        "Correct them, choose another scheme, or add them to the scheme. Options: --scheme, --add-labels.\n"
    )
    table.write_text("clip,label\npanic/s0/0.wav,panic\n")
    assert run(*arguments, code=2)[1].endswith("say whose judgements these are. Options: --rater.\n")
    (corpus / "full").mkdir()
    (corpus / "full" / "x").write_text("x")
    _, err = run("export", "moods", "--format", "csv", "--into", corpus / "full", code=2)
    assert err.endswith("holds something already; choose a new or empty folder. Options: --into.\n")
    assert "'--format'" in run("export", "moods", "--format", "xlsx", "--into", corpus / "x", code=2)[1]
