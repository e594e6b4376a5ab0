"""Groups and calibration of a run, as a person types it: real files, real training."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from small_study import SmallStudy, make_study

from affexion_core.__main__ import main
from affexion_core.evaluation.calibration import read_calibration, scale
from affexion_core.predict_files import UNSURE_BELOW, is_unsure
from affexion_core.predictor import Predictor
from affexion_core.run_folder import read_evaluation
from affexion_core.store.datasets import load_dataset


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> SmallStudy:
    return make_study(tmp_path_factory.mktemp("grouped"))


def run(study: SmallStudy, *arguments: str, code: int = 0) -> str:
    out, err, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main([*arguments, "--workspace", str(study.store.workspace.root)])
        except SystemExit as stop:
            status = int(str(stop.code))
    assert status == code, f"{arguments}\n{out.getvalue()}\n{err.getvalue()}"
    return err.getvalue() if code else out.getvalue()


def test_groups_add_up_and_carry_n_interval_and_p(measured):
    made = json.loads(
        run(measured, "groups", measured.crossvalidated.id, "--on", "cv", "--by", "speaker", "--by", "auto:3",
            "--by", "snr", "--json")
    )  # fmt: skip
    whole = read_evaluation(Path(measured.crossvalidated.folder), "cv").scores
    assert [one["by"] for one in made["groupings"]] == ["speaker", "auto:3", "snr"]
    for one in made["groupings"]:
        right = sum(group["accuracy"]["value"] * group["n"] for group in one["groups"])
        assert sum(group["n"] for group in one["groups"]) == one["n"] == whole.n
        assert right == pytest.approx(whole.accuracy.value * whole.n)
        assert all(group["too_small"] == (group["n"] < 20) for group in one["groups"])
        if len([group for group in one["groups"] if group["name"] != "unknown"]) < 2:
            # tones of one make are all as clean: nothing can be compared
            assert one["test"]["p"] is None and one["test"]["method"] == "one group only, nothing to compare"
        else:
            assert 0 < one["test"]["p"] <= one["test"]["p_holm"] <= 1
    assert made["groupings"][0]["test"]["p"] is not None
    assert (measured.store.workspace.features / "levels-1.json").is_file()
    text = run(measured, "groups", measured.trained.id, "--on", "people", "--by", "auto:2")
    assert "too few clips to say" in text and "1000 permutations, clips dealt anew within their label" in text


def test_an_unknown_grouping_names_those_there_are(measured):
    said = run(measured, "groups", measured.trained.id, "--on", "people", "--by", "mood", code=2)
    assert "can't be grouped by 'mood'" in said and "speaker" in said and "--by" in said


def test_a_calibrated_run_predicts_with_it(measured):
    made = json.loads(run(measured, "calibrate", measured.crossvalidated.id, "--json"))
    folder = Path(measured.crossvalidated.folder)
    found = read_calibration(folder)
    assert made["temperature"] == found.temperature and made["n"] == 32
    predictor = Predictor.load(folder)
    clips = [item.clip for item in load_dataset(measured.store, "people").items]
    probs = predictor.of_clips(measured.store.workspace, clips).probs
    assert predictor.calibration == found
    surest = scale(probs, found.temperature).max(axis=1)
    assert list(is_unsure(predictor, probs)) == list(surest < found.unsure_below)
    (folder / "calibration.json").unlink()
    assert list(is_unsure(Predictor.load(folder), probs)) == list(probs.max(axis=1) < UNSURE_BELOW)


def test_a_run_without_held_out_clips_is_not_calibrated_on_its_test_set(measured):
    said = run(measured, "calibrate", measured.trained.id, code=2)
    assert "without touching a test set" in said
    assert not (Path(measured.trained.folder) / "calibration.json").exists()
