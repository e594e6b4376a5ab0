import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from affexion_core.evaluation.intervals import (
    bootstrap,
    combine_limits,
    percentile_limits,
    sampling_units,
    wilson,
    wilson_f1,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_equals_published_values(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_equals_scipy_and_holds_the_value(counts):
    successes, n = counts
    low, high = wilson(successes, n)
    interval = binomtest(successes, n).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert 0.0 <= low <= successes / n <= high <= 1.0


def test_no_clips_leave_everything_open():
    assert wilson(0, 0) == (0.0, 1.0)


def test_f1_limits_come_from_the_share_of_hits():
    # 8 of 10: Wilson 0.4901625, 0.9433178
    low, high = wilson_f1(8, 10)
    assert (low, high) == pytest.approx((2 * 0.4901625 / 1.4901625, 2 * 0.9433178 / 1.9433178), abs=1e-6)
    assert low < 16 / 18 < high


def test_combined_limits_equal_newcombes_difference():
    # Newcombe, Statistics in Medicine 17 (1998), 873-890, table II, example (a), method 10: 56/70 - 48/80
    values, limits = (56 / 70, 48 / 80), (wilson(56, 70), wilson(48, 80))
    assert combine_limits(values, limits, (1, -1)) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_bootstrap_follows_the_binomial():
    patterns, counts, _ = sampling_units(np.array([0] * 30 + [1] * 20), 2, None)
    samples = bootstrap(patterns, counts, lambda tables: tables[:, :1] / 50, 20_000, 0)[:, 0]
    assert percentile_limits(samples, 0.6) == (binom.ppf(0.025, 50, 0.6) / 50, binom.ppf(0.975, 50, 0.6) / 50)
    assert samples.std() == pytest.approx((0.6 * 0.4 / 50) ** 0.5, rel=0.02)


def test_summed_tables_equal_resampled_clips():
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 4, 60)
    speakers = [None if name == 7 else f"s{name}" for name in rng.integers(0, 8, 60)]
    patterns, counts, method = sampling_units(cells, 4, speakers)
    n_alone = speakers.count(None)
    assert method == f"bootstrap over 7 speakers and {n_alone} clips without a speaker"
    assert counts.sum() == 7 + n_alone
    assert np.array_equal(counts @ patterns, np.bincount(cells, minlength=4))

    groups = [np.flatnonzero([name == f"s{number}" for name in speakers]) for number in range(7)]
    groups += [np.array([row]) for row, name in enumerate(speakers) if name is None]
    naive = []
    for _ in range(4000):
        rows = np.concatenate([groups[unit] for unit in rng.integers(0, len(groups), len(groups))])
        naive.append(np.mean(cells[rows] == 0))
    drawn = bootstrap(patterns, counts, lambda tables: tables[:, :1] / tables.sum(axis=1, keepdims=True), 4000, 1)
    assert drawn.mean() == pytest.approx(np.mean(naive), abs=0.005)
    assert drawn.std() == pytest.approx(np.std(naive), rel=0.06)


def test_many_units_are_drawn_in_parts(monkeypatch):
    cells = np.arange(30) % 5
    patterns, counts, _ = sampling_units(cells, 5, [f"s{number}" for number in range(30)])
    whole = bootstrap(patterns, counts, lambda tables: tables, 100, 3)
    monkeypatch.setattr("affexion_core.evaluation.intervals._CHUNK", 90)
    assert np.array_equal(bootstrap(patterns, counts, lambda tables: tables, 100, 3), whole)


def test_agreeing_resamples_give_no_interval():
    assert percentile_limits(np.full(100, 0.7), 0.7) is None


def test_a_percentile_interval_is_widened_to_hold_the_value():
    assert percentile_limits(np.linspace(0.2, 0.4, 101), 0.5) == pytest.approx((0.205, 0.5))
