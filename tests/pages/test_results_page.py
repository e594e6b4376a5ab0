import dataclasses
from pathlib import Path

from small_study import short_recipe

from affexion_core.run_folder import read_evaluation, read_predictions
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
    assert len(at.get("plotly_chart")) >= 4
    assert len(at.get("audio")) == 1


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
    assert choice(at, "Fold").options == ["1", "2"]
    cell = choice(at, "Clips to hear").value
    first = next(
        row
        for row in read_predictions(Path(in_study.crossvalidated.folder), "cv")
        if (row.reference, row.predicted) == cell
    )
    assert f"Predicted by the model of fold {first.fold}, which had not seen it" in words(at)
    assert "Measured on synthetic speech: these figures say nothing about real people." in words(at)
    at.session_state["details"] = "Folds"
    at.run()
    assert not at.exception
    assert "2 folds; one dot a fold model" in words(at)


def test_training_data_and_settings_show_on_demand(in_study, open_page, words):
    at = open_page("results", run=in_study.trained.id)
    at.session_state["details"] = "Trained on"
    at.run()
    assert "Dataset **voices**" in words(at)
    assert "32 clips · 4 known speakers" in words(at)
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
