"""The page Attention on a small trained network: clips, filters, pictures, the check, the averages."""

import dataclasses
from pathlib import Path

import pytest
from small_study import SmallStudy
from tones import write_folders

from affexion_core.config import build
from affexion_core.discovery import load_plugin
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.run_folder import read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import HeldOut, RunRequest
from affexion_core.training.run_config import from_preset
from affexion_core.workspace import open_workspace


@pytest.fixture(scope="session")
def attentive(tmp_path_factory) -> SmallStudy:
    """Train a very small network with attention, once alone and once in two folds."""
    root = tmp_path_factory.mktemp("attentive")
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", write_folders(root / "voices"), ImportOptions(dataset="voices", origin="synthetic"))
    people = write_folders(root / "people", speakers=2, takes=1, first_speaker=4)
    import_corpus(store, "folder", people, ImportOptions(dataset="people", origin="real"))
    recipe = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    small = build(load_plugin("models", "affexion").Config, {"channels": 4, "hidden": 4, "lstm_layers": 1, "dense": 8})
    recipe = dataclasses.replace(
        recipe, model_config=small, training=dataclasses.replace(recipe.training, epochs=2)
    )  # fmt: skip
    voices, test = load_dataset(store, "voices"), load_dataset(store, "people")
    crossvalidated = run_here(store, RunRequest("cv", recipe, voices, HeldOut(test), n_folds=2))
    return SmallStudy(store, run_here(store, RunRequest("train", recipe, voices, HeldOut(test))), crossvalidated)


@pytest.fixture
def in_attentive(attentive, monkeypatch):
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(attentive.store.workspace.root))
    return attentive


def box(at, label):
    return next(found for found in at.selectbox if found.label == label)


def test_without_a_run_with_attention_it_says_so(in_study, open_page, words):
    at = open_page("attention")
    assert not at.exception
    assert "No run with attention yet" in words(at)


def test_a_link_opens_a_clip_and_another_beside_it(in_attentive, open_page, words):
    run = in_attentive.trained
    rows = read_predictions(Path(run.folder), "people")
    at = open_page("attention", run=run.id, on="people", clip=rows[3].clip_id, beside=rows[5].clip_id)
    assert not at.exception
    assert (box(at, "Clip").value, box(at, "Beside it").value) == (rows[3].clip_id, rows[5].clip_id)
    assert len(at.get("bidi_component")) == 2
    said = words(at)
    assert said.count("The marked part holds") == 2 and "Attention is not an explanation" in said
    for row in (rows[3], rows[5]):
        assert f"model says **{row.predicted}**, {max(row.probs):.0%}" in said


def test_filters_keep_to_what_they_say(in_attentive, open_page, words):
    run = in_attentive.trained
    rows = {row.clip_id: row for row in read_predictions(Path(run.folder), "people")}
    for answers in ("right", "wrong"):
        wanted = [id for id, row in rows.items() if (row.reference == row.predicted) == (answers == "right")]
        at = open_page("attention", run=run.id, on="people", answers=answers)
        assert not at.exception
        if wanted:
            assert len(box(at, "Clip").options) == len(wanted)
        else:
            assert any("No clip of this set has such an answer" in info.value for info in at.info)


def test_gradients_matrix_and_fold_models(in_attentive, open_page, words):
    run = in_attentive.crossvalidated
    at = open_page("attention", run=run.id, on="people", slopes="true", matrix="true", picture="What the model gets")
    assert not at.exception
    said = words(at)
    assert "mean of 2 fold models, band ± one SD" in said
    assert "integrated gradients" in said
    assert "61 × 61 frames" in said
    held_out = open_page("attention", run=run.id, on="cv")
    assert not held_out.exception
    fold = read_predictions(Path(run.folder), "cv")[0].fold
    assert f"model of fold {fold}, which had not seen it" in words(held_out).replace("\\", "")


def test_the_check_and_the_averages_are_made_once_and_kept(in_attentive, open_page, words):
    run = in_attentive.crossvalidated
    at = open_page("attention", run=run.id, on="people")
    assert "Not checked for this run and these clips" in words(at)
    next(button for button in at.button if button.label == "Check by deleting frames").click().run()
    assert not at.exception
    next(button for button in at.button if button.label == "Gather attention").click().run()
    assert not at.exception
    again = open_page("attention", run=run.id, on="people")
    said = words(again)
    assert not [b for b in again.button if b.label in ("Check by deleting frames", "Gather attention")]
    assert "Deleting what the model attends to hurts" in said
    assert "8 clips; bootstrap over 2 speakers" in said
    assert "each of the 2 fold models on all 8 clips" in said
    assert len(again.get("plotly_chart")) == 5
