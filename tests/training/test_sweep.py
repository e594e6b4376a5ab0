"""Spaces, plans and studies; what sweeps come to when carried out stands in tests/jobs/test_jobs_sweep.py."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_study import short_recipe
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, ModelError, SplitError
from affexion_core.evaluation.folds import spread
from affexion_core.evaluation.selection import SELECTED_ON_TEST
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.versions import delete_version
from affexion_core.run_folder import fold_folders, read_config, read_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.runs import get_run, list_runs
from affexion_core.store.session import open_store
from affexion_core.training.prepare import HeldOut, pinned_dataset
from affexion_core.training.run_config import from_preset
from affexion_core.training.space import (
    Parameter,
    check_fits,
    combinations,
    load_space,
    parameter_values,
    reported_for,
    said,
    shipped_spaces,
    space_from_json,
    space_to_json,
)
from affexion_core.training.study import JOURNAL, STARTUP_TRIALS, give_up, open_study, propose, running, tell
from affexion_core.training.sweep import (
    SweepPlan,
    SweepRequest,
    plan_sweep,
    prepare_sweep,
    prepare_trial,
    read_note,
    read_plan,
    stamped,
)
from affexion_core.training.sweep_result import SweepRow, choose_best, holm, read_sweep

LABELS = ("boredom", "panic", "excitement", "uncertainty")


def space_of(**parameters):
    return space_from_json({"name": "tried", "parameters": parameters})


def planned(space, sampler="grid", n_trials=None, **changes) -> SweepPlan:
    n = n_trials or len(combinations(space))
    made = SweepPlan(space, sampler, n, (("a",), ("b",), ("c",)), "speaker", frozenset(), False, 0)
    return dataclasses.replace(made, **changes)


@pytest.fixture
def store(workspace, tmp_path):
    opened = open_store(workspace)
    import_corpus(opened, "folder", write_folders(tmp_path / "voices", takes=1), ImportOptions(dataset="voices"))
    people = write_folders(tmp_path / "people", speakers=2, takes=1, first_speaker=5)
    import_corpus(opened, "folder", people, ImportOptions(dataset="people"))
    return opened


def request(store, space=None, **options) -> SweepRequest:
    return SweepRequest(
        short_recipe(),
        load_dataset(store, "voices"),
        space or space_of(epochs={"choices": [1, 2, 3]}),
        **{"n_folds": 2, **options},
    )


# Spaces


def test_the_papers_tuning_table_ships_with_its_figures():
    tried = {name: parameter_values(load_space(name).parameters[name]) for name in shipped_spaces()}
    assert tried == {
        "channels": (64, 128),
        "dropout": (0.1, 0.2, 0.3, 0.4),
        "epochs": (7, 15, 20),
        "hidden": (64, 128, 256),
        "max_len": (200, 300, 600, 1000, 1200),
        "n_mfcc": (7, 13, 25, 30),
    }
    recipe = from_preset(load_plugin("presets", "affexion-paper").PRESET)
    for name in shipped_spaces():
        check_fits(load_space(name), recipe)
    real = {
        (name, row.values[name]): row.figures["real"]["accuracy"]
        for name in shipped_spaces()
        for row in load_space(name).reported
        if row.figures
    }
    assert real[("n_mfcc", 7)] == 23.5 and real[("n_mfcc", 13)] == 31.4 and real[("n_mfcc", 30)] == 28.33
    assert real[("max_len", 300)] == 23 and real[("epochs", 20)] == 28
    assert {value for key, value in real.items() if key[1] in (15, 1000, 0.3, 25, 64, 128)} == {45.3}
    assert load_space("max_len").reported[0].figures["train"] == {"accuracy": 66}


def test_reported_figures_stay_with_the_labels_they_are_about():
    space = load_space("n_mfcc")
    assert reported_for(space, {"n_mfcc": 13}, tuple(reversed(LABELS))).figures == {"real": {"accuracy": 31.4}}
    assert reported_for(space, {"n_mfcc": 14}, LABELS) is None
    assert reported_for(space, {"n_mfcc": 13}, ("angry", "sad")) is None


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "It has no parameters"),
        ({"epochs": [1, 2]}, r"epochs = \[1, 2\] is neither choices nor a range"),
        ({"epochs": {}}, "epochs has neither choices nor a range; give choices, or low and high"),
        ({"epochs": {"low": 1}}, "neither choices nor a range"),
        ({"epochs": {"chioces": [1]}}, "no setting 'chioces'; choose choices, high, log, low or step"),
        ({"epochs": {"choices": [1, None]}}, "epochs can't be None"),
        ({"epochs": {"choices": [float("nan")]}}, "epochs can't be nan"),
        ({"epochs": {"choices": [[[1]]]}}, r"epochs can't be \[\[1\]\]"),
        ({"epochs": {"choices": [7, 15, 7]}}, "epochs lists a choice twice: 7, 15, 7"),
        ({"epochs": {"choices": [7], "low": 1, "high": 2}}, "epochs has choices and a range"),
        ({"epochs": {"low": 5, "high": 5}}, "epochs ranges from 5 to 5; low must be less than high"),
        ({"epochs": {"low": 0, "high": 1.5, "log": True}}, "epochs is logarithmic and starts at 0"),
        ({"epochs": {"low": 1, "high": 9, "log": True, "step": 2}}, "logarithmic and has a step"),
        ({"epochs": {"low": 1, "high": 9, "step": 0}}, "step = 0: input should be greater than 0"),
    ],
)
def test_a_bad_space_is_refused_with_what_is_wrong(tmp_path, parameters, words):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"parameters": parameters}))
    with pytest.raises(ConfigError, match=rf"^The space .*mine.json can't be used\. .*{words}"):
        load_space(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "can't be read"),
        ("[1]", "is no JSON object"),
        ('{"parameters": {"epochs": {"choices": [1]}}, "reported": [{"values": {"dropout": 1}}]}', "reports dropout"),
        ('{"parameters": {"epochs": {"choices": [1]}}, "reported": 3}', "must be a list, not 3"),
        ('{"parameters": {"epochs": {"choices": [1]}}, "colour": "red"}', "no setting 'colour'"),
    ],
)
def test_a_file_that_is_no_space_is_refused(tmp_path, text, words):
    (tmp_path / "mine.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_space(tmp_path / "mine.json")


def test_an_unknown_space_lists_the_shipped():
    with pytest.raises(ConfigError, match="no space or file 'widths'. Shipped are channels, dropout, epochs, hidden,"):
        load_space("widths")


def test_a_space_of_ones_own_is_taken_by_path(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"parameters": {"kernel_sizes": {"choices": [[3], [3, 5]]}, "attention": {"choices": [true]}}}')
    space = load_space(path)
    assert space.name == "mine"
    assert combinations(space) == (
        {"kernel_sizes": [3], "attention": True},
        {"kernel_sizes": [3, 5], "attention": True},
    )
    assert space_from_json(space_to_json(space)) == space
    assert said({"kernel_sizes": [3, 5], "learning_rate": 0.00123456}) == "kernel_sizes 3+5, learning_rate 0.001235"


def test_ranges_give_the_values_of_a_grid():
    assert parameter_values(Parameter(low=7, high=30, step=5)) == (7, 12, 17, 22, 27)
    assert parameter_values(Parameter(low=1, high=4)) == (1, 2, 3, 4)
    assert parameter_values(Parameter(low=0.1, high=0.4, step=0.1)) == (0.1, 0.2, 0.3, 0.4)
    assert parameter_values(Parameter(low=0.0, high=1.0)) is None
    with pytest.raises(ConfigError, match="needs choices or a step, which dropout lacks; or let TPE draw"):
        combinations(space_of(dropout={"low": 0.1, "high": 0.4}))
    with pytest.raises(ConfigError, match="1000000 combinations, more than 10000"):
        combinations(space_of(epochs={"low": 1, "high": 1000}, hidden={"low": 1, "high": 1000}))


# Plans


@pytest.mark.parametrize(
    ("space", "options", "error", "words"),
    [
        (None, {"select_on_test": True}, ConfigError, "select on the test set there must be one; choose a test set"),
        (None, {"sampler": "random"}, ConfigError, "no sampler 'random'; choose grid or tpe"),
        (None, {"n_trials": 7}, ConfigError, "A grid makes all its 3 trials"),
        (None, {"sampler": "tpe", "n_trials": 0}, ConfigError, "0 trials are none"),
        (load_space("hidden"), {}, ConfigError, "The space 'hidden' doesn't fit preset 'linear'. There is no setting"),
        (space_of(epochs={"choices": [1, -1]}), {}, ConfigError, "'tried' doesn't fit preset 'linear'.* epochs = -1"),
        (space_of(epochs={"low": 0, "high": 9}), {}, ConfigError, "epochs = 0"),
        (None, {"n_folds": 5, "group": "speaker"}, SplitError, "5 folds need 5 speakers; the dataset has 4"),
        (None, {"n_folds": 17}, SplitError, "17 folds .* the dataset has 16"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(store, space, options, error, words):
    with pytest.raises(error, match=words):
        prepare_sweep(store, request(store, space, **options))
    assert list_runs(store) == () and not list(store.workspace.runs.iterdir())


def test_one_label_and_leaky_test_sets_are_refused(store, tmp_path):
    alone = write_folders(tmp_path / "alone", labels=("panic",), first_speaker=9)
    import_corpus(store, "folder", alone, ImportOptions(dataset="alone"))
    with pytest.raises(SplitError, match="one label only"):
        plan_sweep(dataclasses.replace(request(store), dataset=load_dataset(store, "alone")))
    with pytest.raises(SplitError, match="shares 16 clips"):
        plan_sweep(request(store, test=HeldOut(load_dataset(store, "voices"))))


def test_tpe_makes_no_more_trials_than_there_are_combinations(store):
    assert plan_sweep(request(store, sampler="tpe", n_trials=50))[0].n_trials == 3
    assert plan_sweep(request(store, sampler="tpe", n_trials=2))[0].n_trials == 2
    endless = space_of(learning_rate={"low": 1e-5, "high": 1e-1, "log": True})
    assert plan_sweep(request(store, endless, sampler="tpe"))[0].n_trials == 20


def test_a_sweep_pins_what_it_is_about_and_its_trials_share_their_folds(store):
    run = prepare_sweep(store, request(store, test=HeldOut(load_dataset(store, "people")), name="How long"))
    folder = store.workspace.runs / run.id
    plan = read_plan(folder)
    delete_version(store, "voices")
    made = [prepare_trial(store, folder, n, {"epochs": n}) for n in (1, 2)]
    assert [found.id for found in list_runs(store)] == [run.id], "trials are parts of a sweep, not runs of their own"
    assert get_run(store, run.id[:-2]).kind == "sweep"
    assert sorted(clip for fold in plan.folds for clip in fold) == sorted(
        item.clip.id for item in pinned_dataset(store, folder).items
    )
    for trial in made:
        folds = fold_folders(folder / "trials" / trial.id.split("-")[0].removeprefix("trial"))
        tested = [[row["clip_id"] for row in read_json(fold / "split.json")["clips"] if row["part"] == "test"]
                  for fold in folds]  # fmt: skip
        assert [sorted(ids) for ids in tested] == [sorted(ids) for ids in plan.folds]
    assert read_config(folder / "trials" / "2")["training"]["epochs"] == 2
    assert read_note(folder / "trials" / "2").state == "waiting"
    assert [(row.values, row.state, row.uar, row.test) for row in read_sweep(folder).rows] == [
        ({"epochs": 1}, "waiting", None, None),
        ({"epochs": 2}, "waiting", None, None),
    ]


def test_a_damaged_sweep_says_so(store):
    run = prepare_sweep(store, request(store))
    path = store.workspace.runs / run.id / "sweep.json"
    path.write_text(path.read_text().replace('"tried"', "3"))
    with pytest.raises(ModelError, match="sweep.json is damaged"):
        read_plan(path.parent)


# Choosing


def row(number: int, fold_uar: float, test_uar: float, state="done") -> SweepRow:
    from affexion_core.evaluation.metrics import score

    n_right = round(10 * test_uar)
    test = score(["a", "b"] * 5, ["a" if i < n_right and i % 2 == 0 else "b" if i < n_right else "c"
                                  for i in range(10)], ("a", "b", "c"), n_resamples=20)  # fmt: skip
    return SweepRow(number, f"t{number}", None, {}, state, None, spread((fold_uar,)), spread((fold_uar,)), test=test)


def test_the_best_is_chosen_by_the_folds_unless_the_test_set_was_asked_for():
    rows = [row(1, 0.5, 0.9), row(2, 0.8, 0.1), row(3, 0.8, 1.0), row(4, 0.9, 1.0, state="pruned")]
    space = space_of(epochs={"choices": [1]})
    assert choose_best(rows, planned(space)) == 2, "the first of equals, whatever the test set says"
    assert choose_best(rows, planned(space, select_on_test=True)) == 3
    assert choose_best([rows[3]], planned(space)) is None
    assert stamped("clean", planned(space)) == "clean"
    assert stamped(stamped("clean", planned(space, select_on_test=True)), planned(space, select_on_test=True)) == (
        f"{SELECTED_ON_TEST}: clean"
    )


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_and_keeps_the_order(p_values):
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert [q for _, q in pairs] == sorted(q for _, q in pairs)


# Studies


def test_a_grid_draws_every_combination_once_in_order_through_crashes(tmp_path):
    plan = planned(space_of(kernel_sizes={"choices": [[3], [3, 5]]}, epochs={"choices": [1, 2]}))
    drawn = []
    while (found := propose(study := open_study(tmp_path, plan), plan)) is not None:
        drawn.append(found.values)
        if found.number == 2:
            tell(study, 2, "done", 0.5)
        with (tmp_path / JOURNAL).open("ab") as file:
            file.write(b'{"op_code": 4, "cut sh')
    assert drawn == list(combinations(plan.space))
    assert [trial.number for trial in running(open_study(tmp_path, plan), plan)] == [1, 3, 4]


def test_a_draw_that_a_crash_cut_short_is_drawn_again(tmp_path):
    plan = planned(space_of(epochs={"choices": [1, 2]}))
    study = open_study(tmp_path, plan)
    propose(study, plan)
    study.ask()  # as a process would leave it that ended before it noted the values
    study = open_study(tmp_path, plan)
    assert [found.values for found in running(study, plan)] == [{"epochs": 1}]
    assert propose(study, plan).values == {"epochs": 2}
    assert propose(study, plan) is None


def test_tpe_tries_nothing_twice_and_looks_where_it_was_good(tmp_path):
    space = space_of(n_mfcc={"low": 1, "high": 60}, dropout={"low": 0.1, "high": 0.4, "step": 0.1})
    plan = planned(space, "tpe", 40)
    study = open_study(tmp_path, plan)
    drawn = []
    while (found := propose(study, plan)) is not None:
        drawn.append(found.values)
        tell(study, found.number, "done", -abs(found.values["n_mfcc"] - 50))
        study = open_study(tmp_path, plan)
    assert len({json.dumps(values) for values in drawn}) == len(drawn) == 40
    assert {values["dropout"] for values in drawn} <= {0.1, 0.2, 0.3, 0.4}
    mean_distance = sum(abs(values["n_mfcc"] - 50) for values in drawn[20:]) / 20
    assert mean_distance < 15, "a blind draw is 21 off on average"


def test_tpe_comes_to_every_combination_of_a_small_space(tmp_path):
    plan = planned(space_of(epochs={"choices": [1, 2, 3]}, attention={"choices": [True, False]}), "tpe")
    study, drawn = open_study(tmp_path, plan), []
    while (found := propose(study, plan)) is not None:
        drawn.append(found.values)
        tell(study, found.number, "done", 1.0)
    assert sorted(map(json.dumps, drawn)) == sorted(map(json.dumps, combinations(plan.space)))


def test_a_trial_below_the_median_of_the_others_is_given_up(tmp_path):
    plan = planned(space_of(epochs={"low": 1, "high": 100}), "tpe", STARTUP_TRIALS + 2)
    study = open_study(tmp_path, plan)
    for figure in (0.5, 0.6, 0.7, 0.8):
        number = propose(study, plan).number
        assert not give_up(study, number, [0.1]), "the first trials are all carried through"
        assert not give_up(study, number, [0.1, figure])
        tell(study, number, "done", figure)
    good, bad = propose(study, plan).number, propose(study, plan).number
    study = open_study(tmp_path, plan)
    assert not give_up(study, good, [0.1]) and not give_up(study, bad, [0.1])
    assert not give_up(study, good, [0.1, 0.7])
    assert give_up(study, bad, [0.1, 0.6])
    assert give_up(study, bad, [0.1, 0.6]), "asked again after a crash, the answer is the same"
    tell(study, bad, "pruned", None)
    tell(study, good, "done", math.pi)
    assert running(study, plan) == ()
