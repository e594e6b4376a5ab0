"""Figures of a closer look at a run: what is drawn, said aloud, and written to the data file."""

import numpy as np
import pytest

from affexion_core.evaluation.abstention import coverage_curve
from affexion_core.evaluation.curves import label_curves
from affexion_core.evaluation.groups import group_report
from affexion_core.evaluation.reliability import reliability
from affexion_core.plots.coverage import coverage_rows, plot_coverage
from affexion_core.plots.groups import group_rows, plot_groups
from affexion_core.plots.reliability import plot_reliability, reliability_rows
from affexion_core.plots.roc import curve_rows, plot_curves
from affexion_core.plots.theme import SURFACES
from affexion_core.run_folder import ScoredClip

LABELS = ("boredom", "panic", "joy")


def drawn(n=200):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, n)
    logits = rng.normal(size=(n, 3))
    logits[np.arange(n), truth] += 1.5
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), truth


@pytest.mark.parametrize("kind", ["roc", "pr"])
def test_curves_name_label_area_and_interval(kind):
    curves = label_curves(*drawn(), LABELS, n_resamples=50)
    figure = plot_curves(curves, kind, "dark")
    names = [trace.name for trace in figure.data if trace.name]
    assert names[0].startswith("<b>boredom</b>  ") and "–" in names[0]
    assert names[2] == "<b>joy</b>  undefined: no reference clip"
    assert "joy" in figure.layout.meta["alt"]
    assert len({trace.line.dash for trace in figure.data if trace.name}) == 3
    rows = curve_rows(curves, kind)
    assert rows[0]["label"] == "boredom" and rows[0]["low"] < rows[0]["area"] < rows[0]["high"]
    assert {row["label"] for row in rows} == {"boredom", "panic"}


def test_reliability_shows_n_of_each_bin():
    probs, truth = drawn()
    found = reliability(probs.max(axis=1), probs.argmax(axis=1) == truth)
    figure = plot_reliability(found)
    bars = next(trace for trace in figure.data if trace.type == "bar")
    assert sum(map(int, bars.text)) == 200
    assert f"n = {bars.text[0]}" in figure.layout.meta["alt"]
    rows = reliability_rows(found)
    assert len(rows) == 10 and sum(row["n"] for row in rows) == 200 and rows[0]["accuracy"] is None


def test_coverage_ends_with_all_clips_and_marks_the_threshold():
    probs, truth = drawn(900)
    points = coverage_curve(probs.max(axis=1), probs.argmax(axis=1) == truth)
    figure = plot_coverage(points, points[400], 3)
    low, high, line, marker = figure.data
    assert line.x[-1] == 1 and len(line.x) <= 460
    assert all(a <= b <= c for a, b, c in zip(low.y, line.y, high.y, strict=True))
    assert (marker.x[0], marker.y[0]) == (points[400].coverage, points[400].accuracy)
    assert "unsure below" in figure.layout.meta["alt"]
    assert len(coverage_rows(points)) == len(points)
    assert "no clips" in plot_coverage(()).layout.meta["alt"]


def test_groups_too_small_are_grey_and_say_so():
    rows = [ScoredClip(f"c{i}", "panic", "panic" if i % 3 else "joy", (0.0, 1.0, 0.0)) for i in range(70)]
    report = group_report("gender", rows, ["f"] * 60 + ["m"] * 10, LABELS, [None] * 70, n_permutations=99)
    figure = plot_groups(report, "accuracy", 0.66, 3)
    big, small = [trace for trace in figure.data if trace.mode == "markers"]
    assert (big.marker.color, small.marker.color) == (SURFACES["light"].mark, SURFACES["light"].muted)
    assert (big.marker.symbol, small.marker.symbol) == ("circle", "circle-open")
    assert "too few clips to say" in small.hovertext[0] and "too few" not in big.hovertext[0]
    assert figure.layout.yaxis.ticktext == ("f (n = 60)", "m (n = 10)")
    assert [one.text for one in figure.layout.annotations if one.bgcolor] == ["67 %", "60 %"]
    assert "m 60 % (n = 10, too few to say)" in figure.layout.meta["alt"]
    assert [row["too_small"] for row in group_rows(report)] == [False, True]
