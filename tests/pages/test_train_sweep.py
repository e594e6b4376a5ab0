"""The choice Sweep of the page Train."""

import dataclasses
import json

import pytest
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.submit import job_folder
from affexion_core.run_folder import read_config, read_json
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import open_store
from affexion_core.training.run_config import from_preset
from affexion_core.training.space import Parameter, combinations, load_space, shipped_spaces, space_from_json
from affexion_core.training.sweep import read_plan
from affexion_ui.sweep_panel import choices_like, own_space, parameter_of, suggested, sweepable, values_text


@pytest.fixture
def store(workspace, tmp_path):
    opened = open_store(workspace)
    voices = write_folders(tmp_path / "voices", speakers=3, takes=1)
    people = write_folders(tmp_path / "people", speakers=2, takes=1, first_speaker=3)
    import_corpus(opened, "folder", voices, ImportOptions(dataset="voices", origin="synthetic"))
    import_corpus(opened, "folder", people, ImportOptions(dataset="people", origin="real"))
    return opened


@pytest.fixture
def engine_calls(monkeypatch):
    """Count the starts of the engine instead of starting one; tests/browser starts a real one."""
    calls = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", calls.append)
    return calls


@pytest.fixture
def open_sweep(store, open_page):
    def opened(**params):
        return open_page("train", **{"preset": "linear", "train": "voices", "kind": "sweep", **params})

    return opened


def config_of(preset="affexion-paper"):
    return from_preset(load_plugin("presets", preset).PRESET)


def errors(at):
    return " ".join(error.value for error in at.error).replace("\\", "")


def test_ready_sweeps_are_offered_with_what_they_vary_those_that_fit_first(open_sweep, words):
    at = open_sweep()
    assert not at.exception
    options = at.selectbox("train:space").options
    assert options[0] == "epochs: 7, 15, 20"
    assert {option.split(":")[0] for option in options[:-1]} == set(shipped_spaces())
    assert options[-1] == "own values …"
    assert "hidden: 64, 128, 256 (not in this recipe)" in options
    said = words(at).replace("\\", "")
    assert "Passes over the training clips. After Singh, Singh and Tsai" in said and "20: overfits" in said
    at.selectbox("train:space").set_value("hidden").run()
    assert "doesn't fit preset 'linear'" in errors(at) and at.button("train-start").disabled


def test_what_a_sweep_costs_is_told_before(open_sweep, words):
    said = words(open_sweep())
    assert "3 trials × 3 folds, each 8 clips × 7–20 epochs: 126 epochs in all" in said
    assert "Folds 1 to 3, all alike" in said
    said = words(open_sweep(space="own", vary="training.learning_rate", values="0.0001 to 0.01 log", draw="tpe",
                            trials="7", each="2"))  # fmt: skip
    assert "7 trials × 2 folds, each" in said and "× 60 epochs: 840 epochs in all; at most" in said


def test_the_estimate_of_a_sweep_goes_by_earlier_runs(in_study, open_page, words):
    at = open_page("train", preset="linear", train="voices", kind="sweep")
    assert "going by 2 runs of this model here" in words(at)


def test_a_sweep_is_queued_as_it_was_chosen(store, open_sweep, engine_calls, words):
    at = open_sweep(test="people", name="Which", set='{"training.batch_size":4}')
    assert at.button("train-start").label == "Start 3 trials"
    at.button("train-start").click().run()
    assert not at.exception and "is queued" in words(at)
    (job,) = list_jobs(store)
    assert (job.kind, job.state) == ("sweep", "queued") and engine_calls == [store.workspace]
    plan = read_plan(job_folder(store, job))
    assert (plan.space, plan.sampler, plan.n_trials) == (load_space("epochs"), "grid", 3)
    assert (len(plan.folds), plan.select_on_test, plan.test_name) == (3, False, "people")
    assert read_config(job_folder(store, job))["training"]["batch_size"] == 4
    assert read_json(job_folder(store, job) / "run.json")["name"] == "Which"
    at.button("train-start").click().run()
    assert len(list_jobs(store)) == 1, "the echo of a click"


def test_own_values_of_two_settings_drawn_by_tpe(store, open_sweep, engine_calls):
    at = open_sweep()
    at.selectbox("train:space").set_value("own").run()
    assert at.selectbox("train:vary").value == "training.epochs"
    assert at.text_input("train:values").value == "30, 60, 120"
    at.selectbox("train:vary").set_value("mfcc.n_mfcc").run()
    assert at.text_input("train:values").value == "12, 25, 50"
    at.text_input("train:values").set_value("5 to 20 step 5").run()
    at.selectbox("train:vary_2").set_value("training.schedule").run()
    assert at.multiselect("train:values_2").value == ["none", "step", "plateau"]
    at.multiselect("train:values_2").set_value(["none", "step"]).run()
    at.selectbox("train:sampler").set_value("tpe").run()
    at.number_input("train:trials").set_value(4).run()
    assert at.button("train-start").label == "Start 4 trials"
    again = open_sweep(**dict(at.query_params))
    assert again.text_input("train:values").value == "5 to 20 step 5"
    assert again.multiselect("train:values_2").value == ["none", "step"]
    at.button("train-start").click().run()
    assert not at.exception
    plan = read_plan(job_folder(store, list_jobs(store)[0]))
    assert (plan.sampler, plan.n_trials, plan.prunes) == ("tpe", 4, True)
    assert plan.space.parameters == {
        "n_mfcc": Parameter(low=5, high=20, step=5),
        "schedule": Parameter(choices=("none", "step")),
    }


def test_selection_on_the_test_set_is_behind_a_switch_that_says_what_it_costs(store, open_sweep, engine_calls, words):
    assert "train:on_test" not in [toggle.key for toggle in open_sweep().toggle]
    at = open_sweep(test="people")
    assert at.toggle("train:on_test").value is False
    assert "the test set has no say" in words(at)
    assert "every figure of this sweep is then stamped “selected on test”" in at.toggle("train:on_test").label
    at.toggle("train:on_test").set_value(True).run()
    assert "does well on these clips partly by luck" in words(at)
    assert "Stands before the stamp of every figure" in words(at)
    assert at.query_params["select"] in ("test", ["test"])
    at.button("train-start").click().run()
    assert read_plan(job_folder(store, list_jobs(store)[0])).select_on_test


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ({"values": "many"}, "epochs can't be 'many'; write e.g. 7, 15, 20 or 5 to 30 step 5"),
        ({"values": "0, 5"}, "epochs = 0: input should be greater than or equal to 1"),
        ({"values": " "}, "epochs has no values to try"),
        ({"values": "5, 5"}, "epochs lists a choice twice"),
        ({"vary": "training.learning_rate", "values": "0.1 to 0.5"}, "learning_rate lacks; or let TPE draw"),
        ({"values": "1, 2", "draw": "tpe", "trials": "0"}, "trials = 0: choose 1 or more"),
        ({"values": "1, 2", "each": "1"}, "folds = 1: choose 2 or more"),
        ({"values": "1, 2", "each": "9", "group": "speaker"}, "9 folds need 9 speakers"),
    ],
)
def test_what_cannot_be_swept_is_told(address, message, open_sweep):
    at = open_sweep(**{"space": "own", "vary": "training.epochs", **address})
    assert not at.exception
    assert message in errors(at)
    assert at.button("train-start").disabled


@pytest.mark.parametrize("address", [{"space": "gone"}, {"space": "own", "vary": "x", "draw": "odd", "trials": "few"}])
def test_a_strange_address_of_a_sweep_is_no_crash(address, open_sweep):
    assert not open_sweep(**address).exception


def test_a_leaking_test_set_is_refused_for_sweeps_as_well(open_sweep, words):
    at = open_sweep(test="voices")
    assert "shares 12 clips" in errors(at) and at.button("train-start").disabled
    at.checkbox("train:leaks").check().run()
    assert not at.error and not at.button("train-start").disabled
    at.button_group("train:kind").set_value("train").run()
    assert not at.exception and at.button("train-start").label == "Start training"


@pytest.mark.parametrize(
    ("name", "held", "parameter"),
    [
        ("epochs", "7,15 , 20", {"choices": [7, 15, 20]}),
        ("epochs", "7 to 30", {"low": 7, "high": 30}),
        ("epochs", "7–30 step 5", {"low": 7, "high": 30, "step": 5}),
        ("learning_rate", "1e-4 to 1e-2 log", {"low": 1e-4, "high": 1e-2, "log": True}),
        ("learning_rate", "0.1 to 0.4, step 0.1", {"low": 0.1, "high": 0.4, "step": 0.1}),
        ("learning_rate", "1e-3, 0.01", {"choices": [1e-3, 0.01]}),
        ("kernel_sizes", "3; 3, 5", {"choices": [[3], [3, 5]]}),
        ("schedule", ["step", "none"], {"choices": ["step", "none"]}),
    ],
)
def test_values_are_read_as_written_and_written_as_read(name, held, parameter):
    field = next(field for field in sweepable(config_of()).values() if field.name == name)
    assert parameter_of(field, held) == parameter
    space = own_space(config_of(), [(field, held)])
    text = values_text(space.parameters[name])
    if field.kind != "choice":
        assert parameter_of(field, text) == parameter
    assert choices_like(config_of(), space) == ("own", ((field.key, text),))


def test_suggested_values_are_ones_the_setting_takes():
    config = config_of()
    fields = {field.name: field for field in sweepable(config).values()}
    assert next(iter(fields)) == "epochs"
    assert suggested(fields["epochs"], config) == "7, 15, 30"
    assert suggested(fields["learning_rate"], config) == "0.0005, 0.001, 0.002"
    for field in fields.values():
        if field.kind in ("whole", "number", "list") and field.default is not None:
            assert combinations(own_space(config, [(field, suggested(field, config))]))


def test_a_space_the_form_cannot_say_is_not_said():
    config = config_of()
    assert choices_like(config, load_space("n_mfcc")) == ("n_mfcc", ())
    other = dataclasses.replace(load_space("n_mfcc"), title="Changed")
    assert choices_like(config, other) == ("own", (("mfcc.n_mfcc", "7, 13, 25, 30"),))
    three = {name: {"choices": [1]} for name in ("epochs", "batch_size", "n_mfcc")}
    assert choices_like(config, space_from_json({"name": "three", "parameters": three})) is None


def test_a_wrong_number_names_the_setting():
    fields = {field.name: field for field in sweepable(config_of()).values()}
    with pytest.raises(ConfigError, match="epochs can't be '1.5'"):
        parameter_of(fields["epochs"], "1.5")
    with pytest.raises(ConfigError, match="schedule has no values to try; choose some"):
        parameter_of(fields["schedule"], [])
    assert json.dumps(parameter_of(fields["kernel_sizes"], "3;5")) == '{"choices": [[3], [5]]}'
