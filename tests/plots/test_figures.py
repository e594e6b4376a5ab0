import numpy as np
import pytest

from affexion_core.errors import LabelError
from affexion_core.evaluation.metrics import score
from affexion_core.plots.classes import class_rows, plot_class_scores
from affexion_core.plots.confusion import confusion_rows, plot_confusion, row_shares
from affexion_core.plots.datasets import LabelCounts, label_count_rows, plot_label_counts
from affexion_core.plots.folds import fold_rows, plot_folds
from affexion_core.plots.learning import plot_learning
from affexion_core.plots.spectrogram import FLOOR_DB, spectrogram

LABELS = ("boredom", "panic", "excitement")
COUNTS = ((3, 1, 0), (2, 5, 1), (0, 0, 0))


def test_confusion_has_counts_and_row_shares_in_each_cell():
    figure = plot_confusion(LABELS, COUNTS)
    heatmap, texts, targets = figure.data
    assert [list(row) for row in heatmap.z[:2]] == [[0.75, 0.25, 0.0], [0.25, 0.625, 0.125]]
    assert texts.text[3] == "<b>25 %</b><br>2"
    assert texts.text[8] == "<b>–</b><br>0"
    assert targets.hovertext[4] == "5 of 8 panic right<br>62 % (31–86, n = 8)"
    counted = plot_confusion(LABELS, COUNTS, show="counts")
    assert counted.data[1].text[3] == "<b>2</b><br>25 %"
    assert list(counted.data[0].z[1]) == [0.4, 1.0, 0.2]
    assert (heatmap.zmin, heatmap.zmax) == (0, 1)
    assert "8 of 12" in figure.layout.meta["alt"]
    assert figure.layout.yaxis.ticktext[1] == "<b>panic</b><br>n = 8"


def test_confusion_cells_can_be_selected():
    targets = plot_confusion(LABELS, COUNTS).data[-1]
    assert tuple(targets.customdata[3]) == ("panic", "boredom")
    assert (targets.x[3], targets.y[3]) == (0, 1)
    assert targets.marker.opacity == 0
    assert "select" in plot_confusion(LABELS, COUNTS).layout.clickmode


def test_confusion_frames_the_chosen_cell():
    shape = plot_confusion(LABELS, COUNTS, chosen=("panic", "excitement")).layout.shapes[0]
    assert (round(shape.x0), round(shape.x1)) == (2, 2)
    assert shape.y0 < 1 < shape.y1
    assert not plot_confusion(LABELS, COUNTS, chosen=("panic", "joy")).layout.shapes


def test_confusion_refuses_another_shape():
    with pytest.raises(LabelError, match="3 labels needs 3 × 3"):
        plot_confusion(LABELS, ((1, 2), (3, 4)))


def test_confusion_rows_for_the_file():
    assert row_shares(COUNTS)[2] == [None, None, None]
    rows = confusion_rows(LABELS, COUNTS)
    assert rows[4]["low"] < 0.625 < rows[4]["high"] and rows[8]["low"] is None
    cell = {"reference": "panic", "predicted": "panic", "clips": 5, "row_share": 0.625, "row_clips": 8}
    assert {name: rows[4][name] for name in cell} == cell
    assert len(rows) == 9


def test_class_scores_show_value_interval_and_undefined():
    reference = ["boredom"] * 6 + ["panic"] * 4
    predicted = ["boredom"] * 5 + ["panic"] * 5
    per_class = score(reference, predicted, LABELS, n_resamples=50).per_class
    figure = plot_class_scores(per_class)
    texts = [trace.text[0] for trace in figure.data if trace.mode == "text"]
    assert " 83 %" in texts
    assert sum(text.startswith("undefined: ") for text in texts) == 3
    interval = figure.data[0].x
    assert interval[0] < 5 / 6 < interval[1]
    assert figure.layout.yaxis.ticktext[0] == "<b>boredom</b> (n = 6)  recall"
    rows = class_rows(per_class)
    assert rows[0]["value"] == pytest.approx(5 / 6)
    assert rows[0]["n"] == 6
    assert rows[-1]["value"] is None
    assert rows[-1]["undefined_because"]


def test_learning_curve_names_its_lines_where_they_end():
    history = [
        {"epoch": epoch, "train_loss": 1.4 / epoch, "train_accuracy": epoch / 4, "dev_loss": 1.5, "dev_accuracy": 0.4}
        for epoch in (1, 2, 3)
    ]
    figure = plot_learning(history, n_labels=4)
    words = {(note.text, note.x) for note in figure.layout.annotations if note.x == 3}
    assert words == {("training", 3), ("dev", 3)}
    assert any(note.text == "chance" for note in figure.layout.annotations)
    assert "over 3 epochs" in figure.layout.meta["alt"]
    assert "dev accuracy at the end 40 %" in figure.layout.meta["alt"]
    without_dev = [{key: row[key] for key in ("epoch", "train_loss", "train_accuracy")} for row in history]
    assert len(plot_learning(without_dev).data) == 2
    assert plot_learning([]).layout.meta["alt"] == "Learning curve without epochs."


def test_folds_show_each_fold_and_the_mean():
    values = {"accuracy": (0.7, 0.8, 0.9), "UAR": (None, 0.5, 0.7), "macro F1": (None, None, None)}
    figure = plot_folds(values, n_labels=4)
    assert list(figure.data[1].y) == [0.7, 0.8, 0.9]
    assert list(figure.data[3].y) == [0.5, 0.7]
    texts = [note.text for note in figure.layout.annotations]
    assert texts[:3] == ["<b>80 %</b><br>70–90", "<b>60 %</b><br>50–70", "undefined in every fold"]
    assert figure.layout.meta["alt"].startswith("Spread over 3 folds: accuracy from 70 % to 90 %, mean 80 %")
    assert fold_rows(values)[3] == {"fold": 1, "metric": "UAR", "value": None}


def test_spectrogram_of_a_tone_peaks_at_its_frequency():
    rate = 16000
    signal = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate * 2) / rate)).astype(np.float32)
    data = spectrogram(signal, rate)
    assert data.power.shape == (len(data.times), 257)
    assert data.power.dtype == np.float32
    assert len(data.times) <= 501
    assert data.frequencies[np.argmax(data.power[100])] == pytest.approx(1000, abs=16)
    assert data.power.max() == 0
    assert data.power.min() == FLOOR_DB
    assert data.times[-1] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("n_samples", [0, 1, 100, 512, 16000 * 60])
def test_spectrogram_takes_any_length_and_silence(n_samples):
    data = spectrogram(np.zeros(n_samples, dtype=np.float32), 16000)
    assert (data.power == FLOOR_DB).all()
    assert 1 <= len(data.times) <= 501


def test_label_counts_stand_dataset_under_dataset():
    counts = [
        LabelCounts("voices", "synthetic", (("boredom", 36), ("panic", 35))),
        LabelCounts("people", "real", (("boredom", 13), ("panic", 0))),
    ]
    figure = plot_label_counts(counts)
    assert list(figure.layout.yaxis.ticktext) == [
        "<b>voices</b>",
        "boredom",
        "panic",
        "<b>people</b>",
        "boredom",
        "panic",
    ]
    assert [(bar.x[0], bar.y[0]) for bar in figure.data] == [(36, 1), (35, 2), (13, 4), (0, 5)]
    assert [bar.marker.pattern.shape for bar in figure.data] == ["/", "/", "", ""]
    assert figure.data[1].marker.color == "#D55E00"
    assert "synthetic, n = 71" in [note.text for note in figure.layout.annotations]
    assert label_count_rows(counts)[2] == {"dataset": "people", "origin": "real", "label": "boredom", "clips": 13}
    assert figure.layout.meta["alt"].startswith(
        "Clips by label. voices (synthetic): boredom 36, panic 35; people (real)"
    )
