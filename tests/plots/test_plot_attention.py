"""Figures of attention over many clips, of the attention matrix, and of what deleting frames takes away."""

import numpy as np
import pytest

from affexion_core.evaluation.scores import Estimate
from affexion_core.explain.deletion import MOST, MOVED, ORDERS, RANDOM, Band, Curve, Deletion
from affexion_core.plots.attention import (
    average_rows,
    block_means,
    deletion_rows,
    mean_and_band,
    plot_attention_rows,
    plot_average_attention,
    plot_deletion,
    plot_fold_attention,
    top_of,
)

RNG = np.random.default_rng(0)


def checked() -> Deletion:
    shares = (0.0, 0.4, 0.7)

    def band(end: float) -> Band:
        value = (0.8, 0.8 - end / 2, 0.8 - end)
        return Band(value, tuple(one - 0.05 for one in value), tuple(one + 0.05 for one in value))

    curves = tuple(Curve(order, band(0.1 * (4 - place)), band(0.1)) for place, order in enumerate(ORDERS))
    areas = {order: Estimate(0.1, 0.05, 0.15, 20, "bootstrap over 20 clips") for order in (MOVED, RANDOM)}
    return Deletion(20, 20, 2, 0, shares, curves, areas, areas)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_deletion_draws_each_order_with_its_numbers_and_words_that_do_not_meet(mode):
    found = checked()
    figure = plot_deletion(found, "probability", 3, mode)
    lines = {trace.name: trace for trace in figure.data if trace.mode == "lines+markers"}
    assert set(lines) == set(ORDERS) and list(lines[MOST].y) == list(found.curves[0].probability.value)
    assert figure.layout.xaxis.ticktext == ("0", "40", "70 %")
    assert figure.layout.yaxis.ticktext == ("0 %", "20 %", "40 %", "60 %", "80 %", "100 %")
    ends = sorted(one.y for one in figure.layout.annotations)
    assert len(ends) == 4 and np.diff(ends).min() >= 0.074
    assert "most attended 80 % to 40 %" in figure.layout.meta["alt"] and not figure.layout.shapes
    assert plot_deletion(found, "uar", 3).layout.shapes[0].y0 == pytest.approx(1 / 3)
    assert len(deletion_rows(found)) == 2 * 3 * 4


def test_averages_are_the_means_with_their_bands_on_one_axis():
    groups = {"panic": 1 + 0.1 * RNG.normal(size=(30, 20)), "boredom": np.ones((1, 20)), "joy": np.zeros((0, 20))}
    figure = plot_average_attention(groups, top_of(groups))
    named = {trace.name: trace for trace in figure.data if trace.name}
    assert set(named) == {"panic (n = 30)", "boredom (n = 1)"}
    assert np.allclose(named["panic (n = 30)"].y, groups["panic"].mean(axis=0))
    mean, low, high = mean_and_band(groups["panic"])
    assert (low < mean).all() and np.allclose(high - mean, 1.96 * groups["panic"].std(axis=0, ddof=1) / 30**0.5, 1e-3)
    assert figure.layout.yaxis.range == (0, max(top_of(groups), 1.4))
    assert {row["group"] for row in average_rows(groups)} == {"panic", "boredom"}
    assert "panic (n = 30) peaks at" in figure.layout.meta["alt"]


def test_fold_models_show_each_mean_and_their_spread():
    folds = {"fold 0": np.full((4, 10), 0.8), "fold 1": np.full((6, 10), 1.2)}
    figure = plot_fold_attention(folds)
    assert np.allclose(next(trace.y for trace in figure.data if trace.name == "mean"), 1.0)
    band = figure.data[0].y
    assert (max(band) - min(band)) / 2 == pytest.approx(np.std([0.8, 1.2], ddof=1))
    assert "2 fold models; they differ by 0.28" in figure.layout.meta["alt"]


def test_the_matrix_of_a_long_clip_is_drawn_in_blocks_that_keep_its_mean():
    rows = RNG.dirichlet(np.ones(400), 400)
    figure = plot_attention_rows(rows, 4.0)
    assert figure.data[0].z.shape == (160, 160) and block_means(rows).mean() == pytest.approx(rows.mean(), rel=0.02)
    assert block_means(rows[:9, :9]).shape == (9, 9) and "400 × 400 frames" in figure.layout.meta["alt"]
