import pytest

from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.labeling.kappa import LabelAgreement
from affexion_core.labeling.pairs import PairKappa
from affexion_core.plots.agreement import (
    label_agreement_rows,
    plot_label_agreement,
    plot_rater_confusion,
    plot_rater_pairs,
    rater_confusion_rows,
    rater_pair_rows,
)


def estimate(value: float, low: float, high: float, n: int = 52) -> Estimate:
    return Estimate(value, low, high, n, "bootstrap over 52 clips")


CALM = LabelAgreement("calm", 120, estimate(0.41, 0.3, 0.5), estimate(0.4, 0.3, 0.5))
NEVER = LabelAgreement("panic", 0, undefined("undefined, because nobody chose it"), undefined("nobody chose it"))
PAIRS = [
    PairKappa(("ann", "bob"), estimate(0.6, 0.4, 0.8, 30)),
    PairKappa(("ann", "cy"), estimate(-0.1, -0.4, 0.2, 12)),
    PairKappa(("bob", "cy"), undefined("undefined, because they share no clip")),
]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_labels_show_their_interval_or_why_there_is_none(mode):
    figure = plot_label_agreement([CALM, NEVER], mode)
    spans = [tuple(trace.x) for trace in figure.data if trace.mode == "lines"]
    assert spans == [(0.3, 0.5)]
    texts = [text for trace in figure.data if trace.mode == "text" for text in trace.text]
    assert texts == [" 0.41", "undefined, because nobody chose it"]
    assert figure.layout.meta["alt"] == "Krippendorff's α of each label against the rest: calm 0.41, panic undefined."
    assert label_agreement_rows([CALM, NEVER])[1]["undefined_because"] == "undefined, because nobody chose it"


def test_an_interval_below_zero_is_in_sight():
    worse = LabelAgreement("calm", 20, estimate(-0.2, -0.4, 0.1), estimate(-0.2, -0.4, 0.1))
    assert plot_label_agreement([worse]).layout.xaxis.range[0] < -0.4


def test_pairs_stand_on_both_sides_of_the_diagonal():
    figure = plot_rater_pairs(["ann", "bob", "cy"], PAIRS)
    grid = figure.data[0].z
    assert [list(row) for row in grid] == [[None, 0.6, -0.1], [0.6, None, None], [-0.1, None, None]]
    said = dict(zip(zip(figure.data[1].y, figure.data[1].x, strict=True), figure.data[1].text, strict=True))
    assert said[0, 1] == said[1, 0] == "<b>0.60</b><br>30"
    assert said[1, 2] == "<b>–</b><br>0" and len(said) == 6
    assert rater_pair_rows(PAIRS)[1] == {
        **{"rater": "ann", "other": "cy", "kappa": -0.1, "low": -0.4, "high": 0.2, "clips": 12},
        "undefined_because": None,
    }


def test_a_raters_confusion_has_the_truth_in_rows():
    shares = ((0.9, 0.1), (0.75, 0.25))
    figure = plot_rater_confusion("cy", ["calm", "panic"], shares, (30.4, 0.2), "dark")
    assert [list(row) for row in figure.data[0].z] == [[0.9, 0.1], [0.75, 0.25]]
    assert list(figure.layout.yaxis.ticktext) == ["<b>calm</b><br>about 30", "<b>panic</b><br>about 0"]
    assert figure.data[1].text[2] == "<b>75 %</b>"
    assert "cy says of each label, right share by label: calm 90 %, panic 25 %" in figure.layout.meta["alt"]
    assert rater_confusion_rows(["calm", "panic"], shares)[2] == {
        "clip_is": "panic",
        "rater_says": "calm",
        "share": 0.75,
    }
