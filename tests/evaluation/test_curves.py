import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from affexion_core.evaluation.curves import areas, label_curves
from affexion_core.evaluation.reliability import reliability

LABELS = ("boredom", "panic", "excitement")


def predictions(n=300, seed=1, digits=2):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3))
    truth = rng.integers(0, 3, n)
    logits[np.arange(n), truth] += 1
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return probs.round(digits), truth


def test_areas_are_scikit_learns_ties_and_weights_included():
    probs, truth = predictions()
    weights = np.random.default_rng(0).integers(0, 4, (5, len(truth))).astype(float)
    found = areas(probs[:, 1], truth == 1, weights)
    for row, w in zip(found, weights, strict=True):
        assert row[0] == pytest.approx(roc_auc_score(truth == 1, probs[:, 1], sample_weight=w))
        assert row[1] == pytest.approx(average_precision_score(truth == 1, probs[:, 1], sample_weight=w))


def test_each_label_has_its_curves_with_intervals():
    probs, truth = predictions()
    for i, curve in enumerate(label_curves(probs, truth, LABELS)):
        assert curve.auc.value == pytest.approx(roc_auc_score(truth == i, probs[:, i]))
        assert curve.average_precision.value == pytest.approx(average_precision_score(truth == i, probs[:, i]))
        assert 0 < curve.auc.low < curve.auc.value < curve.auc.high < 1
        assert curve.roc[0].tolist() == [0, 0] and curve.roc[-1].tolist() == [1, 1]
        assert curve.n == (truth == i).sum() and curve.share == curve.n / 300


def test_a_label_without_clips_is_undefined_and_a_perfect_one_claims_no_certainty():
    probs = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0]])
    boredom, _, excitement = label_curves(probs, np.array([0, 0, 1]), LABELS)
    assert excitement.auc.value is None and excitement.auc.reason == "no reference clip"
    assert boredom.auc.value == 1.0 and (boredom.auc.low, boredom.auc.high) == (0.0, 1.0)


def test_speakers_widen_the_interval():
    probs, truth = predictions(400)
    speakers = [f"s{int(i) // 100}" for i in range(400)]
    alone, grouped = label_curves(probs, truth, LABELS)[0], label_curves(probs, truth, LABELS, speakers)[0]
    assert alone.auc.method == "bootstrap over 400 clips"
    assert grouped.auc.method == "bootstrap over 4 speakers"


def test_the_calibration_error_of_a_worked_example():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, True, False])
    found = reliability(confidence, right)
    # 4/6 of the clips are 0.20 too sure, 2/6 are 0.05 too sure
    assert found.ece.value == pytest.approx(4 / 6 * 0.2 + 2 / 6 * 0.05)
    assert [one.n for one in found.bins] == [0, 0, 0, 0, 0, 2, 0, 0, 0, 4]
    assert found.bins[9].accuracy == 0.75 and found.bins[9].confidence == pytest.approx(0.95)
    assert found.ece.low <= found.ece.value <= found.ece.high


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=50), st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_every_clip_lies_in_the_bin_that_says_so(clips, n_bins):
    confidence = np.array([c for c, _ in clips])
    right = np.array([r for _, r in clips], dtype=bool)
    found = reliability(confidence, right, n_bins=n_bins, n_resamples=5)
    assert sum(one.n for one in found.bins) == len(clips)
    expected = 0.0
    for one in found.bins:
        if one.n:
            assert one.start - 1e-9 <= one.confidence <= one.end + 1e-9
            expected += one.n / len(clips) * abs(one.accuracy - one.confidence)
    if clips:
        assert found.ece.value == pytest.approx(expected)
    else:
        assert found.ece.value is None
