import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from affexion_core.errors import ConfigError, ModelError
from affexion_core.evaluation.abstention import MIN_ANSWERED, choose_threshold, coverage_curve
from affexion_core.evaluation.calibration import (
    Calibration,
    cross_fitted,
    fit_calibration,
    fit_temperature,
    negative_log_likelihood,
    read_calibration,
    scale,
    write_calibration,
)
from affexion_core.evaluation.metrics import score
from affexion_core.run_folder import Evaluation, ScoredClip, write_evaluation, write_json
from affexion_core.types import Run

LABELS = ("boredom", "panic", "excitement")


def draws(n=4000, temperature=1.0, seed=0):
    """Labels drawn from known probabilities, and those probabilities as a model wrong by a temperature gives them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3)) * 1.5
    true = scale(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    truth = np.array([rng.choice(3, p=row) for row in true])
    return scale(true, 1 / temperature), truth


def crossvalidated(folder, probs, truth, folds):
    run = Run("r1", "cv", "linear", str(folder), LABELS, "voices", "hash", "2026-11-20T10:00:00+00:00")
    rows = [
        ScoredClip(f"c{i}", LABELS[truth[i]], LABELS[int(probs[i].argmax())], tuple(probs[i]), int(folds[i]))
        for i in range(len(truth))
    ]
    scores = score([r.reference for r in rows], [r.predicted for r in rows], LABELS, n_resamples=10)
    write_evaluation(folder, Evaluation("cv", "voices", "cv", "clean", scores, "2026-11-20"), rows)
    (folder / "folds").mkdir()
    return run


@pytest.mark.parametrize("wrong_by", [0.5, 1.0, 2.5])
def test_the_temperature_that_was_put_in_is_found(wrong_by):
    probs, truth = draws(temperature=wrong_by)
    assert fit_temperature(probs, truth) == pytest.approx(wrong_by, rel=0.06)


def test_the_temperature_is_where_scikit_learns_loss_is_least():
    probs, truth = draws(500, 3.0)
    best = fit_temperature(probs, truth)
    losses = {t: log_loss(truth, scale(probs, t)) for t in np.linspace(2, 4, 201)}
    assert min(losses, key=losses.get) == pytest.approx(best, abs=0.011)
    assert negative_log_likelihood(scale(probs, best), truth) == pytest.approx(log_loss(truth, scale(probs, best)))


def test_clips_that_are_all_right_and_clips_no_better_than_chance_end_at_the_limits():
    sure = np.tile([0.9, 0.05, 0.05], (30, 1))
    assert fit_temperature(sure, np.zeros(30, dtype=int)) == pytest.approx(0.05)
    assert fit_temperature(sure, np.arange(30) % 3) == pytest.approx(20.0)


@given(
    st.lists(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), min_size=1, max_size=20),
    st.floats(0.05, 20),
)
@settings(max_examples=60, deadline=None)
def test_scaling_keeps_the_order_of_labels_and_sums_to_one(rows, temperature):
    probs = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
    scaled = scale(probs, temperature)
    assert np.allclose(scaled.sum(axis=1), 1)
    for before, after in zip(probs, scaled, strict=True):
        assert after[before.argmax()] == after.max()
    assert np.allclose(scale(probs, 1.0), probs)


def test_each_fold_is_scaled_by_what_the_others_say():
    probs, truth = draws(600, 2.0)
    folds = np.arange(600) % 3
    scaled = cross_fitted(probs, truth, folds)
    own = folds == 1
    assert np.allclose(scaled[own], scale(probs[own], fit_temperature(probs[~own], truth[~own])))
    with pytest.raises(ConfigError, match="one fold only"):
        cross_fitted(probs, truth, np.zeros(600))


def test_a_crossvalidation_is_calibrated_on_its_held_out_folds_and_keeps_it(tmp_path):
    probs, truth = draws(900, 2.0)
    run = crossvalidated(tmp_path, probs, truth, 1 + np.arange(900) % 3)
    found = fit_calibration(run)
    assert found.temperature == pytest.approx(2.0, rel=0.15)
    assert (found.n, found.source) == (900, "3 held-out folds of voices")
    assert found.coverage == pytest.approx(0.8, abs=0.002)
    assert found.nll_after < found.nll_before
    unsure = found.unsure(found.calibrated(probs))
    assert 1 - unsure.mean() == pytest.approx(found.coverage, abs=0.003)
    assert read_calibration(tmp_path) is None
    write_calibration(tmp_path, found)
    assert read_calibration(tmp_path) == found


def test_the_accuracy_asked_for_is_reached_with_as_many_answers_as_can_be(tmp_path):
    probs, truth = draws(900)
    probs = probs.round(6)  # as predictions are kept
    run = crossvalidated(tmp_path, probs, truth, 1 + np.arange(900) % 3)
    found = fit_calibration(run, accuracy=0.8)
    assert found.accuracy >= 0.8 and found.coverage < 1
    top = found.calibrated(probs).max(axis=1)
    right = probs.argmax(axis=1) == truth
    for threshold in np.unique(top[top < found.unsure_below]):
        assert right[top >= threshold].mean() < 0.8
    half = np.arange(40) % 2 == 0
    with pytest.raises(ConfigError, match="No threshold makes 90% of the answers right: at best 5[0-9]%, when"):
        choose_threshold(np.linspace(1, 0, 40), half, accuracy=0.9)


def test_without_held_out_training_clips_a_test_set_is_no_substitute(tmp_path):
    run = Run("r1", "train", "linear", str(tmp_path), LABELS, "voices", "hash", "2026-11-20T10:00:00+00:00")
    write_json(tmp_path / "split.json", {"clips": [{"clip_id": "a", "label": "panic", "part": "test"}]})
    with pytest.raises(ModelError, match="without touching a test set"):
        fit_calibration(run)


def test_damaged_and_foreign_files_are_errors_in_words(tmp_path):
    (tmp_path / "calibration.json").write_text("{ cut")
    with pytest.raises(ModelError, match="can't be read"):
        read_calibration(tmp_path)
    (tmp_path / "calibration.json").write_text(json.dumps({"heat": 3}))
    with pytest.raises(ModelError, match="no calibration of this version"):
        read_calibration(tmp_path)
    for values in ({"temperature": 0.0, "unsure_below": 0.5}, {"temperature": 1.0, "unsure_below": 1.5}):
        with pytest.raises(ModelError, match="Calibrate the run again"):
            Calibration(n=1, source="x", **values)


@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), max_size=60))
@settings(max_examples=80, deadline=None)
def test_the_coverage_curve_counts_what_a_threshold_answers(clips):
    confidence = np.array([c / 8 for c, _ in clips])
    right = np.array([r for _, r in clips], dtype=bool)
    points = coverage_curve(confidence, right)
    assert len(points) == len(set(confidence))
    for point in points:
        answered = confidence >= point.threshold
        assert point.n_answered == answered.sum()
        assert point.accuracy == right[answered].mean()
        assert point.low <= point.accuracy <= point.high
    assert not clips or points[-1].coverage == 1


def test_a_threshold_needs_clips_and_one_wish():
    few = np.linspace(0.3, 0.9, MIN_ANSWERED - 1)
    with pytest.raises(ConfigError, match="needs at least 20"):
        choose_threshold(few, few > 0.5, coverage=0.5)
    for wishes in ({}, {"accuracy": 0.8, "coverage": 0.8}, {"coverage": 0.0}, {"accuracy": 1.2}):
        with pytest.raises(ConfigError, match="either the accuracy or the coverage"):
            choose_threshold(few, few > 0.5, **wishes)
