import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.errors import LabelError
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.paired import compare

LABELS = ("a", "b", "c")


def clips(n_both, n_a, n_b, n_neither):
    """Predictions where so many clips are right in both, in A alone, in B alone and in neither; reference all ``a``."""
    predicted_a = ["a"] * (n_both + n_a) + ["b"] * (n_b + n_neither)
    predicted_b = ["a"] * n_both + ["b"] * n_a + ["a"] * n_b + ["b"] * n_neither
    return ["a"] * len(predicted_a), predicted_a, predicted_b


def test_golden_comparison():
    comparison = compare(*clips(20, 1, 9, 22), LABELS)
    assert (comparison.n, comparison.only_a_right, comparison.only_b_right) == (52, 1, 9)
    assert comparison.mcnemar_p == pytest.approx(0.021484375)  # 2 (1 + 10) / 2**10
    difference = comparison.accuracy_difference
    assert difference.value == pytest.approx(-8 / 52)
    # mean of 52 draws from -1, 0, 1: standard error 0.0564
    assert (difference.low, difference.high) == pytest.approx((-0.269, -0.038), abs=0.021)
    assert difference.method == "bootstrap over 52 clips"


@pytest.mark.parametrize(("n_a", "n_b", "p"), [(5, 5, 1.0), (0, 0, 1.0), (6, 0, 0.03125), (3, 1, 0.625)])
def test_mcnemar_is_exact_and_two_sided(n_a, n_b, p):
    assert compare(*clips(3, n_a, n_b, 2), LABELS, n_resamples=10).mcnemar_p == pytest.approx(p)


@st.composite
def paired_clips(draw):
    n = draw(st.integers(1, 20))
    some = st.lists(st.sampled_from(LABELS), min_size=n, max_size=n)
    return draw(some), draw(some), draw(some), draw(st.lists(st.sampled_from(["x", "y", None]), min_size=n, max_size=n))


@given(paired_clips())
@settings(deadline=None)
def test_differences_are_those_of_the_scores(quadruple):
    reference, a, b, speakers = quadruple
    comparison = compare(reference, a, b, LABELS, speakers, n_resamples=40)
    first, second = (score(reference, predicted, LABELS, n_resamples=1) for predicted in (a, b))
    for difference, one, other in (
        (comparison.accuracy_difference, first.accuracy, second.accuracy),
        (comparison.uar_difference, first.uar, second.uar),
    ):
        assert difference.value == pytest.approx(one.value - other.value, abs=1e-12)
        assert -1.0 <= difference.low <= difference.value <= difference.high <= 1.0
        assert difference.low < difference.high
    assert 0.0 <= comparison.mcnemar_p <= 1.0


@given(paired_clips(), st.randoms())
@settings(deadline=None)
def test_order_does_not_matter_and_swapping_changes_the_sign(quadruple, random):
    reference, a, b, speakers = quadruple
    rows = list(zip(*quadruple, strict=True))
    random.shuffle(rows)
    shuffled = [list(column) for column in zip(*rows, strict=True)]
    comparison = compare(*quadruple[:3], LABELS, speakers, n_resamples=40)
    assert compare(*shuffled[:3], LABELS, shuffled[3], n_resamples=40) == comparison
    swapped = compare(reference, b, a, LABELS, speakers, n_resamples=40)
    assert swapped.mcnemar_p == pytest.approx(comparison.mcnemar_p)
    assert swapped.uar_difference.value == pytest.approx(-comparison.uar_difference.value, abs=1e-12)


def test_pairs_are_drawn_together():
    # both miss the same 26 clips and B two more: far narrower than two separate intervals of +-0.14
    difference = compare(*clips(24, 2, 0, 26), LABELS).accuracy_difference
    assert difference.value == pytest.approx(2 / 52)
    assert (difference.low, difference.high) == pytest.approx((0.0, 0.096), abs=0.02)


def test_speakers_are_drawn_whole():
    reference, a, b = clips(0, 20, 20, 0)
    speakers = ["s1"] * 10 + ["s2"] * 10 + ["s3"] * 10 + ["s4"] * 10
    comparison = compare(reference, a, b, LABELS, speakers)
    assert comparison.uar_difference.method == "bootstrap over 4 speakers"
    assert (comparison.uar_difference.low, comparison.uar_difference.high) == (-1.0, 1.0)


def test_equal_predictions_are_not_certain_to_stay_equal():
    difference = compare(*clips(30, 0, 0, 22), LABELS).uar_difference
    # two Wilson limits of 0 of 52, squared and added
    assert difference.value == 0.0
    assert (difference.low, difference.high) == pytest.approx((-0.0688, 0.0688), abs=1e-4)
    assert difference.method.startswith("Wilson limits of the clips that only one got right")


def test_no_clips_is_undefined():
    comparison = compare([], [], [], LABELS)
    assert (comparison.n, comparison.mcnemar_p) == (0, 1.0)
    assert comparison.accuracy_difference.value is None
    assert comparison.uar_difference.reason == "no clips"


@pytest.mark.parametrize(
    ("a", "b", "speakers", "message"),
    [
        (["a"], ["a", "b"], None, "2 reference labels but 1 predictions of A"),
        (["a", "b"], ["a"], None, "2 reference labels but 1 predictions of B"),
        (["a", "b"], ["a", "b"], ["x"], "2 reference labels but 1 speakers"),
        (["a", "z"], ["a", "b"], None, "A predicted label is 'z'"),
    ],
)
def test_what_does_not_fit_is_named(a, b, speakers, message):
    with pytest.raises(LabelError, match=message):
        compare(["a", "b"], a, b, LABELS, speakers)
