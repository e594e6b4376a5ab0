import dataclasses
import shutil
import time
from pathlib import Path

import numpy as np
from small_study import short_recipe

from affexion_core.evaluation.abstention import coverage_curve
from affexion_core.evaluation.calibration import read_calibration
from affexion_core.evaluation.curves import label_curves
from affexion_core.evaluation.groups import group_report
from affexion_core.evaluation.reliability import reliability
from affexion_core.run_folder import ScoredClip, read_evaluation, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.runs import save_run
from affexion_core.store.session import open_store
from affexion_core.training.prepare import RunRequest, prepare
from affexion_core.workspace import open_workspace


def choice(at, label):
    return next(box for box in at.selectbox if box.label == label)


def test_without_runs_it_says_what_will_be_here(workspace, open_page, words):
    at = open_page("results")
    assert not at.exception
    assert "No run yet" in words(at)


def test_a_run_shows_stamp_figures_matrix_and_clips(in_study, open_page, words):
    at = open_page("results", run=in_study.trained.id)
    assert not at.exception
    evaluation = read_evaluation(Path(in_study.trained.folder), "people")
    assert choice(at, "Measured on").value == "people"
    shown = {metric.label: metric.value for metric in at.metric}
    assert set(shown) == {"Accuracy", "UAR", "Macro F1", "Macro precision"}
    assert shown["Accuracy"] == f"{evaluation.scores.accuracy.value * 100:.0f} %"
    said = words(at)
    assert said.count("n = 16") >= 4
    assert evaluation.stamp.split(":")[0] in said
    assert len(at.get("plotly_chart")) == 1
    assert len(at.get("bidi_component")) == 1


def test_the_cell_chosen_decides_which_clips_are_listed(in_study, open_page, words):
    at = open_page("results", run=in_study.trained.id)
    predictions = read_predictions(Path(in_study.trained.folder), "people")
    cells = {(row.reference, row.predicted) for row in predictions}
    box = choice(at, "Clips to hear")
    assert len(box.options) == len(cells)
    for cell in cells:
        choice(at, "Clips to hear").set_value(cell).run()
        assert not at.exception
        n = sum((row.reference, row.predicted) == cell for row in predictions)
        listed = next(frame.value for frame in at.dataframe if "Says" in frame.value.columns)
        assert len(listed) == n


def test_a_cross_validated_run_shows_its_folds(in_study, open_page, words):
    at = open_page("results", run=in_study.crossvalidated.id)
    assert choice(at, "Measured on").value == "cv"
    cell = choice(at, "Clips to hear").value
    first = next(
        row
        for row in read_predictions(Path(in_study.crossvalidated.folder), "cv")
        if (row.reference, row.predicted) == cell
    )
    assert f"Predicted by the model of fold {first.fold}, which had not seen it" in words(at)
    assert "Measured on synthetic speech: these figures say nothing about real people." in words(at)
    at.session_state["section"] = "Folds"
    at.run()
    assert not at.exception
    assert "2 folds; one dot a fold model" in words(at)
    at.session_state["section"] = "How it came to be"
    at.run()
    assert choice(at, "Fold").options == ["1", "2"]


def test_training_data_and_settings_show_on_demand(in_study, open_page, words):
    at = open_page("results", run=in_study.trained.id, section="How it came to be")
    at.session_state["details"] = "Trained on"
    at.run()
    assert "Dataset **voices**" in words(at)
    assert "32 clips · 4 voices" in words(at)
    assert "Unchanged since the run was trained" in words(at)
    at.session_state["details"] = "Settings"
    at.run()
    settings = next(frame.value for frame in at.dataframe if "Setting" in frame.value.columns)
    values = dict(zip(settings["Setting"], settings["Value"], strict=True))
    assert values["run id"] == in_study.trained.id
    assert values["training.epochs"] == "4"


def test_measured_on_its_own_training_clips_is_stamped(in_study, open_page, words):
    at = open_page("results", run=in_study.trained.id, on="train")
    assert choice(at, "Measured on").value == "train"
    assert "measured on the training clips themselves" in words(at)


def test_figures_of_the_source_stand_beside_only_where_the_labels_are_its_own(in_study, open_page, words):
    assert "source:" not in words(open_page("results", run=in_study.trained.id))


def test_an_unmeasured_run_says_so(study, tmp_path, monkeypatch, open_page, words):
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path / "other"))
    store = open_store(open_workspace())
    run = prepare(store, RunRequest("train", short_recipe(), load_dataset(study.store, "voices")))
    save_run(store, run)
    at = open_page("results")
    assert not at.exception
    assert "has not finished" in words(at)


def test_a_damaged_run_is_an_error_in_words(study, tmp_path, monkeypatch, open_page):
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path / "other"))
    store = open_store(open_workspace())
    folder = tmp_path / "run"
    (folder / "evaluations").mkdir(parents=True)
    (folder / "evaluations" / "people.json").write_text("{ cut sho")
    save_run(store, dataclasses.replace(study.trained, folder=str(folder)))
    at = open_page("results")
    assert not at.exception
    assert "can't be read" in at.error[0].value


def section(open_page, run, name, **params):
    at = open_page("results", run=run.id, section=name, **params)
    assert not at.exception
    return at


def test_labels_have_curves_with_areas(in_study, open_page, words):
    at = section(open_page, in_study.crossvalidated, "By label")
    assert len(at.get("plotly_chart")) == 2
    assert "each label against the rest. Area under the curve; guessing reaches 50 %" in words(at)
    at = section(open_page, in_study.crossvalidated, "By label", curve="Precision–recall")
    assert "guessing reaches the label's share (boredom 25 %" in words(at)


def test_calibration_is_fitted_kept_and_shown_behind_its_switch(study, tmp_path, monkeypatch, open_page, words):
    folder = tmp_path / "run"
    shutil.copytree(study.crossvalidated.folder, folder)
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path / "other"))
    run = dataclasses.replace(study.crossvalidated, folder=str(folder))
    save_run(open_store(open_workspace()), run)
    at = section(open_page, run, "Certainty")
    assert "Not calibrated" in words(at) and at.toggle[0].disabled
    assert "ECE" in words(at) and "10 bins of equal width" in words(at)
    next(button for button in at.button if button.label == "Fit and keep").click().run()
    assert not at.exception
    assert read_calibration(folder).source == "2 held-out folds of voices"
    assert "fitted on 32 clips: 2 held-out folds of voices" in words(at)
    assert "by the temperature of these" not in words(at)
    at.toggle[0].set_value(True).run()
    assert not at.exception and not at.error
    # with 16 clips in each fold there are too few for a temperature apart
    assert "by the temperature of these very clips" in words(at)


def test_a_run_without_held_out_clips_says_why_it_is_not_calibrated(in_study, open_page):
    at = section(open_page, in_study.trained, "Certainty")
    next(button for button in at.button if button.label == "Fit and keep").click().run()
    assert "without touching a test set" in at.error[0].value


def test_groups_show_n_and_the_test(in_study, open_page, words):
    at = section(open_page, in_study.crossvalidated, "Groups", by="speaker")
    assert "Grey: fewer than 20 clips, too few to say" in words(at)
    assert "Permutation test of accuracy given the labels: clips dealt anew within their label, 1000 times" in words(at)
    listed = next(frame.value for frame in at.dataframe if "Group" in frame.value.columns)
    assert list(listed["n"]) == [8, 8, 8, 8]
    choice(at, "Group by").set_value("auto").run()
    assert not at.exception and at.query_params["by"] == "auto"
    assert "in 7 groups" in words(at) and "dealt at random" in words(at)


def test_loudness_and_noise_are_measured_when_asked(in_study, open_page, words):
    levels = in_study.store.workspace.features / "levels-1.json"
    levels.unlink(missing_ok=True)
    at = section(open_page, in_study.trained, "Groups", by="snr")
    assert choice(at, "Group by").value == "snr" and at.query_params["by"] == "snr"
    assert "Loudness and noise of 16 clips are not measured yet" in words(at)
    next(button for button in at.button if button.label == "Measure loudness and noise").click().run()
    assert not at.exception
    assert levels.is_file() and "16 clips in" in words(at)


def test_a_page_of_many_predictions_is_worked_through_soon():
    rng = np.random.default_rng(0)
    labels = ("boredom", "panic", "excitement", "uncertainty")
    probs = rng.dirichlet(np.ones(4), 3000)
    truth = rng.integers(0, 4, 3000)
    rows = [ScoredClip(f"c{i}", labels[truth[i]], labels[int(probs[i].argmax())], tuple(probs[i])) for i in range(3000)]
    groups, speakers = [f"g{i % 8}" for i in range(3000)], [f"s{i % 40}" for i in range(3000)]
    top, right = probs.max(axis=1), probs.argmax(axis=1) == truth
    label_curves(probs[:10], truth[:10], labels)  # what is imported is no work of the page
    started = time.perf_counter()
    label_curves(probs, truth, labels, speakers)
    reliability(top, right, speakers)
    coverage_curve(top, right)
    group_report("x", rows, groups, labels, speakers)
    assert time.perf_counter() - started < 5, "all sections together; each is cached"


def test_a_report_can_be_taken_along(in_study, open_page):
    at = open_page("results", run=in_study.trained.id)
    assert not at.exception
    assert [button.label for button in at.get("download_button")].count("Report") == 1
