import dataclasses
from pathlib import Path

import pytest

from affexion_core.evaluation.folds import spread
from affexion_core.evaluation.metrics import score
from affexion_core.evaluation.paired import Comparison
from affexion_core.evaluation.scores import Estimate
from affexion_core.evaluation.selection import SELECTED_ON_TEST
from affexion_core.plots.sweep import plot_sweep, sweep_caption, sweep_rows
from affexion_core.training.space import load_space, reported_for, space_from_json
from affexion_core.training.sweep import SweepPlan
from affexion_core.training.sweep_result import Difference, Sweep, SweepRow, choose_best
from affexion_core.types import Run

LABELS = ("boredom", "panic", "excitement", "uncertainty")
FOLDS = (0.5, 0.6, 0.7)


def scores(n_right: int):
    reference = [LABELS[i % 4] for i in range(52)]
    predicted = [label if i < n_right else LABELS[(i + 1) % 4] for i, label in enumerate(reference)]
    return score(reference, predicted, LABELS, n_resamples=20)


def row(space, number: int, values, folds=FOLDS, n_right: int | None = 20, state="done", reason=None) -> SweepRow:
    made = spread(tuple(folds)) if folds else None
    return SweepRow(
        number, f"trial{number}", Path(f"trials/{number}"), values, state, reason, made, made,
        test=scores(n_right) if n_right is not None else None,
        reported=reported_for(space, values, LABELS),
    )  # fmt: skip


def sweep_of(space, rows, select_on_test=False, sampler="grid") -> Sweep:
    run = Run("s", "sweep", "affexion-paper", "/runs/s", LABELS, "voices", "0" * 64, "2026-01-01T00:00:00Z")
    plan = SweepPlan(space, sampler, len(rows), (("a",),), "speaker", frozenset(), select_on_test, 0)
    return Sweep(run, plan, tuple(rows), choose_best(rows, plan), ())


@pytest.fixture
def paper() -> Sweep:
    space = load_space("n_mfcc")
    folds = {7: FOLDS, 13: (0.7, 0.7, 0.9), 25: (0.6, 0.6, 0.6), 30: (0.1, 0.2, 0.3)}
    return sweep_of(space, [row(space, i, {"n_mfcc": n}, folds[n], 10 * i) for i, n in enumerate(folds, start=1)])


def traces(figure, symbol: str):
    return next(trace for trace in figure.data if trace.mode == "markers" and trace.marker.symbol == symbol)


def test_values_stand_with_folds_test_and_what_is_reported(paper):
    figure = plot_sweep(paper)
    assert list(traces(figure, "circle").y) == pytest.approx([0.6, 2.3 / 3, 0.6, 0.2])
    assert list(traces(figure, "diamond").y) == pytest.approx([10 / 52, 20 / 52, 30 / 52, 40 / 52])
    assert list(traces(figure, "diamond-open").y) == pytest.approx([0.235, 0.314, 0.453, 0.2833])
    assert list(figure.layout.xaxis.ticktext) == ["7", "<b>13</b><br>best", "25", "30"]
    assert figure.layout.xaxis.title.text == "n_mfcc"
    bars = [tuple(trace.y) for trace in figure.data if trace.mode == "lines"]
    assert bars[:2] == [(0.5, 0.7), (0.7, 0.9)]
    assert bars[4] == (paper.rows[0].test.accuracy.low, paper.rows[0].test.accuracy.high)
    words = [note.text for note in figure.layout.annotations]
    assert {"chance", "● folds", "◆ test, n = 52", "◇ reported"} <= set(words)
    assert SELECTED_ON_TEST not in str(words)
    alt = figure.layout.meta["alt"]
    assert "n_mfcc 7 60 % over folds, 19 % on 52 test clips, 24 % reported" in alt
    assert alt.endswith("Best by the folds: n_mfcc 13.")


def test_selection_on_the_test_set_is_seen_in_the_figure_its_alt_text_and_its_data(paper):
    sweep = sweep_of(paper.space, paper.rows, select_on_test=True)
    figure = plot_sweep(sweep, "dark")
    assert "<b>selected on test</b>" in [note.text for note in figure.layout.annotations]
    assert figure.layout.meta["alt"].endswith("Best by the test set: n_mfcc 30. Selected on test.")
    assert figure.layout.xaxis.ticktext[3] == "<b>30</b><br>best"
    assert {row["selected_on"] for row in sweep_rows(sweep)} == {"test"}


def test_pruned_failed_and_waiting_trials_keep_their_place():
    space = space_from_json({"name": "mine", "parameters": {"a": {"choices": [1, 2]}, "b": {"choices": ["x", "y"]}}})
    rows = [
        row(space, 1, {"a": 1, "b": "x"}, n_right=None),
        row(space, 2, {"a": 1, "b": "y"}, (0.3,), None, "pruned", "given up after 1 of 3 folds"),
        row(space, 3, {"a": 2, "b": "x"}, (), None, "failed", "the loss is no number"),
        row(space, 4, {"a": 2, "b": "y"}, (), None, "waiting"),
    ]
    sweep = sweep_of(space, rows)
    figure = plot_sweep(sweep)
    notes = {(note.text, note.x) for note in figure.layout.annotations}
    assert {("pruned<br>after 1 fold", 1), ("failed", 2), ("waiting", 3)} <= notes
    assert list(figure.layout.xaxis.ticktext)[:2] == ["<b>a 1<br>b x</b><br>best", "a 1<br>b y"]
    assert "a 2, b x failed" in figure.layout.meta["alt"]
    data = sweep_rows(sweep)
    assert data[1]["cv_uar_mean"] == 0.3 and data[1]["test_uar"] is None and data[1]["a"] == "1"
    assert data[0]["best"] and not data[1]["best"]


def test_a_sweep_without_trials_has_a_figure():
    space = space_from_json({"name": "mine", "parameters": {"a": {"choices": [1, 2]}}})
    assert plot_sweep(sweep_of(space, [])).layout.meta["alt"] == "Accuracy by value: no trial yet."


def test_many_trials_are_named_by_number():
    space = space_from_json({"name": "m", "parameters": {"a": {"low": 1, "high": 99}, "b": {"choices": ["x", "y"]}}})
    rows = [row(space, n, {"a": n, "b": "x"}) for n in range(1, 21)]
    figure = plot_sweep(sweep_of(space, rows, sampler="tpe"))
    assert list(figure.layout.xaxis.ticktext)[1:3] == ["2", "3"] and figure.layout.xaxis.title.text == "trial"
    assert "a 2, b x: 60.0 % over 3 held-out folds (50–70)" in traces(figure, "circle").hovertext


def compared(sweep, leads: dict[int, float], finished=True) -> Sweep:
    """Add paired tests of the best: by how much it leads each other trial, more than chance from 0.2 on."""
    differences = tuple(
        Difference(sweep.best, number, "test", comparison(lead), 0.01 if abs(lead) >= 0.2 else 0.4)
        for number, lead in leads.items()
    )
    run = dataclasses.replace(sweep.run, finished="2026-01-02T00:00:00Z" if finished else None)
    return dataclasses.replace(sweep, run=run, differences=differences)


def comparison(lead: float) -> Comparison:
    estimate = Estimate(lead, lead - 0.1, lead + 0.1, 52, "bootstrap")
    return Comparison(52, estimate, estimate, 0.01, 5, 1)


def test_the_caption_says_which_differences_are_more_than_chance_and_which_way(paper):
    words = sweep_caption(compared(paper, {1: 0.3, 3: 0.05, 4: -0.3}))
    assert words == (
        "4 of 4 trials. Left marks: mean of 1 folds, lowest to highest; right: 52 test clips, 95 % interval; hollow: "
        "as reported by the source, on other clips. Clip by clip on the same 52 test clips, worse than n_mfcc 13 by "
        "more than chance: 7; better than n_mfcc 13 by more than chance: 30; not told apart from n_mfcc 13: 25."
    )
    assert "is tested when all trials are done" in sweep_caption(compared(paper, {}, finished=False))
    alone = dataclasses.replace(compared(paper, {}), rows=paper.rows[1:2])
    assert "no second trial" in sweep_caption(alone)


def test_names_of_series_that_end_together_keep_apart(paper):
    rows = [dataclasses.replace(paper.rows[3], uar=None, accuracy=spread((40 / 52, 40 / 52)))]
    figure = plot_sweep(sweep_of(paper.space, rows))
    places = {note.text: note.y for note in figure.layout.annotations if note.text[0] in "●◆◇"}
    assert len(places) == 3
    heights = sorted(places.values())
    assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) > 0.05
