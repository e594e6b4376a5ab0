"""Which input decided: averages by label, disagreement, and how they are kept beside the predictions."""

import csv
import dataclasses

import numpy as np
import pytest

from affexion_core.errors import ModelError
from affexion_core.evaluation.inputs import (
    InputShare,
    disagree,
    input_scores_from_json,
    input_shares,
    score_inputs,
)
from affexion_core.evaluation.metrics import score
from affexion_core.plots.inputs import input_rows, plot_input_shares
from affexion_core.predictor import Outcome
from affexion_core.run_folder import (
    Evaluation,
    ScoredClip,
    now,
    read_evaluation,
    read_predictions,
    write_evaluation,
)

LABELS = ("joy", "sorrow")


def weighed(voice: float, heard: str = "joy", read: str = "sorrow") -> tuple[InputShare, InputShare]:
    words = InputShare("text-embedding", 1 - voice, read if voice < 1 else None)
    return InputShare("ssl", voice, heard), words


def test_shares_are_averaged_by_label_over_clips_that_have_all_inputs():
    inputs = [weighed(0.2), weighed(0.4), weighed(0.9), weighed(0.7), weighed(1.0), None]
    reference = ["joy", "joy", "sorrow", "sorrow", "sorrow", "joy"]
    found = {(each.front_end, each.label): each.share for each in score_inputs(inputs, reference, LABELS)}
    assert found["ssl", "joy"].value == pytest.approx(0.3) and found["ssl", "joy"].n == 2
    assert found["ssl", "sorrow"].value == pytest.approx(0.8) and found["ssl", "sorrow"].n == 2
    assert found["ssl", None].value == pytest.approx(0.55) and found["ssl", None].n == 4
    assert found["text-embedding", "joy"].value == pytest.approx(0.7)
    assert found["ssl", None].low < 0.55 < found["ssl", None].high and found["ssl", None].method.endswith("4 clips")


def test_the_interval_draws_speakers_and_is_as_wide_as_they_differ():
    draw = np.random.default_rng(0)
    middle = np.repeat(draw.uniform(0.2, 0.8, size=8), 20)  # speakers differ, clips of one hardly do
    inputs = [weighed(float(share)) for share in np.clip(middle + draw.normal(0, 0.01, 160), 0.01, 0.99)]
    speakers = [f"s{place // 20}" for place in range(160)]
    by_speaker = score_inputs(inputs, ["joy"] * 160, LABELS, speakers)[0].share
    by_clip = score_inputs(inputs, ["joy"] * 160, LABELS)[0].share
    assert by_speaker.method == "bootstrap over 8 speakers" and by_speaker.value == by_clip.value
    assert by_speaker.high - by_speaker.low > 2 * (by_clip.high - by_clip.low)
    spread = middle[::20].std(ddof=1) / np.sqrt(8)
    assert by_speaker.high - by_speaker.low == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_what_cannot_be_averaged_says_why():
    assert score_inputs([None, None], ["joy", "joy"], LABELS) == ()
    found = score_inputs([weighed(1.0)], ["joy"], LABELS)
    assert {each.share.reason for each in found} == {"no clip has all inputs"}
    with pytest.raises(ModelError, match="evaluate the run again"):
        input_scores_from_json({"front_end": "ssl"})


def test_inputs_disagree_only_where_both_are_there():
    assert disagree(weighed(0.5)) and not disagree(weighed(0.5, read="joy"))
    assert not disagree(weighed(1.0)) and not disagree(None)


def test_one_input_has_no_share_and_a_missing_one_no_label():
    probs = np.array([[[0.9, 0.1]]])
    shares, alone = np.array([[0.4, 0.6], [1.0, 0.0]]), np.array([[[0.8, 0.2], [0.3, 0.7]], [[0.1, 0.9], [0.5, 0.5]]])
    both = Outcome(np.repeat(probs, 2, axis=1), (None, None), shares, alone)
    found = input_shares(("ssl", "text-embedding"), LABELS, both)
    assert found[0] == (InputShare("ssl", 0.4, "joy"), InputShare("text-embedding", 0.6, "sorrow"))
    assert found[1] == (InputShare("ssl", 1.0, "sorrow"), InputShare("text-embedding", 0.0, None))
    assert input_shares(("ssl", "text-embedding"), (), both)[0][0] == InputShare("ssl", 0.4, None)
    assert input_shares(("ssl",), LABELS, Outcome(probs, (None,), np.ones((1, 1)), probs)) is None
    assert input_shares(("mfcc", "ssl"), LABELS, Outcome(probs, (None,))) is None


def evaluation_of(rows):
    scores = score([row.reference for row in rows], [row.predicted for row in rows], LABELS)
    inputs = score_inputs([row.inputs for row in rows], [row.reference for row in rows], LABELS)
    return Evaluation("people", "people", "test", "clean", scores, now(), inputs=inputs)


def test_they_are_kept_and_read_back_and_older_predictions_have_none(tmp_path):
    rows = (
        ScoredClip("a", "joy", "joy", (0.75, 0.25), inputs=weighed(0.25)),
        ScoredClip("b", "sorrow", "joy", (0.5, 0.5), 1, inputs=weighed(1.0)),
    )
    write_evaluation(tmp_path, evaluation_of(rows), rows)
    assert read_predictions(tmp_path, "people") == rows
    assert read_evaluation(tmp_path, "people").inputs == evaluation_of(rows).inputs
    path = tmp_path / "predictions" / "people.csv"
    with path.open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0][6:] == ["share:ssl", "alone:ssl", "share:text-embedding", "alone:text-embedding"]
    path.write_text("\n".join(",".join(row[:6]) for row in table) + "\n")
    assert read_predictions(tmp_path, "people") == tuple(dataclasses.replace(row, inputs=None) for row in rows)


def test_the_figure_draws_one_row_a_label_and_says_what_the_ends_are():
    scores = evaluation_of(
        (
            ScoredClip("a", "joy", "joy", (1, 0), inputs=weighed(0.25)),
            ScoredClip("b", "joy", "joy", (1, 0), inputs=weighed(0.75)),
        )
    ).inputs
    figure = plot_input_shares(scores, {"ssl": "voice", "text-embedding": "words"}, "dark")
    assert list(figure.layout.xaxis.ticktext)[::4] == ["voice alone", "words alone"]
    assert [text.split(" (")[0] for text in figure.layout.yaxis.ticktext] == [
        "<b>all labels</b>", "<b>joy</b>", "<b>sorrow</b>",
    ]  # fmt: skip
    assert "joy, words 50 %" in figure.layout.meta["alt"] and "sorrow, words –" in figure.layout.meta["alt"]
    assert any("undefined: no clip has all inputs" in (trace.text or "") for trace in figure.data)
    rows = input_rows(scores)
    assert len(rows) == 6 and rows[0]["label"] == "all labels" and rows[-1]["undefined_because"]
