"""Systems against corpora, as a person types it: real files, real training."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from tones import write_folders

from affexion_core.__main__ import main
from affexion_core.benchmarking import BenchmarkRequest, corpora_of, plan_cases
from affexion_core.errors import ConfigError
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace


class Bench:
    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace

    def run(self, *arguments: object, code: int = 0) -> str:
        out, err, status = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main([*map(str, arguments), "--workspace", str(self.workspace)])
            except SystemExit as stop:
                status = stop.code
        assert status == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
        return out.getvalue() if code == 0 else err.getvalue()

    def json(self, *arguments: object):
        return json.loads(self.run(*arguments, "--json"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Two corpora under names that a shipped label map joins, one of them with a label of three clips."""
    root = tmp_path_factory.mktemp("bench")
    made = Bench(root / "workspace")
    for name, labels, speakers, first in (
        ("emodb", {"boredom": "anger", "panic": "fear", "excitement": "boredom"}, 3, 0),
        ("ravdess", {"boredom": "angry", "panic": "fearful", "uncertainty": "calm"}, 4, 5),
    ):
        write_folders(root / name, tuple(labels), speakers=speakers, takes=2, first_speaker=first)
        for heard, label in labels.items():
            (root / name / heard).rename(root / name / f"_{label}")
        for folder in list((root / name).glob("_*")):
            folder.rename(root / name / folder.name[1:])
    write_folders(root / "emodb", ("panic",), speakers=1, takes=3, first_speaker=0)
    (root / "emodb" / "panic").rename(root / "emodb" / "disgust")
    for file in (root / "emodb" / "disgust").rglob("*.wav"):  # the same sound twice would be one clip
        file.write_bytes(file.read_bytes()[:-400])
    for name in ("emodb", "ravdess"):
        made.run("import", "folder", root / name, "--dataset", name)
    return made


def test_every_system_is_measured_on_every_corpus_and_pair(bench: Bench) -> None:
    asked = ("benchmark", "--corpora", "emodb,ravdess:2", "--systems", "linear", "--across", "--min-clips", 5)
    found = bench.json(*asked)
    cases = {case["case"]: case for case in found["cases"]}
    assert list(cases) == ["emodb", "ravdess", "emodb → ravdess", "ravdess → emodb"]
    assert cases["emodb"]["protocol"] == "leave one speaker out" and cases["emodb"]["folds"] == 3
    assert cases["emodb"]["left_out"] == {"disgust": 3} and cases["emodb"]["n"] == 18
    assert cases["emodb"]["chance"] == pytest.approx(1 / 3)
    assert cases["ravdess"]["protocol"] == "2 folds of 4 speakers"
    pair = cases["ravdess → emodb"]
    assert pair["labels"] == ["angry", "fearful"] and pair["n"] == 12 and pair["label_map"] == "emodb-to-ravdess"
    assert pair["left_out"] == {"calm": 8}
    for row in found["rows"]:
        assert row["reason"] is None and row["n"] == cases[row["case"]]["n"]
        # no speaker is shared; tones of one pitch are as alike as copies of one recording
        assert row["split"].startswith("clean") or "near-duplicates" in row["split"]
        assert 0 <= row["uar"]["low"] <= row["uar"]["value"] <= row["uar"]["high"] <= 1
        assert row["uar"]["value"] > 0.5  # a pitch for each label is easy to hear
    assert {figure["corpus"] for figure in found["field"]} == {"emodb", "ravdess"}

    again = bench.json(*asked)
    assert [row["run"] for row in again["rows"]] == [row["run"] for row in found["rows"]]
    anew = bench.json("benchmark", "--corpora", "emodb", "--systems", "linear", "--min-clips", 5, "--again")
    assert anew["rows"][0]["run"] != found["rows"][0]["run"]
    assert anew["rows"][0]["uar"] == found["rows"][0]["uar"]


def test_the_table_stands_beside_published_figures(bench: Bench) -> None:
    text = bench.run("benchmark", "--corpora", "emodb", "--systems", "linear", "--min-clips", 5)
    assert text.splitlines()[0] == "emodb: leave one speaker out, 3 labels, chance 33 %; left out: disgust 3"
    assert "n = 18" in text
    assert "others: eGeMAPS, best classical classifier" in text and "66 %" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--corpora", "emodb", "--systems", "svn"), "There is no preset 'svn'"),
        (("--corpora", "emotion", "--systems", "linear"), "no dataset"),
        (("--corpora", "emodb:one", "--systems", "linear"), "'emodb:one': write a whole number of folds"),
        (("--corpora", "emodb", "--systems", "linear", "--min-clips", 50), "fewer than two labels with 50 clips"),
        (("--corpora", "emodb", "--systems", ","), "at least one system"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(bench: Bench, arguments: tuple, message: str) -> None:
    said = bench.run("benchmark", *arguments, code=2)
    assert message.lower() in said.lower() and said.startswith("Error: ")


def test_one_speaker_is_refused(bench: Bench, tmp_path: Path) -> None:
    write_folders(tmp_path / "alone", speakers=1, takes=6, first_speaker=20)
    bench.run("import", "folder", tmp_path / "alone", "--dataset", "alone")
    request = BenchmarkRequest(("linear",), (("alone", None),), min_clips=2)
    with pytest.raises(Exception, match="has 1 known speaker, so it can't be cut"):
        plan_cases(open_store(open_workspace(bench.workspace)), request)


def test_folds_stand_behind_a_colon() -> None:
    assert corpora_of(["ravdess:4, emodb", "emodb"]) == (("ravdess", 4), ("emodb", None))
    with pytest.raises(ConfigError, match="from 2 on"):
        corpora_of(["ravdess:1"])
