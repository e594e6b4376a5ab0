import json

import pytest

from affexion_core.errors import ModelError
from affexion_core.evaluation.folds import FoldSpread, fold_summary_from_json, fold_summary_to_json, summarise_folds
from affexion_core.evaluation.metrics import score

LABELS = ("a", "b")


def fold(n_right, n_wrong):
    return score(["a"] * (n_right + n_wrong), ["a"] * n_right + ["b"] * n_wrong, LABELS, n_resamples=5)


def test_golden_spread():
    summary = summarise_folds([fold(6, 4), fold(8, 2), fold(7, 3)])
    assert list(summary) == ["accuracy", "uar", "macro_precision", "macro_f1"]
    accuracy = summary["accuracy"]
    assert accuracy.values == (0.6, 0.8, 0.7)
    assert (accuracy.mean, accuracy.sd, accuracy.low, accuracy.high) == pytest.approx((0.7, 0.1, 0.6, 0.8))
    assert summary["macro_precision"].values == (1.0, 1.0, 1.0)
    assert summary["macro_precision"].sd == 0.0


def test_folds_count_alike_whatever_their_size():
    assert summarise_folds([fold(1, 0), fold(0, 99)])["uar"].mean == 0.5


def test_one_fold_has_no_spread():
    assert summarise_folds([fold(1, 1)])["accuracy"] == FoldSpread(0.5, None, 0.5, 0.5, (0.5,))


def test_an_undefined_fold_keeps_its_place():
    spread = summarise_folds([fold(1, 1), score([], [], LABELS), fold(1, 0)])["accuracy"]
    assert spread.values == (0.5, None, 1.0)
    assert (spread.mean, spread.low, spread.high) == (0.75, 0.5, 1.0)
    assert summarise_folds([])["uar"] == FoldSpread(None, None, None, None, ())


def test_a_summary_survives_json():
    summary = summarise_folds([fold(2, 1), score([], [], LABELS)])
    text = json.dumps(fold_summary_to_json(summary), allow_nan=False)
    assert fold_summary_from_json(json.loads(text)) == summary


@pytest.mark.parametrize("damaged", [{"uar": {"mean": 0.5}}, {"uar": None}, [1]])
def test_a_damaged_summary_is_refused(damaged):
    with pytest.raises(ModelError, match="figures of the folds can't be read"):
        fold_summary_from_json(damaged)
