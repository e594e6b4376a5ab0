"""Dimensions as a person types them: manifests with numbers, training, measuring, predicting."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from dimension_tones import write_tones

from affexion_core.__main__ import main
from affexion_core.evaluation.dimensions import concordance
from affexion_core.export_runs._run import exported_run
from affexion_core.run_folder import read_evaluation, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.runs import get_run
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import open_workspace


def say(root: Path, *arguments: str, code: int = 0) -> str:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*arguments, "--workspace", str(root)])
        except SystemExit as stop:
            status = int(str(stop.code))
    assert status == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
    return err.getvalue() if code else out.getvalue()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with tones that have labels and numbers, others with numbers alone, and others with labels alone."""
    place = tmp_path_factory.mktemp("dimensions")
    write_tones(place / "tones")
    write_tones(place / "elsewhere", speakers=2, first_speaker=4, labels=False)
    plain = write_tones(place / "plain", speakers=2, first_speaker=7) / "manifest.csv"
    plain.write_text(
        "\n".join(",".join(line.split(",")[:2] + line.split(",")[4:]) for line in plain.read_text().split())
    )
    for name in ("tones", "elsewhere", "plain"):
        say(place / "workspace", "import", "csv", str(place / name), "--dataset", name)
    return place / "workspace"


def store_of(root: Path) -> Store:
    return open_store(open_workspace(root))


def test_a_manifest_gives_values_and_the_hash_pins_them(root):
    store = store_of(root)
    tones, elsewhere, plain = (load_dataset(store, name) for name in ("tones", "elsewhere", "plain"))
    assert [scheme.name for scheme in tones.dimensions] == ["arousal", "valence"]
    assert {item.label for item in elsewhere.items} == {"unlabelled"} and plain.dimensions == ()
    assert sum("valence" in (item.values or {}) for item in tones.items) == 16 and len(tones.items) == 20
    again = json.loads(say(root, "import", "csv", str(root.parent / "tones"), "--dataset", "tones", "--json"))
    assert again["added"] == 0 and load_dataset(store, "tones").snapshot() == tones.snapshot()


def test_a_number_off_its_scale_is_named_with_its_clip(root, tmp_path):
    folder = write_tones(tmp_path / "off", speakers=1, takes=2, first_speaker=9)
    lines = (folder / "manifest.csv").read_text().splitlines()
    cells = lines[1].split(",")
    (folder / "manifest.csv").write_text("\n".join([lines[0], ",".join([*cells[:2], "9", *cells[3:]]), *lines[2:]]))
    made = json.loads(say(root, "import", "csv", str(folder), "--dataset", "off", "--json"))
    (rejected,) = made["rejected"]
    assert rejected["file"] == "s9-0.wav" and rejected["reason"] == "arousal = 9 is no number from 1 to 7."


def test_folds_a_test_set_and_files_are_measured_in_numbers(root):
    made = json.loads(
        say(root, "cv", "--preset", "ridge-functionals", "--train", "tones", "--folds", "4", "--test", "elsewhere",
            "--set", "ridge=10", "--json")
    )  # fmt: skip
    arousal, valence = made["dimensions"]
    assert (arousal["name"], arousal["n"], arousal["n_speakers"], valence["n"]) == ("arousal", 20, 4, 16)
    assert arousal["ccc"]["value"] > 0.7 and arousal["ccc"]["low"] < arousal["ccc"]["value"] < arousal["ccc"]["high"]
    assert made["accuracy"]["value"] is None and made["test"]["dimensions"][0]["n"] == 10
    folder = root / "runs" / made["run"]
    rows = read_predictions(folder, "cv")
    said, heard = (np.array([getattr(row, name)[0] for row in rows]) for name in ("reference_values", "values"))
    assert arousal["ccc"]["value"] == pytest.approx(concordance(said, heard)[0, 0], abs=1e-4)
    assert sum(row.reference_values[1] is None for row in rows) == 4
    assert read_evaluation(folder, "cv").dimensions[0].ccc.value == arousal["ccc"]["value"]
    assert "arousal    (1 to 7)  CCC" in say(root, "evaluate", made["run"], "--on", "elsewhere")
    say(root, "report", made["run"])
    told = exported_run(get_run(store_of(root), made["run"]))  # what trackers get
    assert next(each for each in told.measured if each.name == "cv").figures["CCC of arousal"].n == 20
    assert "CCC" in say(root, "runs") and "arousal" in say(root, "show", made["run"])
    tones = root.parent / "tones"
    low, high = json.loads(
        say(root, "predict", made["run"], str(tones / "s0-0.wav"), str(tones / "s0-4.wav"), "--json")
    )
    assert low["label"] is None and low["probs"] == {} and low["values"]["arousal"] < high["values"]["arousal"]
    for verb, words in (("calibrate", "only probabilities of labels"), ("groups", "compared by labels")):
        more = ("--on", "cv", "--by", "speaker") if verb == "groups" else ()
        assert words in say(root, verb, made["run"], *more, code=2)


@pytest.mark.parametrize("preset", ["svm-functionals", "logreg-functionals", "affexion-next"])
def test_the_floor_and_our_own_system_learn_label_and_numbers(root, preset):
    made = json.loads(
        say(root, "cv", "--preset", preset, "--train", "tones", "--folds", "2", "--set", "targets=joint", "--json",
            *(("--set", "value_cost=1") if preset.startswith("svm") else ()))
    )  # fmt: skip
    assert made["n"] == 20 and made["accuracy"]["value"] > 0.6
    assert made["dimensions"][0]["ccc"]["value"] > 0.5 and made["dimensions"][1]["n"] == 16


def test_label_and_numbers_at_once_and_noise_is_answered_within_the_scale(root, tmp_path):
    made = json.loads(
        say(root, "train", "--preset", "linear", "--train", "tones", "--set", "targets=joint", "--set", "epochs=3",
            "--set", "dimensions=arousal", "--json")
    )  # fmt: skip
    assert made["n"] == 20 and [each["name"] for each in made["dimensions"]] == ["arousal"]
    noise = np.random.default_rng(0).normal(0, 0.3, 16000)
    sf.write(tmp_path / "noise.wav", noise, 16000)
    (answer,) = json.loads(say(root, "predict", made["run"], str(tmp_path / "noise.wav"), "--json"))
    assert 1 <= answer["values"]["arousal"] <= 7 and sum(answer["probs"].values()) == pytest.approx(1)
    assert "choose a dataset with values" in say(root, "evaluate", made["run"], "--on", "plain", code=2)


def test_two_runs_are_compared_dimension_by_dimension(root):
    base = ("train", "--preset", "ridge-functionals", "--train", "tones", "--json")
    firm, loose = (json.loads(say(root, *base, "--set", f"ridge={ridge}"))["run"] for ridge in (1, 10000))
    found = json.loads(say(root, "compare", firm, loose, "--on", "train", "--json"))["dimensions"]
    assert set(found) == {"arousal", "valence"}
    for place, name in enumerate(found):
        ccc = [read_evaluation(root / "runs" / run, "train").dimensions[place].ccc.value for run in (firm, loose)]
        assert found[name]["value"] == pytest.approx(ccc[0] - ccc[1], abs=1e-4) and found[name]["low"] > 0
        assert found[name]["method"] == "paired bootstrap over 4 speakers"
    same = json.loads(say(root, "compare", firm, firm, "--on", "train", "--json"))["dimensions"]["arousal"]
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
    assert "CCC of arousal, difference: +" in say(root, "compare", firm, loose, "--on", "train")


def test_what_cannot_be_learned_says_why_before_anything_is_written(root):
    before = set((root / "runs").iterdir())
    base = ("train", "--preset", "ridge-functionals", "--train")
    assert "has a value for a dimension" in say(root, *base, "plain", code=2)
    unknown = say(root, *base, "tones", "--set", "dimensions=dominance", code=2)
    assert "has a value for 'dominance'; it has arousal or valence" in unknown
    mixed = say(root, *base, "tones", "--set", "targets=joint", "--set", "mixup=0.2", code=2)
    assert "set it to 0" in mixed
    assert set((root / "runs").iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "instead"),
    [
        (
            ("gap", "--synthetic", "tones", "--real", "elsewhere", "--preset", "ridge-functionals"),
            "measure both on the",
        ),
        (("sweep", "--preset", "ridge-functionals", "--train", "tones", "--space", "epochs"), "compare the runs"),
    ],
)
def test_what_takes_labels_alone_says_how_to_look_at_numbers(root, arguments, instead):
    said = say(root, *arguments, code=2)
    assert "looks at labels" in said and f"For dimensions, {'train' if 'gap' in arguments else 'cross'}" in said
    assert instead in said


def test_msp_podcast_as_it_comes_gives_labels_and_numbers(tmp_path, shared_audio):
    """Real speech under the file names and tables of MSP-Podcast."""
    (tmp_path / "msp" / "Audios").mkdir(parents=True)
    (tmp_path / "msp" / "Labels").mkdir()
    rows = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    clips = sorted((shared_audio / "ravdess").rglob("*.flac"))[:8]
    for i, clip in enumerate(clips):
        name, code = f"MSP-PODCAST_0001_{i:04d}.wav", "AHSX"[i % 4]
        sf.write(tmp_path / "msp" / "Audios" / name, *sf.read(clip))
        rows.append(f"{name},{code},{1.5 + 0.6 * i:.1f},{6 - 0.5 * i:.1f},4.0,{i // 2},Female,Train")
    (tmp_path / "msp" / "Labels" / "labels_consensus.csv").write_text("\n".join(rows) + "\n")
    root = tmp_path / "workspace"
    say(root, "import", "msp-podcast", str(tmp_path / "msp"))
    dataset = load_dataset(store_of(root), "msp-podcast")
    assert [scheme.name for scheme in dataset.dimensions] == ["arousal", "valence", "dominance"]
    assert len(dataset.items) == 6 and all(len(item.values or {}) == 3 for item in dataset.items)
    made = json.loads(
        say(root, "cv", "--preset", "ridge-functionals", "--train", "msp-podcast", "--folds", "2", "--json")
    )
    arousal, _, dominance = made["dimensions"]
    assert arousal["n"] == 6 and arousal["mae"]["low"] <= arousal["mae"]["value"] <= arousal["mae"]["high"]
    assert dominance["ccc"]["value"] is None and dominance["ccc"]["reason"] == "all clips have the same value"
