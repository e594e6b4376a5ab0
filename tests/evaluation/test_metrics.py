import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.errors import ConfigError, LabelError, ModelError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.scores import Estimate, scores_from_json, scores_to_json

LABELS = ("boredom", "panic", "excitement", "uncertainty")


@st.composite
def scored_clips(draw, min_size=1):
    n = draw(st.integers(min_size, 30))
    some = st.lists(st.sampled_from(LABELS), min_size=n, max_size=n)
    speakers = st.lists(st.sampled_from(["ann", "bo", "cy", None]), min_size=n, max_size=n)
    return draw(some), draw(some), draw(speakers)


def estimates(scores):
    yield from (scores.accuracy, scores.uar, scores.macro_precision, scores.macro_f1)
    for item in scores.per_class:
        yield from (item.precision, item.recall, item.f1)


def quick(reference, predicted, speakers=None, **options):
    return score(reference, predicted, LABELS, speakers, **{"n_resamples": 50, **options})


def test_golden_figures():
    # confusion (rows are the reference): boredom 5 1 0, panic 1 2 1, excitement 0 0 3; one panic clip called uncertain
    reference = ["boredom"] * 6 + ["panic"] * 5 + ["excitement"] * 3
    predicted = (
        ["boredom"] * 5 + ["panic", "boredom", "panic", "panic", "excitement", "uncertainty"] + ["excitement"] * 3
    )
    scores = score(reference, predicted, LABELS)
    assert scores.confusion == ((5, 1, 0, 0), (1, 2, 1, 1), (0, 0, 3, 0), (0, 0, 0, 0))
    assert (scores.n, scores.n_speakers) == (14, 0)
    assert scores.accuracy.value == pytest.approx(10 / 14)
    assert (scores.accuracy.low, scores.accuracy.high) == pytest.approx((0.4535, 0.8828), abs=1e-4)
    assert scores.uar.value == pytest.approx((5 / 6 + 2 / 5 + 1) / 3)
    assert scores.macro_precision.value == pytest.approx((5 / 6 + 2 / 3 + 3 / 4) / 3)
    assert scores.macro_f1.value == pytest.approx((5 / 6 + 1 / 2 + 6 / 7) / 3)
    panic = scores.per_class[1]
    assert (panic.label, panic.n, panic.precision.n, panic.recall.n) == ("panic", 5, 3, 5)
    assert (panic.recall.low, panic.recall.high) == pytest.approx((0.1176, 0.7693), abs=1e-4)
    assert scores.uar.method == "bootstrap over 14 clips"


def test_a_label_without_reference_clips_is_undefined_but_its_predictions_are_errors():
    scores = quick(["boredom", "panic"], ["boredom", "uncertainty"])
    uncertainty = scores.per_class[3]
    for figure in (uncertainty.recall, uncertainty.precision, uncertainty.f1):
        assert (figure.value, figure.low, figure.high, figure.n) == (None, None, None, 0)
        assert figure.reason == "no reference clip"
    assert scores.accuracy.value == 0.5
    assert scores.uar.value == 0.5
    assert scores.confusion[1][3] == 1


def test_a_label_never_predicted_has_precision_0():
    scores = quick(["boredom", "panic", "panic"], ["panic", "panic", "panic"])
    boredom = scores.per_class[0].precision
    assert (boredom.value, boredom.low, boredom.high, boredom.n) == (0.0, 0.0, 1.0, 0)
    assert boredom.method == "counted as 0, as it was never predicted"
    assert scores.macro_precision.value == pytest.approx((0 + 2 / 3) / 2)


@given(scored_clips())
@settings(deadline=None)
def test_macro_figures_equal_scikit_learn(clips):
    from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

    reference, predicted, _ = clips
    scores = quick(reference, predicted, n_resamples=1)
    options = {"labels": sorted(set(reference)), "average": "macro", "zero_division": 0}
    assert scores.accuracy.value == pytest.approx(accuracy_score(reference, predicted))
    assert scores.uar.value == pytest.approx(recall_score(reference, predicted, **options))
    assert scores.macro_precision.value == pytest.approx(precision_score(reference, predicted, **options))
    assert scores.macro_f1.value == pytest.approx(f1_score(reference, predicted, **options))
    assert np.array_equal(scores.confusion, confusion_matrix(reference, predicted, labels=LABELS))
    each = {**options, "average": None}
    by_label = {item.label: item for item in scores.per_class}
    figures = [by_label[label] for label in options["labels"]]
    assert [item.recall.value for item in figures] == pytest.approx(recall_score(reference, predicted, **each))
    assert [item.precision.value for item in figures] == pytest.approx(precision_score(reference, predicted, **each))
    assert [item.f1.value for item in figures] == pytest.approx(f1_score(reference, predicted, **each))


@given(scored_clips(), st.integers(0, 3))
def test_every_figure_lies_in_its_interval(clips, seed):
    scores = quick(*clips, seed=seed)
    for figure in estimates(scores):
        if figure.value is None:
            assert figure.reason == "no reference clip"
        else:
            assert 0.0 <= figure.low <= figure.value <= figure.high <= 1.0
            assert figure.low < figure.high, figure


@given(scored_clips(min_size=2), st.randoms())
def test_the_order_of_clips_does_not_matter(clips, random):
    rows = list(zip(*clips, strict=True))
    random.shuffle(rows)
    assert quick(*zip(*rows, strict=True)) == quick(*clips)


@given(scored_clips())
def test_scores_survive_json_without_nan(clips):
    scores = quick(*clips)
    text = json.dumps(scores_to_json(scores), allow_nan=False)
    assert scores_from_json(json.loads(text)) == scores


@pytest.mark.parametrize(("predicted", "value"), [("panic", 1.0), ("boredom", 0.0)])
@pytest.mark.parametrize("n", [1, 13])
def test_all_right_or_all_wrong_is_no_certainty(predicted, value, n):
    scores = quick(["panic"] * n, [predicted] * n)
    # one class, so that the combined Wilson limits are those of the class: 1 of 1, or 13 of 13 clips
    bound = {1: 0.206549, 13: 0.771905}[n]
    limits = (bound, 1.0) if value else (0.0, 1 - bound)
    assert scores.accuracy.value == scores.uar.value == value
    assert (scores.uar.low, scores.uar.high) == pytest.approx(limits, abs=1e-6)
    assert scores.uar.method == "Wilson limits of the classes combined, as all resamples agree"


def test_no_clips_is_undefined():
    scores = score([], [], LABELS)
    assert scores.accuracy == scores.uar == Estimate(None, None, None, 0, "undefined", "no clips")
    assert scores_from_json(scores_to_json(scores)) == scores


def test_speakers_are_drawn_whole():
    # two speakers always right, two always wrong: clips within a speaker say nothing new
    reference, speakers = ["panic"] * 80, [name for name in "abcd" for _ in range(20)]
    predicted = ["panic"] * 40 + ["boredom"] * 40
    by_clip, by_speaker = score(reference, predicted, LABELS), score(reference, predicted, LABELS, speakers)
    assert by_clip.uar.method == "bootstrap over 80 clips"
    assert by_speaker.uar.method == "bootstrap over 4 speakers"
    assert by_speaker.n_speakers == 4
    assert (by_speaker.uar.low, by_speaker.uar.high) == (0.0, 1.0)
    assert (by_clip.uar.low, by_clip.uar.high) == pytest.approx((0.39, 0.61), abs=0.02)


@pytest.mark.parametrize(
    ("speakers", "n_speakers", "method"),
    [
        (["ann"] * 6, 1, "bootstrap over 6 clips"),
        ([None] * 6, 0, "bootstrap over 6 clips"),
        (["ann", "bo", None, "", "ann", None], 3, "bootstrap over 3 speakers and 2 clips without a speaker"),
        (["ann", "ann", "bo", "bo", "bo", None], 2, "bootstrap over 2 speakers and 1 clip without a speaker"),
    ],
)
def test_the_method_names_what_was_drawn(speakers, n_speakers, method):
    scores = quick(["panic"] * 6, ["panic", "boredom"] * 3, speakers)
    assert (scores.n_speakers, scores.uar.method) == (n_speakers, method)


def test_the_seed_decides():
    clips = (
        ["panic", "boredom", "excitement"] * 7,
        ["panic", "boredom", "boredom", "excitement", "panic"] * 4 + ["panic"],
    )
    assert quick(*clips, seed=1) == quick(*clips, seed=1)
    assert quick(*clips, seed=1).uar.low != quick(*clips, seed=2).uar.low


@pytest.mark.parametrize(
    ("reference", "predicted", "speakers", "message"),
    [
        (["panic"], ["panic", "panic"], None, "1 reference labels but 2 predictions"),
        (["panic"], ["panic"], ["ann", "bo"], "1 reference labels but 2 speakers"),
        (["joy"], ["panic"], None, "A reference label is 'joy', .*: boredom, excitement, panic or uncertainty"),
        (["panic"], ["joy"], None, "A predicted label is 'joy'"),
    ],
)
def test_what_does_not_fit_is_named(reference, predicted, speakers, message):
    with pytest.raises(LabelError, match=message):
        score(reference, predicted, LABELS, speakers)


def test_labels_must_differ():
    with pytest.raises(LabelError, match="list one twice: a, b, a"):
        score(["a"], ["a"], ("a", "b", "a"))


def test_a_bootstrap_needs_resamples():
    with pytest.raises(ConfigError, match="n_resamples = 0"):
        quick(["panic"], ["panic"], n_resamples=0)


@pytest.mark.parametrize("figures", [(math.nan, 0.0, 1.0), (0.5, 0.0, math.inf), (0.5, None, 1.0), (None, None, None)])
def test_an_estimate_is_whole_or_gives_its_reason(figures):
    with pytest.raises(LabelError, match="estimate"):
        Estimate(*figures, n=3, method="Wilson")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("uar", None, "figures can't be read"), ("confusion", 3, "not iterable"), (None, None, "field 'n' is missing")],
)
def test_damaged_scores_are_refused(field, value, message):
    stored = scores_to_json(quick(["panic"], ["panic"]))
    with pytest.raises(ModelError, match=message):
        scores_from_json({**stored, field: value} if field else {})
