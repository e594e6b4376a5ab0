import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.errors import LabelError
from affexion_core.evaluation.dimensions import concordance, score_dimension
from affexion_core.types import Scheme

AROUSAL = Scheme("arousal", low=1.0, high=7.0)
numbers = st.lists(st.floats(1, 7), min_size=2, max_size=30)


def lin(x: list[float], y: list[float]) -> float:
    """Lin's formula written out, apart from the code under test."""
    n = len(x)
    mx, my = math.fsum(x) / n, math.fsum(y) / n
    vx, vy = math.fsum((a - mx) ** 2 for a in x) / n, math.fsum((b - my) ** 2 for b in y) / n
    return 2 * math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / n / (vx + vy + (mx - my) ** 2)


def test_concordance_against_the_formula_written_out_and_numpy():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 7, 50)
    y = np.clip(0.6 * x + rng.normal(1.5, 0.8, 50), 1, 7)
    ccc, pearson, mae = concordance(x, y)[0]
    assert ccc == pytest.approx(lin(x.tolist(), y.tolist()), abs=1e-12)
    assert pearson == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-12)
    assert mae == pytest.approx(np.abs(x - y).mean())
    # by hand: means 2 and 4, variances 2/3 both, covariance 2/3
    assert concordance(np.array([1.0, 2, 3]), np.array([3.0, 4, 5]))[0] == pytest.approx([4 / 3 / (4 / 3 + 4), 1, 2])


def test_weights_count_clips_as_often_as_they_say():
    rng = np.random.default_rng(1)
    x, y = rng.uniform(1, 7, 9), rng.uniform(1, 7, 9)
    counts = rng.integers(0, 4, 9)
    whole = concordance(np.repeat(x, counts), np.repeat(y, counts))[0]
    assert concordance(x, y, counts[None])[0] == pytest.approx(whole)


@given(numbers, st.randoms())
def test_bounds_symmetry_and_order(x, random):
    y = [random.uniform(1, 7) for _ in x]
    ccc, pearson, _ = concordance(np.array(x), np.array(y))[0]
    other = concordance(np.array(y), np.array(x))[0][0]
    if np.isnan(ccc):
        assert np.ptp(x) < 1e-3
        return
    assert abs(ccc) <= 1 and (np.isnan(pearson) or abs(ccc) <= abs(pearson) + 1e-6)
    if not np.isnan(other):
        assert ccc == pytest.approx(other, abs=1e-9)


def test_scores_carry_n_and_an_interval_over_speakers_and_skip_clips_without_a_value():
    rng = np.random.default_rng(2)
    said = rng.uniform(1, 7, 40)
    heard = np.clip(said + rng.normal(0, 1, 40), 1, 7)
    reference = [None if i % 4 == 0 else float(value) for i, value in enumerate(said)]
    found = score_dimension(AROUSAL, reference, heard.tolist(), [f"s{i % 5}" for i in range(40)])
    known = [i for i in range(40) if i % 4]
    assert (found.n, found.n_speakers, found.ccc.n) == (30, 5, 30)
    assert found.ccc.value == pytest.approx(lin(said[known].tolist(), heard[known].tolist()))
    for figure in (found.ccc, found.pearson, found.mae):
        assert figure.low < figure.value < figure.high and figure.method == "bootstrap over 5 speakers"
    assert score_dimension(AROUSAL, reference, heard.tolist(), [f"s{i % 5}" for i in range(40)]) == found


def test_what_does_not_exist_says_why():
    still = score_dimension(AROUSAL, [3.0, 3.0, 3.0], [1.0, 2.0, 3.0])
    assert (still.ccc.value, still.ccc.reason) == (None, "all clips have the same value")
    assert still.mae.value == 1.0
    same = score_dimension(AROUSAL, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert same.ccc.value == 0 and same.pearson.reason == "the model says the same of all clips"
    none = score_dimension(AROUSAL, [None, 3.0], [1.0, 2.0])
    assert (none.n, none.mae.reason) == (1, "fewer than two clips with a value")
    with pytest.raises(LabelError, match="2 reference values of arousal but 1 predictions"):
        score_dimension(AROUSAL, [1.0, 2.0], [1.0])
