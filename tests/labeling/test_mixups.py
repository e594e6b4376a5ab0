import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.errors import LabelError
from affexion_core.evaluation.intervals import wilson
from affexion_core.labeling.consistency import gold_accuracy, self_consistency
from affexion_core.labeling.mixups import disagreement, mix_ups, mixed_clips
from affexion_core.labeling.ratings import ratings_of

VOTES = {"c1": "aab", "c2": "abb", "c3": "ac", "c4": "ccc", "c5": "b"}


def table(votes=VOTES, labels="abc"):
    return ratings_of([(clip, f"r{r:02}", v) for clip, row in votes.items() for r, v in enumerate(row)], labels)


def test_mix_ups_by_hand():
    first, second = mix_ups(table())
    assert (first.labels, first.n_clips, first.n_pairs) == (("a", "b"), 2, 4)
    assert (second.labels, second.n_clips, second.n_pairs) == (("a", "c"), 1, 1)
    # votes on clips with two or more: a 4, b 3, c 4 of 11; coincidences of a with b: 2/2 + 2/2, of a with c: 1
    assert first.share == pytest.approx(2 * 2 / 7) and second.share == pytest.approx(2 * 1 / 8)
    assert first.times_chance == pytest.approx(2 / (4 * 3 / 10)) and second.times_chance == pytest.approx(1 / (16 / 10))
    assert mixed_clips(table(), "b", "a") == ("c1", "c2") and mixed_clips(table(), "b", "c") == ()


def test_labels_given_at_random_are_mixed_up_as_by_chance():
    rng = np.random.default_rng(0)
    rows = rng.choice(list("abc"), (4000, 3), p=[0.5, 0.3, 0.2])
    for mix_up in mix_ups(table({f"c{i:04}": "".join(row) for i, row in enumerate(rows)})):
        assert mix_up.times_chance == pytest.approx(1.0, abs=0.05)


@given(st.lists(st.text("abc", min_size=1, max_size=6), max_size=10))
def test_pairs_of_votes_are_all_counted(rows):
    ratings = table({f"c{i:02}": row for i, row in enumerate(rows)})
    naive = {
        f"c{i:02}": [x != y for x, y in itertools.combinations(row, 2)] for i, row in enumerate(rows) if len(row) > 1
    }
    assert sum(mix_up.n_pairs for mix_up in mix_ups(ratings)) == sum(map(sum, naive.values()))
    assert all(0 < mix_up.share <= 1 for mix_up in mix_ups(ratings))
    assert disagreement(ratings) == pytest.approx({clip: np.mean(pairs) for clip, pairs in naive.items()})


@given(st.lists(st.lists(st.floats(-5, 5), min_size=1, max_size=6), max_size=8))
def test_numbers_differ_by_the_mean_of_their_pairs(rows):
    judgements = [(f"c{i:02}", f"r{r}", value) for i, row in enumerate(rows) for r, value in enumerate(row)]
    naive = {
        f"c{i:02}": np.mean([abs(x - y) for x, y in itertools.combinations(row, 2)])
        for i, row in enumerate(rows)
        if len(row) > 1
    }
    assert disagreement(ratings_of(judgements)) == pytest.approx(naive, abs=1e-9)


def test_clips_sort_by_disagreement():
    found = disagreement(table())
    assert found == pytest.approx({"c1": 2 / 3, "c2": 2 / 3, "c3": 1.0, "c4": 0.0})  # c5 has one vote


def test_self_consistency_is_a_share_with_wilsons_limits():
    estimate = self_consistency([("a", "a")] * 8 + [("a", "b"), ("b", "a")])
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.8, *wilson(8, 10), 10)
    assert self_consistency([]).reason == "undefined, because no clip was repeated"


def test_known_labels_measure_raters():
    ratings = ratings_of(
        [("c1", "ann", "a"), ("c2", "ann", "b"), ("c3", "ann", "c"), ("c1", "bob", "b"), ("c4", "cy", "a"),
         ("c1", "cremad:vote-1", "a")],
        "abc", ["cremad:vote-1"],
    )  # fmt: skip
    found = gold_accuracy(ratings, {"c1": "a", "c2": "b", "c3": "a", "c9": "a"})
    assert (found["ann"].value, found["ann"].low, found["ann"].high, found["ann"].n) == (2 / 3, *wilson(2, 3), 3)
    assert (found["bob"].value, found["bob"].n) == (0.0, 1)
    assert found["cy"].reason == "undefined, because the rater judged no clip whose label is known"
    assert found["cremad:vote-1"].reason.startswith("undefined, because the raters are anonymous votes")
    with pytest.raises(LabelError, match="The known label 'x' isn't in the scheme; it allows a, b or c"):
        gold_accuracy(ratings, {"c1": "x"})


def test_numbers_have_no_mix_ups():
    numbers = ratings_of([("c1", "r1", 1.0), ("c1", "r2", 2.0)])
    with pytest.raises(LabelError, match="Mix-ups need labels, but these judgements are numbers"):
        mix_ups(numbers)
    with pytest.raises(LabelError, match="no label 'z' in the scheme; it allows a, b or c"):
        mixed_clips(table(), "a", "z")
    assert mix_ups(ratings_of([], "abc")) == ()
