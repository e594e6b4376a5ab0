"""Figures of what differs between two sets: each shows the numbers it was given, and says them in its alt text."""

import numpy as np
import pytest

from affexion_core.differences.clip_map import map_clips
from affexion_core.differences.distributions import Distance, FigureDifference
from affexion_core.differences.probes import Probe
from affexion_core.differences.shortcuts import Shortcut, ShortcutReport
from affexion_core.evaluation.scores import Estimate
from affexion_core.plots.differences import (
    difference_rows,
    map_rows,
    plot_density,
    plot_differences,
    plot_map,
    plot_shortcuts,
    shortcut_rows,
)
from affexion_core.plots.theme import SURFACES

RNG = np.random.default_rng(0)


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1, 40, "bootstrap over 5 speakers")


def probe(uar: float, p: float) -> Probe:
    return Probe(40, ("a", "b"), estimate(uar), estimate(uar), 0.5, 0.6, p, 999, "speakers kept apart", 5, ("a",) * 40)


def figures() -> tuple[FigureDifference, ...]:
    known = FigureDifference("pitch", "semitones", 20, 30, 1.0, 2.5, Distance(0.8, 0.6, 1.1), Distance(0.4, 0.3, 0.5),
                             "bootstrap")  # fmt: skip
    nothing = Distance(None, None, None)
    return known, FigureDifference("jitter", "semitones", 2, 30, None, None, nothing, nothing, "fewer than 5 clips")


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_distances_stand_in_a_row_each_where_they_are_known(mode):
    figure = plot_differences(figures(), mode)
    line, dot = figure.data
    assert list(line.x) == [0.6, 1.1] and list(dot.x) == [0.8] and dot.marker.color == SURFACES[mode].mark
    assert figure.layout.yaxis.ticktext == ("pitch",) and "pitch 0.80" in figure.layout.meta["alt"]
    assert "n = 20 and 30" in dot.hovertext[0]
    rows = difference_rows(figures())
    assert [row["figure"] for row in rows] == ["pitch", "jitter"] and rows[1]["wasserstein_sd"] is None


@pytest.mark.parametrize(("real", "synthetic"), [(0.0, 50.0), (50.0, 0.0), (25.0, 26.0)])
def test_densities_have_area_one_and_words_that_stay_inside(real, synthetic):
    values = {"real": RNG.normal(real, 1, 300), "synthetic": np.append(RNG.normal(synthetic, 1, 60), np.nan)}
    figure = plot_density("pitch", "semitones", values)
    for trace in figure.data:
        assert np.trapezoid(trace.y, trace.x) == pytest.approx(1, abs=0.1)
    words = {one.text: one for one in figure.layout.annotations}
    assert set(words) == {"real (n = 300)", "synthetic (n = 60)"}
    span = figure.data[0].x[-1] - figure.data[0].x[0]
    for one in words.values():
        share = (one.x - figure.data[0].x[0]) / span
        assert one.xanchor == ("right" if share > 0.7 else "left" if share < 0.3 else "center")
    assert len({(one.xanchor, one.xshift) for one in words.values()}) == 2
    assert "synthetic median" in figure.layout.meta["alt"]
    assert not plot_density("pitch", "semitones", {"real": np.array([np.nan])}).data


def test_the_map_shows_every_clip_and_ties_the_chosen_one_to_its_neighbour():
    made, ids = map_clips(RNG.normal(size=(12, 5)), 4), [f"c{place}" for place in range(12)]
    figure = plot_map(made, ids, ids, 4, 2)
    *sides, pair = figure.data
    assert sorted(id for trace in sides for id in trace.customdata) == sorted(ids)
    assert [trace.marker.symbol.endswith("-open") for trace in sides].count(True) == 1
    assert list(pair.x) == [made.places[2, 0], made.places[made.neighbour[2], 0]]
    assert "4 synthetic and 8 real clips" in figure.layout.meta["alt"]
    labelled = plot_map(made, ids, ids, 4, None, "dark", ["panic", "boredom"] * 6)
    assert "coloured by label (boredom, panic)" in labelled.layout.meta["alt"]
    rows = map_rows(made, ids, 4)
    assert [row["side"] for row in rows].count("synthetic") == 4 and rows[0]["nearest"] == ids[made.neighbour[0]]


def test_shortcuts_that_tell_are_filled_and_those_that_could_not_be_asked_have_no_row():
    asked = (
        Shortcut("loudness", "how loud", probe(0.9, 0.001), None, 0.002),
        Shortcut("duration", "how long", probe(0.5, 0.4), None, 0.4),
        Shortcut("text", "which words", None, "no clip has a transcript"),
    )
    report = ShortcutReport("voices", 40, ("a", "b"), asked, ())
    figure = plot_shortcuts(report)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    assert [dot.marker.symbol for dot in dots] == ["circle", "circle-open"] and dots[0].x[0] == 0.9
    assert figure.layout.yaxis.ticktext == ("loudness", "duration")
    assert "chance 50 %: loudness 90 %; duration 50 %" in figure.layout.meta["alt"]
    assert [row["gives_labels_away"] for row in shortcut_rows(report)] == [True, False, False]
    assert shortcut_rows(report)[2]["reason"] == "no clip has a transcript"
