"""Models fitted in one step: the same numbers as scikit-learn, on the same paths as all others."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC, LinearSVC
from small_study import short_recipe
from test_fit import Examples
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import TrainingError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.predictor import Predictor
from affexion_core.run_folder import evaluation_names, fold_folders, read_history, read_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.batches import prepare
from affexion_core.training.device import Device
from affexion_core.training.execute import run_here
from affexion_core.training.fit import fit
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.model_file import TrainedModel, load_model, save_model
from affexion_core.training.prepare import RunRequest
from affexion_core.training.run_config import RunConfig, with_settings


def recipe(model: str, **settings) -> RunConfig:
    plugin = load_plugin("models", model)
    return with_settings(
        dataclasses.replace(short_recipe(), model=model, model_config=plugin.Config()),
        {
            f"model.{name}" if name in ("kernel", "cost", "pooling", "width") else name: v
            for name, v in settings.items()
        },
    )


def clouds(n_labels: int = 3, n: int = 60, seed: int = 0) -> Examples:
    """Clips of several frames; each label lies around a centre of its own, and the labels overlap."""
    middles = np.random.default_rng(7).normal(size=(n_labels, 8))
    rng = np.random.default_rng(seed)
    targets = [i % n_labels for i in range(n)]
    clips = [(middles[k] + rng.normal(size=(int(rng.integers(3, 9)), 8)) * 2).astype(np.float32) for k in targets]
    return Examples([(clip,) for clip in clips], targets)


def fitted_logits(data: Examples, config: RunConfig, n_labels: int) -> tuple[torch.nn.Module, np.ndarray, np.ndarray]:
    """Give the model, its logits, and the z-scored rows that scikit-learn is to see."""
    fitted = fit(data, n_labels, config)
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in data.features]
    pooled = np.array([np.r_[clip[0].mean(0), np.sqrt(clip[0].var(0) + 1e-8)] for clip in clips], dtype=np.float64)
    rows = (pooled - pooled.mean(0)) / np.maximum(pooled.std(0), 1e-12)
    return fitted.model, outputs_of(fitted.model, clips)[0], rows


def test_logits_of_logistic_regression_are_scikit_learns():
    data = clouds()
    _, logits, rows = fitted_logits(data, recipe("logreg", cost=0.5), 3)
    golden = LogisticRegression(C=0.5, max_iter=1000).fit(rows, data.targets)
    np.testing.assert_allclose(logits, golden.decision_function(rows), atol=1e-4)
    np.testing.assert_allclose(softmax(logits), golden.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("model", ["logreg", "svm"])
def test_two_labels_give_scikit_learns_probabilities_and_order(model):
    data = clouds(2)
    _, logits, rows = fitted_logits(data, recipe(model, cost=0.1), 2)
    if model == "logreg":
        golden = LogisticRegression(C=0.1, max_iter=1000).fit(rows, data.targets)
        np.testing.assert_allclose(softmax(logits), golden.predict_proba(rows), atol=1e-5)
    else:
        golden = LinearSVC(C=0.1, dual=False, random_state=0).fit(rows, data.targets)
    assert (logits.argmax(1) == golden.predict(rows)).mean() > 0.98


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_decisions_of_the_linear_machine_are_scikit_learns(weights):
    data = clouds()
    data = dataclasses.replace(data, features=data.features[:50], targets=[min(t, 1) for t in data.targets[:50]])
    data = dataclasses.replace(data, targets=[2 if i % 10 == 0 else t for i, t in enumerate(data.targets)])
    model, logits, rows = fitted_logits(data, recipe("svm", cost=0.1, class_weights=weights), 3)
    counts = np.bincount(data.targets)
    by_clip = np.ones(50) if weights == "none" else (50 / (3 * counts))[data.targets]
    for k in range(3):
        golden = LinearSVC(C=0.1, dual=False, random_state=0)
        golden.fit(rows, np.array(data.targets) == k, sample_weight=by_clip)
        decisions = logits[:, k] / float(model.sharpness)
        np.testing.assert_allclose(decisions, golden.decision_function(rows), atol=1e-5)


def test_decisions_of_the_gaussian_machine_are_scikit_learns():
    data = clouds()
    model, logits, rows = fitted_logits(data, recipe("svm", kernel="rbf", cost=2.0, width=0.7), 3)
    golden = OneVsRestClassifier(SVC(C=2.0, gamma=0.7 / rows.shape[1])).fit(rows, data.targets)
    np.testing.assert_allclose(logits / float(model.sharpness), golden.decision_function(rows), atol=1e-5)
    assert (logits.argmax(1) == golden.predict(rows)).all()


def test_the_kernel_by_parts_gives_the_same_machine(monkeypatch):
    whole = fitted_logits(clouds(), recipe("svm", kernel="rbf"), 3)[1]
    monkeypatch.setattr("affexion_core.models.svm._MOST_IN_MEMORY", 10)
    np.testing.assert_allclose(fitted_logits(clouds(), recipe("svm", kernel="rbf"), 3)[1], whole, atol=1e-4)


@pytest.mark.parametrize("settings", [{"kernel": "linear", "cost": 0.1}, {"kernel": "rbf", "cost": 5.0}])
def test_probabilities_of_machines_are_about_as_sure_as_they_are_right(settings):
    config = recipe("svm", **settings)
    fitted = fit(clouds(3, 240), 3, config)
    fresh = clouds(3, 600, seed=1)
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in fresh.features]
    probs = softmax(outputs_of(fitted.model, clips)[0])
    right = (probs.argmax(1) == fresh.targets).mean()
    assert 0.5 < right < 0.97
    assert probs.max(1).mean() == pytest.approx(right, abs=0.07)


@pytest.mark.parametrize(("model", "settings"), [("logreg", {}), ("svm", {}), ("svm", {"kernel": "rbf"})])
def test_votes_that_agree_are_labels_and_the_file_says_all(model, settings, tmp_path):
    data, config = clouds(), recipe(model, **settings)
    shares = np.eye(3, dtype=np.float32)[data.targets]
    hard, soft = (fitted_logits(each, config, 3)[1] for each in (data, dataclasses.replace(data, shares=shares)))
    np.testing.assert_array_equal(hard, soft)
    split = fitted_logits(dataclasses.replace(data, shares=0.7 * shares + np.float32(0.1)), config, 3)[1]
    assert not np.allclose(split, hard, atol=1e-3)
    fitted = fit(data, 3, config)
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b", "c")))
    loaded = load_model(tmp_path)
    clips = [prepare(clip, config.inputs, loaded.normalisation) for clip in data.features]
    np.testing.assert_array_equal(outputs_of(loaded.model, clips)[0], hard)


@pytest.mark.parametrize(("model", "settings"), [("logreg", {}), ("svm", {}), ("svm", {"kernel": "rbf"})])
def test_a_label_without_clips_is_never_chosen_and_a_still_feature_does_no_harm(model, settings):
    data = clouds(2)
    still = [(np.where(np.arange(8) == 3, 1.0, clip[0]).astype(np.float32),) for clip in data.features]
    logits = fitted_logits(Examples(still, data.targets), recipe(model, **settings), 3)[1]
    assert np.isfinite(logits).all() and (logits[:, 2] < logits.max(1) - 0.5).all()
    assert (logits.argmax(1) == data.targets).mean() > 0.8


def test_one_label_only_is_a_clear_error():
    data = clouds(2)
    with pytest.raises(TrainingError, match="All 60 training clips have the same label"):
        fit(Examples(data.features, [1] * 60), 2, recipe("svm"))


def test_a_dev_part_is_watched_and_epochs_mean_nothing():
    rows = []
    config = recipe("logreg", epochs=500, early_stopping=5)
    fitted = fit(clouds(), 3, config, clouds(seed=1), rows.append, device=Device("cpu", "CPU, 1 thread"))
    assert len(rows) == 1 and fitted.history == (rows[0],)
    assert rows[0]["epoch"] == 1 and rows[0]["dev_loss"] > rows[0]["train_loss"] > 0
    assert "learning_rate" not in rows[0]


@pytest.mark.parametrize("model", ["logreg", "svm"])
def test_a_cross_validation_goes_all_the_way(workspace, tmp_path, model):
    store = open_store(workspace)
    folder = write_folders(tmp_path / "people", ("panic", "boredom"), speakers=4, takes=2)
    import_corpus(store, "folder", folder, ImportOptions(dataset="plain"))
    steps = []
    request = RunRequest("cv", recipe(model), load_dataset(store, "plain"), n_folds=2)
    run = run_here(store, request, lambda done, total, what: steps.append((done, total, what)))
    folds = fold_folders(Path(run.folder))
    assert [len(read_history(fold)) for fold in folds] == [1, 1]
    assert all(read_json(fold / "run.json")["device"].startswith("CPU") for fold in folds)
    assert (2, 2) in [step[:2] for step in steps]
    assert evaluation_names(Path(run.folder)) == ("cv",)
    assert len(Predictor.load(Path(run.folder)).models) == 2
