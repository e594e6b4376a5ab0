from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact
from sklearn.metrics import recall_score

from affexion_core.errors import ConfigError
from affexion_core.evaluation.clip_levels import ClipLevels
from affexion_core.evaluation.groupings import deal, group_clips, grouping_names
from affexion_core.evaluation.groups import UNKNOWN, group_report, holm, permutation_test
from affexion_core.run_folder import ScoredClip
from affexion_core.types import Clip, Provenance

LABELS = ("boredom", "panic")


def scored(right, labels=None):
    labels = labels or ["panic"] * len(right)
    other = {"panic": "boredom", "boredom": "panic"}
    return [
        ScoredClip(f"c{i}", label, label if ok else other[label], (0.5, 0.5))
        for i, (ok, label) in enumerate(zip(right, labels, strict=True))
    ]


def clip(i, speaker=None, duration=1.0, **attributes):
    return Clip(f"c{i}", "f.wav", "0" * 64, "real", "made", duration, 16000, speaker=speaker, attributes=attributes)


def test_groups_are_scored_as_scikit_learn_would_and_small_ones_marked():
    rng = np.random.default_rng(0)
    labels = [LABELS[i] for i in rng.integers(0, 2, 100)]
    rows = scored(rng.random(100) < 0.7, labels)
    groups = ["a"] * 60 + ["b"] * 19 + [None] * 21
    report = group_report("x", rows, groups, LABELS, [None] * 100)
    assert [(g.name, g.n, g.too_small) for g in report.groups] == [
        ("a", 60, False),
        ("b", 19, True),
        (UNKNOWN, 21, False),
    ]
    first = rows[:60]
    assert report.groups[0].uar.value == pytest.approx(
        recall_score([r.reference for r in first], [r.predicted for r in first], average="macro")
    )
    assert report.groups[0].accuracy.low < report.groups[0].accuracy.value < report.groups[0].accuracy.high


def test_with_one_label_p_is_that_of_the_exact_test():
    right = np.array([True] * 70 + [False] * 30 + [True] * 54 + [False] * 46)
    groups = ["a"] * 100 + ["b"] * 100
    test = permutation_test(scored(right), groups, [None] * 200, n_permutations=4000)
    expected = chi2_contingency([[70, 30], [54, 46]], correction=False)
    # groups of one size: the exact two-sided test counts the same tables
    assert test.p == pytest.approx(fisher_exact([[70, 30], [54, 46]]).pvalue, abs=0.008)
    # the same statistic, but for the variance of a clip
    assert test.statistic / (0.62 * 0.38) == pytest.approx(expected.statistic)
    assert test.method == "clips dealt anew within their label"
    assert permutation_test(scored(right), groups, [None] * 200, n_permutations=4000) == test


def test_a_group_with_a_harder_label_is_not_worse():
    labels = ["panic"] * 100 + ["boredom"] * 100
    right = [i % 10 < 9 for i in range(100)] + [i % 10 < 3 for i in range(100)]
    groups = ["a"] * 90 + ["b"] * 10 + ["a"] * 10 + ["b"] * 90
    report = group_report("x", scored(right, labels), groups, LABELS, [None] * 200)
    assert report.groups[0].accuracy.value - report.groups[1].accuracy.value > 0.4
    assert report.test.p > 0.5


def test_speakers_are_dealt_whole_where_groups_hold_them_whole():
    # every clip of a speaker alike: as clips the groups differ surely, as speakers they may not
    speakers = [f"s{i // 25}" for i in range(200)]
    right = np.repeat([True, True, True, False, True, False, False, False], 25)
    groups = ["f"] * 100 + ["m"] * 100
    whole = permutation_test(scored(right), groups, speakers)
    assert whole.method == "8 whole speakers dealt anew" and whole.p > 0.2
    assert permutation_test(scored(right), groups, [None] * 200).p < 0.01


def test_by_chance_small_p_are_as_rare_as_they_should_be():
    rng = np.random.default_rng(3)
    p_values = []
    for _ in range(150):
        right, groups = rng.random(60) < 0.6, [f"g{k}" for k in rng.integers(0, 3, 60)]
        p_values.append(permutation_test(scored(right), groups, [None] * 60, n_permutations=99).p)
    assert np.mean(np.array(p_values) <= 0.1) < 0.18
    assert 0.4 < np.mean(p_values) < 0.62


def test_one_group_is_nothing_to_compare_and_too_many_say_nothing():
    test = permutation_test(scored([True, False]), ["a", None], [None, None])
    assert test.p is None and test.method.startswith("one group only")
    with pytest.raises(ConfigError, match="gives 70 groups of few clips each; 60 can be told apart at most"):
        group_report("file", scored([True] * 70), [f"g{i}" for i in range(70)], LABELS, [None] * 70)


def test_holm_of_a_worked_example():
    assert holm([0.01, None, 0.04, 0.03]) == (pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06))


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=8, max_size=80), st.integers(2, 8), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_dealt_groups_are_alike_in_size_and_labels(labels, n_groups, seed):
    groups = deal(labels, [None] * len(labels), n_groups, seed)
    sizes = Counter(groups)
    assert set(sizes) == set(range(n_groups)) and max(sizes.values()) - min(sizes.values()) <= 1
    for label in set(labels):
        counts = [sum(g == k and own == label for g, own in zip(groups, labels, strict=True)) for k in range(n_groups)]
        assert max(counts) - min(counts) <= 1
    assert groups == deal(labels, [None] * len(labels), n_groups, seed)


def test_where_there_are_enough_speakers_none_stands_in_two_groups():
    speakers = [f"s{i // 5}" for i in range(150)]
    labels = [LABELS[i % 2] for i in range(150)]
    groups = deal(labels, speakers, 7)
    assert len({(s, g) for s, g in zip(speakers, groups, strict=True)}) == 30
    assert set(groups) == set(range(7))
    with pytest.raises(ConfigError, match="3 clips can't be dealt into 7 groups; choose 2 to 3"):
        deal(["a"] * 3, [None] * 3, 7)


def test_clips_are_grouped_by_what_is_known_and_measured():
    clips = [clip(i, f"s{i % 3}", duration=1.0 + i, gender="f" if i % 2 else "m") for i in range(9)]
    assert grouping_names(clips) == ("speaker", "gender", "duration", "loudness", "snr")
    labels = ["panic"] * 9
    assert group_clips("speaker", [clip(i, f"s{i}") for i in (10, 2)], labels[:2]).order == ("s2", "s10")
    assert group_clips("gender", clips, labels).groups[:2] == ("m", "f")
    thirds = group_clips("duration", clips, labels)
    assert Counter(thirds.groups) == {"up to 3.7 s": 3, "3.7 to 6.3 s": 3, "above 6.3 s": 3}
    assert thirds.order == ("up to 3.7 s", "3.7 to 6.3 s", "above 6.3 s")
    levels = {f"c{i}": ClipLevels(None, float(i)) for i in range(6)}
    assert group_clips("snr", clips, labels, levels).groups[-3:] == (None, None, None)
    assert set(group_clips("auto:3", clips, labels).groups) == {"group 1", "group 2", "group 3"}
    with pytest.raises(ConfigError, match="can't be grouped by 'mood'; choose auto:7, duration, gender"):
        group_clips("mood", clips, labels)


def test_clips_beyond_the_measure_are_a_group_and_the_others_another():
    clips = [clip(i) for i in range(10)]
    levels = {f"c{i}": ClipLevels(-20.0, value) for i, value in enumerate([50.0] * 7 + [12.0, 30.0, None])}
    found = group_clips("snr", clips, ["panic"] * 10, levels)
    assert Counter(found.groups) == {"50 dB or more": 7, "below 50 dB": 2, None: 1}
    assert found.order == ("below 50 dB", "50 dB or more")
    alike = {name: ClipLevels(-20.0, 50.0) for name in levels}
    assert set(group_clips("snr", clips, ["panic"] * 10, alike).groups) == {"up to 50 dB"}


def test_clips_are_grouped_by_the_generator_that_spoke_them():
    made = [replace(clip(i), provenance=Provenance(generator=("espeak", "chat", None)[i % 3])) for i in range(6)]
    assert "generator" in grouping_names(made)
    found = group_clips("generator", made, ["panic"] * 6)
    assert found.order == ("chat", "espeak") and found.groups[:3] == ("espeak", "chat", None)
