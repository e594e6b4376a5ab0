"""Systems against corpora, as a person types it: real files, real training."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from dimension_tones import write_tones
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


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Clips under CREMA-D's names with listeners' votes, and clips with numbers in two corpora."""
    root = tmp_path_factory.mktemp("judged")
    made = Bench(root / "workspace")
    for place, (name, first) in enumerate((("tones", 0), ("elsewhere", 5))):
        made.run("import", "csv", write_tones(root / name, 4 - place, 6, first, labels=not place), "--dataset", name)
    lines = ["file,votes_H,votes_S,votes_N"]
    (root / "cremad").mkdir()
    for number, file in enumerate(sorted((root / "tones").glob("*.wav"))):
        high = number % 6 > 2  # the last three of each speaker
        name = (
            f"{1001 + number // 6}_{('IEO', 'TIE', 'IOM', 'IWW', 'TAI', 'MTI')[number % 6]}_{('SAD', 'HAP')[high]}_XX"
        )
        (root / "cremad" / f"{name}.wav").write_bytes(file.read_bytes())
        lines.append(f"{name}.wav,{(1, 3)[high]},{(2, 0)[high]},1")
    (root / "cremad" / "manifest.csv").write_text("\n".join(lines) + "\n")
    made.run("import", "cremad", root / "cremad")
    return made


def test_listeners_stand_beside_the_systems_where_they_voted(judged: Bench) -> None:
    asked = ("benchmark", "--corpora", "cremad:2", "--systems", "logreg-functionals", "--min-clips", 5)
    found = judged.json(*asked)
    heard = found["listeners"]["cremad"]
    assert (heard["n"], heard["n_votes"], heard["n_choices"]) == (24, 96, 3)
    # of four votes three say happy; two say sad, which is the commonest
    assert heard["uar"]["value"] == pytest.approx((3 / 4 + 2 / 4) / 2) and heard["majority"]["value"] == 1
    assert heard["agreement"]["value"] == pytest.approx(((3 / 4) + (2 / 4 * 1 / 3)) / 2, abs=0.01)
    assert heard["uar"]["method"] == "bootstrap over 4 speakers"
    assert "overlap" not in found["rows"][0]
    text = judged.run(*asked)
    assert "listeners: one vote" in text and "4.0 votes a clip among 3 labels" in text


def test_shares_of_votes_are_learned_and_compared(judged: Bench) -> None:
    judged.run("consensus", "cremad", "--rule", "majority", "--into", "heard")
    asked = ("benchmark", "--corpora", "heard:2", "--systems", "logreg-functionals", "--min-clips", 5)
    hard, soft = (judged.json(*asked, "--targets", each)["rows"][0] for each in ("hard", "soft"))
    assert hard["run"] != soft["run"]
    config = json.loads((judged.workspace / "runs" / soft["run"] / "config.json").read_text())
    assert config["training"]["targets"] == "soft"
    assert soft["overlap"]["n"] == 24 and hard["overlap"]["value"] < soft["overlap"]["value"] <= 1
    text = judged.run(*asked, "--targets", "soft")
    assert "votes" in text.splitlines()[1] and "always the mean of all votes" in text
    assert "listeners: one vote against the others" in text and "listeners: their majority" not in text


def test_systems_are_measured_on_numbers_with_the_floor_beside(judged: Bench) -> None:
    asked = ("benchmark", "--corpora", "tones:2,elsewhere", "--across", "--targets", "dimensions")
    systems = "ridge-functionals,svm-functionals,linear"
    found = judged.json(*asked, "--systems", systems)
    assert {case["case"]: case["n"] for case in found["cases"]} == {
        "tones": 24, "elsewhere": 18, "tones → elsewhere": 18, "elsewhere → tones": 24,
    }  # fmt: skip
    assert len(found["rows"]) == 12 and found["field"] == [] and found["listeners"] == {}
    for row in found["rows"]:
        assert row["reason"] is None and row["uar"] is None
        assert [each["name"] for each in row["dimensions"]] == ["arousal", "valence"]
        assert row["dimensions"][0]["ccc"]["low"] <= row["dimensions"][0]["ccc"]["value"]
    first = found["rows"][0]
    assert first["system"] == "ridge-functionals" and first["dimensions"][0]["ccc"]["value"] > 0.3
    text = judged.run(*asked, "--systems", systems)
    assert "CCC of arousal" in text and "UAR" not in text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--corpora", "cremad", "--systems", "linear", "--targets", "dimensions"), "has a value for a dimension"),
        (("--corpora", "tones", "--systems", "ridge-functionals"), "For dimensions, ask for one of dimensions"),
    ],
)
def test_numbers_and_labels_are_told_apart_in_a_sentence(judged: Bench, more: tuple, message: str) -> None:
    assert message in judged.run("benchmark", *more, code=2)
