import itertools
import json
import math
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from affexion_core.errors import ConfigError, LabelError
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling.agreement import agreement_report, report_to_json
from affexion_core.labeling.alpha import LEVELS, krippendorff_alpha
from affexion_core.labeling.kappa import fleiss_kappa, per_label
from affexion_core.labeling.pairs import pairwise_kappa
from affexion_core.labeling.ratings import people, ratings_of, vote_counts

ABC = ("a", "b", "c")
# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part D: 4 observers, 12 units
KRIPPENDORFF = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
# J. L. Fleiss, Psychological Bulletin 76 (1971) as worked through for 10 subjects, 14 raters, 5 categories
FLEISS = """0 0 0 0 14; 0 2 6 4 2; 0 0 3 5 6; 0 3 9 2 0; 2 2 8 1 1; 7 7 0 0 0; 3 2 6 3 0; 2 5 3 2 2; 6 5 2 1 0;
0 2 2 3 7"""

tables = st.integers(2, 5).flatmap(
    lambda m: st.lists(st.lists(st.none() | st.sampled_from(ABC), min_size=m, max_size=m), min_size=1, max_size=12)
)  # clips x raters, None: not judged


def from_table(rows, labels=ABC, anonymous=()):
    return ratings_of(
        [
            (f"c{clip:03}", f"r{rater}", value)
            for clip, row in enumerate(rows)
            for rater, value in enumerate(row)
            if value is not None
        ],
        labels,
        anonymous,
    )


def krippendorffs_example(numeric=True):
    rows = list(zip(*KRIPPENDORFF, strict=True))
    made = [[None if v == "." else float(v) if numeric else v for v in row] for row in rows]
    return from_table(made, None if numeric else "12345")


def fleiss_example():
    rows = [[int(n) for n in row.split()] for row in FLEISS.split(";")]
    return from_table(
        [[label for label, n in zip("abcde", row, strict=True) for _ in range(n)] for row in rows], "abcde"
    )


def cohens_example():
    rows = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    return from_table(rows, ("yes", "no"))


def naive_alpha(rows, distance):
    """α from its definition: every pair of values, one by one."""
    clips = [[v for v in row if v is not None] for row in rows]
    clips = [values for values in clips if len(values) >= 2]
    values = [v for row in clips for v in row]
    n = len(values)
    observed = sum(
        distance(row[i], row[j]) / (len(row) - 1)
        for row in clips
        for i, j in itertools.permutations(range(len(row)), 2)
    )
    expected = sum(distance(values[i], values[j]) for i, j in itertools.permutations(range(n), 2))
    return None if not expected else 1 - (n - 1) * observed / expected


@pytest.mark.parametrize(
    ("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_equals_krippendorffs_example(level, value):
    estimate = krippendorff_alpha(krippendorffs_example(), level)
    assert estimate.value == pytest.approx(value, abs=5e-4)
    assert estimate.n == 11  # unit 12 has one value
    assert -1 <= estimate.low < estimate.value < estimate.high <= 1
    assert estimate.method == "bootstrap over 11 clips"


def test_labels_in_scheme_order_are_ordinal():
    estimate = krippendorff_alpha(krippendorffs_example(numeric=False), "ordinal")
    assert estimate == krippendorff_alpha(krippendorffs_example(), "ordinal")


def test_fleiss_kappa_equals_the_published_example():
    estimate = fleiss_kappa(fleiss_example())
    assert (estimate.value, estimate.n) == (pytest.approx(0.210, abs=5e-4), 10)
    by_label = per_label(fleiss_example())
    assert [item.votes for item in by_label] == [20, 28, 39, 21, 32]
    # κ of a category by Fleiss' own formula, 1 - Σ n (14 - n) / (10 * 14 * 13 p q)
    counts = vote_counts(fleiss_example())
    shares = counts.mean(axis=0) / 14
    by_hand = 1 - (counts * (14 - counts)).sum(axis=0) / (10 * 14 * 13 * shares * (1 - shares))
    assert [item.kappa.value for item in by_label] == pytest.approx(by_hand.tolist())


def test_cohens_kappa_equals_the_published_example():
    pairwise = pairwise_kappa(cohens_example())
    assert pairwise.mean.value == pytest.approx(0.4)
    (pair,) = pairwise.pairs
    assert pair.raters == ("r0", "r1") and pair.kappa.n == 50
    # the large-sample limits of Fleiss, Cohen and Everitt (1969) are 0.15 and 0.65
    assert (pair.kappa.low, pair.kappa.high) == (pytest.approx(0.15, abs=0.04), pytest.approx(0.65, abs=0.04))


@given(tables)
def test_alpha_equals_its_definition_whatever_is_missing(rows):
    naive = naive_alpha(rows, lambda a, b: float(a != b))
    estimate = krippendorff_alpha(from_table(rows), n_resamples=20)
    clips = sum(sum(v is not None for v in row) >= 2 for row in rows)
    if naive is None or clips < 2:
        assert estimate.value is None and estimate.reason.startswith("undefined, because ")
    else:
        assert estimate.value == pytest.approx(naive, abs=1e-9)


@given(st.lists(st.lists(st.sampled_from(ABC), min_size=2, max_size=2), min_size=2, max_size=15), st.randoms())
def test_two_raters_none_missing(rows, random):
    naive = naive_alpha(rows, lambda a, b: float(a != b))
    assume(naive is not None)
    assert krippendorff_alpha(from_table(rows), n_resamples=5).value == pytest.approx(naive, abs=1e-9)


@given(
    st.lists(st.lists(st.none() | st.floats(0, 9).map(lambda x: round(x, 2)), min_size=3, max_size=3), max_size=8),
    st.sampled_from([1e-9, 1.0, 1e9]),
)
def test_numbers_equal_the_definition(rows, scale):
    rows = [[None if v is None else v * scale for v in row] for row in rows]
    table = from_table(rows, None)
    assume(sum(sum(v is not None for v in row) >= 2 for row in rows) >= 2)
    for level, distance in (
        ("interval", lambda a, b: (a - b) ** 2),
        ("ratio", lambda a, b: ((a - b) / (a + b)) ** 2 if a + b else 0.0),
        ("ordinal", None),
    ):
        naive = naive_alpha(rows, distance or ordinal_distance(rows))
        value = krippendorff_alpha(table, level, n_resamples=5).value
        assert value is None if naive is None else value == pytest.approx(naive, abs=1e-6)


def ordinal_distance(rows):
    """Krippendorff's own words: frequencies from the one value to the other, less half of those at the ends."""
    values = [v for row in rows if sum(x is not None for x in row) >= 2 for v in row if v is not None]

    def distance(a, b):
        low, high = sorted((a, b))
        between = sum(low <= v <= high for v in values)
        return (between - (values.count(low) + values.count(high)) / 2) ** 2 if a != b else 0.0

    return distance


def figures_of(table):
    report = agreement_report(table, n_resamples=25)
    pairs = [pair.kappa for pair in report.pairwise_kappa.pairs]
    by_label = [figure for item in report.per_label for figure in (item.alpha, item.kappa)]
    return [report.alpha_nominal, report.fleiss_kappa, report.pairwise_kappa.mean, *pairs, *by_label]


@settings(max_examples=60)
@given(tables)
def test_figures_are_bounded_or_undefined_never_nan(rows):
    for figure in figures_of(from_table(rows)):
        if figure.value is None:
            assert figure.reason.startswith("undefined, because ")
        else:
            assert all(math.isfinite(v) for v in (figure.value, figure.low, figure.high))
            assert -1 - 1e-9 <= figure.low <= figure.value <= figure.high <= 1 + 1e-9


@given(tables, st.randoms(use_true_random=False))
def test_alpha_ignores_the_order_of_raters_and_clips_and_the_names_of_labels(rows, random):
    value = krippendorff_alpha(from_table(rows), n_resamples=5)
    order = random.sample(range(len(rows[0])), len(rows[0]))
    shuffled = [[row[i] for i in order] for row in random.sample(rows, len(rows))]
    # the same kinds of clips, so even the same interval
    assert krippendorff_alpha(from_table(shuffled), n_resamples=5) == value
    names = dict(zip(ABC, random.sample(("x", "y", "z"), 3), strict=True))
    renamed = [[names.get(v) for v in row] for row in rows]
    found = krippendorff_alpha(from_table(renamed, ("x", "y", "z")), n_resamples=5)
    assert found.value == (None if value.value is None else pytest.approx(value.value, abs=1e-9))


@given(st.lists(st.sampled_from(ABC), min_size=2, max_size=20), st.integers(2, 6))
def test_perfect_agreement_is_one_and_not_certain(labels, n_raters):
    assume(len(set(labels)) >= 2)
    table = from_table([[label] * n_raters for label in labels])
    for figure in (krippendorff_alpha(table), fleiss_kappa(table), pairwise_kappa(table).mean):
        assert figure.value == pytest.approx(1.0) and figure.high <= 1.0
        assert figure.low < 1.0 and "as all resamples agree" in figure.method
    numbers = from_table([[float(ord(label))] * n_raters for label in labels], None)
    assert [krippendorff_alpha(numbers, level).value for level in LEVELS] == pytest.approx([1.0] * 4)
    assert all(krippendorff_alpha(numbers, level).low < 1.0 for level in LEVELS)


@settings(max_examples=60)
@given(tables)
def test_cohen_equals_scikit_learn(rows):
    pairwise = pairwise_kappa(from_table(rows), n_resamples=5)
    for pair in pairwise.pairs:
        one, other = (int(name[1:]) for name in pair.raters)
        shared = [(row[one], row[other]) for row in rows if row[one] is not None and row[other] is not None]
        assert pair.kappa.n == len(shared)
        if pair.kappa.value is None:
            assert len(shared) < 2 or len({label for both in shared for label in both}) == 1
        else:
            expected = cohen_kappa_score(*zip(*shared, strict=True), labels=ABC)
            assert pair.kappa.value == pytest.approx(expected, abs=1e-9)
    defined = [pair.kappa.value for pair in pairwise.pairs if pair.kappa.value is not None]
    assert pairwise.mean.value == (pytest.approx(np.mean(defined), abs=1e-9) if defined else None)


def test_fleiss_with_unequal_votes_weighs_clips_alike():
    table = from_table([["a", "a", "b"], ["b", "b", None], ["a", "b", None], ["c", None, None]])
    shares = np.array([[2 / 3, 1 / 3], [0, 1], [1 / 2, 1 / 2]]).mean(axis=0)
    chance = (shares**2).sum()
    assert fleiss_kappa(table).value == pytest.approx((np.mean([1 / 3, 1, 0]) - chance) / (1 - chance))
    assert fleiss_kappa(table).n == 3


def test_each_label_against_the_rest_is_alpha_of_two_labels():
    rng = np.random.default_rng(3)
    rows = [[ABC[k] if k < 3 else None for k in row] for row in rng.integers(0, 4, (40, 4))]
    for item in per_label(from_table(rows)):
        rest = [[None if v is None else "yes" if v == item.label else "no" for v in row] for row in rows]
        assert item.alpha.value == pytest.approx(krippendorff_alpha(from_table(rest, ("no", "yes"))).value)
        assert item.votes == sum(v == item.label for row in rows if sum(x is not None for x in row) > 1 for v in row)


def test_the_interval_is_that_of_resampled_clips():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 60)
    rows = [[ABC[t if rng.random() < 0.7 else rng.integers(0, 3)] for _ in range(3)] for t in truth]
    naive = [naive_alpha([rows[i] for i in rng.integers(0, 60, 60)], lambda a, b: float(a != b)) for _ in range(120)]
    for level in ("nominal", "ordinal"):
        estimate = krippendorff_alpha(from_table(rows), level, n_resamples=2000)
        assert estimate.low < estimate.value < estimate.high
    low, high = np.quantile(naive, [0.025, 0.975])
    estimate = krippendorff_alpha(from_table(rows), n_resamples=2000)
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=0.06), pytest.approx(high, abs=0.06))
    assert estimate == krippendorff_alpha(from_table(rows), n_resamples=2000)
    assert estimate.low != krippendorff_alpha(from_table(rows), n_resamples=2000, seed=1).low


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "there are no judgements"),
        ([["a"], ["b"]], "only one rater judged the clips"),
        ([["a", None], [None, "b"]], "no clip was judged by two raters"),
        ([["a", "b"], ["a", None]], "only one clip was judged by two raters"),
        ([["a", "a"], ["a", "a"], ["b", None]], "only one label, 'a', was given to the clips that two raters judged"),
    ],
)
def test_what_is_undefined_says_why(rows, reason):
    table = from_table(rows)
    for figure in (krippendorff_alpha(table), krippendorff_alpha(table, "ordinal"), fleiss_kappa(table)):
        assert (figure.value, figure.low, figure.high) == (None, None, None)
        assert figure.reason == f"undefined, because {reason}"
    assert pairwise_kappa(table).mean.reason.startswith("undefined, because ")
    for item in per_label(table):
        assert item.alpha.value is None and item.kappa.value is None


def test_pairs_say_why_they_are_undefined():
    rows = [["a", "a", None, None], ["a", "a", "b", None], ["c", None, None, "b"], ["c", None, None, "b"]]
    reasons = {pair.raters: pair.kappa.reason for pair in pairwise_kappa(from_table(rows)).pairs}
    assert reasons == {
        ("r0", "r1"): "undefined, because both gave one and the same label to all clips they share",
        ("r0", "r2"): "undefined, because the two raters share only one clip",
        ("r0", "r3"): None,
        ("r1", "r2"): "undefined, because the two raters share only one clip",
        ("r1", "r3"): "undefined, because the two raters share no clip",
        ("r2", "r3"): "undefined, because the two raters share no clip",
    }
    pairwise = pairwise_kappa(from_table([["a", None], [None, "b"]]))
    assert pairwise.mean.reason == "undefined, because no two raters share a clip" and len(pairwise.pairs) == 1


def test_a_label_nobody_used_is_undefined():
    by_label = per_label(from_table([["a", "b"], ["b", "b"]]))
    assert by_label[2].alpha.reason == (
        "undefined, because no vote on the clips that two raters judged is for this label"
    )
    assert by_label[0].alpha.value == by_label[1].alpha.value is not None
    only = per_label(from_table([["a", "a"], ["a", "a"]]))
    assert only[0].kappa.reason == "undefined, because every vote on the clips that two raters judged is for this label"


def test_anonymous_votes_have_alpha_and_fleiss_but_no_pairs():
    rows = [["a", "a", "b"], ["b", "b", "b"], ["c", "a", "c"]]
    table = from_table(rows, anonymous=("r0", "r1", "r2", "r9"))
    assert krippendorff_alpha(table) == krippendorff_alpha(from_table(rows))
    assert fleiss_kappa(table) == fleiss_kappa(from_table(rows))
    pairwise = pairwise_kappa(table)
    assert pairwise.pairs == ()
    assert pairwise.mean.reason == (
        "undefined, because the raters are anonymous votes, and nobody's votes can be followed from clip to clip"
    )
    one = pairwise_kappa(from_table(rows, anonymous=("r0", "r1")))
    assert one.mean.reason == "undefined, because only one rater is known by name; the other votes are anonymous"
    two = pairwise_kappa(from_table(rows, anonymous=("r0",)))
    assert [pair.raters for pair in two.pairs] == [("r1", "r2")]
    assert people(table).clip_ids == () and people(table).labels == ABC


def test_hundreds_of_raters_are_not_paired():
    table = ratings_of([(f"c{i // 2}", f"r{i:03}", "ab"[i % 2]) for i in range(201)])
    assert pairwise_kappa(table).mean.reason == (
        "undefined, because pairs are compared among 200 raters at most, and there are 201"
    )


def test_mistakes_are_named():
    with pytest.raises(LabelError, match="Clip 'c1' has two values by rater 'ann'; keep the one that counts"):
        ratings_of([("c1", "ann", "a"), ("c2", "ann", "a"), ("c1", "ann", "b")])
    with pytest.raises(LabelError, match="Clip 'c1' has 'd' by rater 'ann'; the scheme allows a, b or c"):
        ratings_of([("c1", "ann", "d")], ABC)
    with pytest.raises(LabelError, match="Clip 'c2' has 3.0 by rater 'ann'; the scheme allows a"):
        ratings_of([("c1", "ann", "a"), ("c2", "ann", 3.0)])
    with pytest.raises(LabelError, match="Clip 'c1' has nan by rater 'ann'; give a finite number"):
        ratings_of([("c1", "ann", math.nan)])
    numbers = ratings_of([("c1", "ann", -1.0), ("c1", "bob", 2)])
    with pytest.raises(LabelError, match="Ratio α needs numbers from 0, not -1"):
        krippendorff_alpha(numbers, "ratio")
    with pytest.raises(LabelError, match="Fleiss' κ and figures of each label need labels"):
        fleiss_kappa(numbers)
    with pytest.raises(LabelError, match="interval α is for numbers; choose nominal or ordinal"):
        krippendorff_alpha(cohens_example(), "interval")
    with pytest.raises(
        ConfigError, match="no level of measurement 'polar'; choose interval, nominal, ordinal or ratio"
    ):
        krippendorff_alpha(numbers, "polar")
    with pytest.raises(LabelError, match="The dimension 'valence' holds labels"):
        agreement_report(cohens_example(), {"valence": cohens_example()})
    with pytest.raises(LabelError, match="The first table of an agreement report holds labels"):
        agreement_report(numbers)


@pytest.mark.parametrize(
    "values", [(3.0, np.nextafter(3.0, 4.0)), (0.0, 5e-324), (-1e308, 1e308), (1e-300, 2e-300), (7, 8)]
)
def test_numbers_of_any_size_give_a_figure(values):
    table = from_table([[values[0], values[0]], [values[1], values[1]], [values[0], values[1]]], None)
    expected = 1 - 5 * 2 / 18  # as for any two values
    for level in LEVELS if values[0] >= 0 else ("nominal", "ordinal", "interval"):
        assert krippendorff_alpha(table, level).value == pytest.approx(expected), level


def test_many_different_numbers():
    rng = np.random.default_rng(0)
    values = rng.normal(5, 1, 2500)[:, None] + rng.normal(0, 0.5, (2500, 2))
    table = from_table(np.abs(values).tolist(), None)
    assert krippendorff_alpha(table, "interval", 50).value == pytest.approx(0.8, abs=0.02)
    assert krippendorff_alpha(table, "ordinal", 20).value == pytest.approx(0.8, abs=0.03)
    assert krippendorff_alpha(table, "nominal", 20).value == pytest.approx(0.0, abs=0.01)
    assert krippendorff_alpha(table, "ratio").reason == (
        "undefined, because ratio α takes at most 2000 different numbers, not 5000"
    )


def test_the_report_as_json():
    numbers = {"valence": krippendorffs_example(), "arousal": from_table([[1.0, None]], None)}
    report = agreement_report(cohens_example(), numbers)
    values = json.loads(json.dumps(report_to_json(report), allow_nan=False))
    # r0 and r1 judged 50 clips by labels; four raters gave 41 numbers, on 12 of the same clips
    assert (values["clips"], values["raters"], values["annotations"]) == (50, 4, 100 + 41 + 1)
    figures = [
        values["alpha_nominal"],
        values["fleiss_kappa"],
        values["pairwise_kappa"],
        values["dimensions"]["valence"],
    ]
    figures += [
        values["pairwise_kappa"]["pairs"][0],
        values["per_label"]["yes"],
        values["per_label"]["no"]["fleiss_kappa"],
    ]
    for figure in figures:
        assert figure["low"] <= figure["value"] <= figure["high"] and figure["n"] > 1 and figure["reason"] is None
    assert values["pairwise_kappa"]["pairs"][0]["raters"] == ["r0", "r1"]
    assert values["dimensions"]["valence"]["value"] == pytest.approx(0.849, abs=5e-4)
    assert values["dimensions"]["arousal"]["value"] is None
    assert values["dimensions"]["arousal"]["reason"] == "undefined, because only one rater judged the clips"
    assert values["mix_ups"][0]["labels"] == ["yes", "no"] and values["mix_ups"][0]["n_pairs"] == 15
    empty = report_to_json(agreement_report(ratings_of([], ABC)))
    assert empty["clips"] == 0 and empty["alpha_nominal"]["reason"] == "undefined, because there are no judgements"


def test_ten_thousand_clips_take_seconds():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 10_000)
    votes = np.where(rng.random((10_000, 3)) < 0.7, truth[:, None], rng.integers(0, 6, (10_000, 3)))
    table = from_table([["abcdef"[v] for v in row] for row in votes], "abcdef")
    start = time.process_time()
    report = agreement_report(table)
    assert time.process_time() - start < 3
    assert isinstance(report.alpha_nominal, Estimate) and report.alpha_nominal.high - report.alpha_nominal.low < 0.03
