import dataclasses
import json
from typing import Annotated, Literal

import pytest
import streamlit as st
from pydantic import Field
from tones import write_folders

from affexion_core.config import config_class
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.submit import job_folder
from affexion_core.run_folder import fold_folders, read_config, read_json
from affexion_core.store.jobs import list_jobs
from affexion_core.store.runs import list_runs
from affexion_core.store.session import open_store
from affexion_core.training.run_config import from_preset, sections, with_settings
from affexion_ui import settings_form
from affexion_ui.setting_fields import apply_typed, same, setting_fields, shown
from affexion_ui.settings_form import PREFIX


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


def preset_config(name, crossval=False):
    return from_preset(load_plugin("presets", name).PRESET, crossval=crossval)


def field(at, name):
    """Find the control of a setting, whatever its kind."""
    kinds = ("number_input", "selectbox", "text_input", "toggle")
    found = [control for kind in kinds for control in at.get(kind) if control.key == PREFIX + name]
    assert len(found) == 1, name
    return found[0]


def error_words(at):
    return " ".join(error.value for error in at.error).replace("\\", "")


def test_an_empty_workspace_says_what_is_missing(workspace, open_page, words):
    at = open_page("train")
    assert not at.exception
    assert "No dataset to learn from yet" in words(at)
    assert not [button for button in at.button if button.key == "train-start"]


@pytest.mark.parametrize("preset", plugin_names("presets"))
def test_every_setting_of_every_recipe_has_a_control_with_its_value(preset, store, open_page):
    at = open_page("train", preset=preset, train="voices")
    assert not at.exception
    config = preset_config(preset)
    n = 0
    for section, part in sections(config).items():
        owner = config.model if section == "model" else section
        for setting in dataclasses.fields(part):
            control = field(at, f"{owner}.{setting.name}")
            value = getattr(part, setting.name)
            expected = ", ".join(map(str, value)) if isinstance(value, tuple) else value
            assert control.value == expected, setting.name
            n += 1
    assert n > 20


@config_class
class _Strange:
    """A Config as some plug-in of tomorrow might bring it."""

    rate: Annotated[float | None, Field(gt=0, le=2, description="Why not", json_schema_extra={"paper": 0.5})] = None
    sizes: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2)
    mode: Literal["a", "b"] | None = "a"
    pairs: dict[str, int] = dataclasses.field(default_factory=dict)
    flag: bool = True
    text: str = "12"


def test_a_config_nobody_has_seen_becomes_fields():
    config = dataclasses.replace(preset_config("linear"), model_config=_Strange())
    fields = {field.name: field for field in setting_fields(config)["model"]}
    assert {name: field.kind for name, field in fields.items()} == {
        "rate": "number",
        "sizes": "list",
        "mode": "choice",
        "pairs": "json",
        "flag": "switch",
        "text": "text",
    }
    assert fields["rate"].optional and fields["rate"].has_paper and fields["rate"].paper == 0.5
    assert fields["rate"].limits == "above 0, at most 2"
    assert fields["mode"].choices == ("a", "b", None)
    held = {"rate": 1.5, "sizes": "7, 9", "mode": None, "pairs": '{"x": 1}', "flag": False, "text": "34"}
    typed = {fields[name].key: value for name, value in held.items()}
    assert apply_typed(config, list(fields.values()), typed).model_config == _Strange(
        rate=1.5, sizes=(7, 9), mode=None, pairs={"x": 1}, flag=False, text="34"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("sizes", "1, two", "sizes.1 = 'two'"), ("pairs", "{", "is no JSON"), ("rate", 3.0, "less than or equal to 2")],
)
def test_what_is_typed_wrong_is_named(name, value, message):
    config = dataclasses.replace(preset_config("linear"), model_config=_Strange())
    fields = setting_fields(config)["model"]
    key = next(field.key for field in fields if field.name == name)
    with pytest.raises(ConfigError, match=message):
        apply_typed(config, fields, {key: value})


@pytest.mark.parametrize("preset", plugin_names("presets"))
def test_controls_left_alone_change_nothing(preset):
    config = preset_config(preset)
    for fields in setting_fields(config).values():
        held = {field.key: shown(field, field.default) for field in fields}
        assert apply_typed(config, fields, held) == config


def test_same_knows_numbers_lists_and_switches():
    assert same(15, 15.0) and same([3, 5], (3, 5))
    assert not same(1, True) and not same((3,), (3, 5)) and not same(0.0010000001, 0.001)


def test_an_encoder_that_is_missing_is_told_and_the_form_takes_another(store, open_page, tiny_encoders):
    at = open_page("train", preset="wav2vec2-mlp", train="voices")
    assert not at.exception and not at.error and not at.button("train-start").disabled
    field(at, "ssl.encoder").set_value("nobody/nothing").run()
    assert "The encoder 'nobody/nothing' is not on this machine" in error_words(at)
    assert at.button("train-start").disabled
    field(at, "ssl.encoder").set_value(str(tiny_encoders / "facebook" / "hubert-base-ls960")).run()
    assert not at.error and not at.button("train-start").disabled


def test_a_recipe_on_words_names_clips_without(store, open_page, tiny_encoders):
    at = open_page("train", preset="distilroberta-text", train="voices")
    assert "clips have no transcript" in error_words(at)
    assert at.button("train-start").disabled
    field(at, "text.missing").set_value("empty").run()
    assert not at.error and not at.button("train-start").disabled


def test_the_papers_value_stands_beside_and_differences_are_marked(store, open_page):
    at = open_page("train", preset="linear", train="voices")
    captions = [caption.value for caption in at.caption]
    assert ":material/difference: paper 15  \nrecipe 60" in captions
    field(at, "mfcc.n_mfcc").set_value(13).run()
    assert ":orange[:material/edit:] paper 25  \nrecipe 25" in [caption.value for caption in at.caption]


def test_a_bad_value_is_told_in_words_kept_and_blocks_the_start(store, open_page):
    at = open_page("train", preset="affexion-paper", train="voices")
    field(at, "training.epochs").set_value(0).run()
    field(at, "affexion.kernel_sizes").set_value("3, 4").run()
    assert not at.exception
    assert "epochs = 0: input should be greater than or equal to 1" in error_words(at)
    assert "kernel size 4 must be odd" in error_words(at)
    assert field(at, "training.epochs").value == 0
    assert field(at, "affexion.kernel_sizes").value == "3, 4"
    assert at.button("train-start").disabled
    field(at, "training.epochs").set_value(2).run()
    field(at, "affexion.kernel_sizes").set_value("3").run()
    assert not at.error
    assert not at.button("train-start").disabled


def test_another_recipe_resets_only_what_nobody_touched(store, open_page):
    at = open_page("train", preset="affexion-paper", train="voices")
    field(at, "training.learning_rate").set_value(0.5).run()
    at.selectbox("train:preset").set_value("linear").run()
    assert field(at, "training.learning_rate").value == 0.5
    assert field(at, "training.epochs").value == 60
    at.selectbox("train:preset").set_value("affexion-poster").run()
    assert field(at, "training.learning_rate").value == 0.5
    assert field(at, "training.epochs").value == 10
    assert field(at, "mfcc.n_mfcc").value == 13


def test_cross_validation_takes_the_recipes_own_settings_for_it(store, open_page):
    at = open_page("train", preset="affexion-paper", train="voices")
    assert field(at, "training.epochs").value == 15
    at.button_group("train:kind").set_value("cv").run()
    assert field(at, "training.epochs").value == 20


def test_nothing_typed_is_lost_on_a_change_of_page(store, open_page):
    at = open_page("train", preset="linear", train="voices", kind="cv", folds="3")
    field(at, "training.epochs").set_value(7).run()
    at.text_input("train:name").set_value("My run").run()
    at.query_params.clear()
    at.switch_page("pages/library.py").run()
    at.query_params.clear()
    at.switch_page("pages/train.py").run()
    assert not at.exception
    assert field(at, "training.epochs").value == 7
    assert at.text_input("train:name").value == "My run"
    assert at.number_input("train:folds").value == 3
    assert at.selectbox("train:preset").value == "linear"


def test_the_address_fills_the_page_in_after_a_reload(store, open_page):
    first = open_page("train", preset="linear", train="voices", test="people")
    field(first, "training.epochs").set_value(7).run()
    again = open_page("train", **dict(first.query_params))
    assert field(again, "training.epochs").value == 7
    assert again.selectbox("train:test").value == "people"


def test_an_address_the_browser_still_had_undoes_nothing(store, open_page):
    at = open_page("train", preset="linear", train="voices")
    before = dict(at.query_params)
    at.text_input("train:name").set_value("Typed first").run()
    at.query_params = before
    field(at, "training.epochs").set_value(7).run()
    assert at.text_input("train:name").value == "Typed first"
    assert field(at, "training.epochs").value == 7
    address = dict(at.query_params)
    assert "Typed first" in address["name"] and "epochs" in str(address["set"])


def test_what_is_typed_while_the_page_is_still_being_drawn_stays(store, open_page, monkeypatch):
    # cut short where the recipe is read, as by a key press in the first second of a cold start
    whole = settings_form.ask_settings
    monkeypatch.setattr(settings_form, "ask_settings", lambda recipe: st.stop())
    at = open_page("train", preset="linear", train="voices", name="From a link", set='{"training.epochs":9}')
    at.text_input("train:name").set_value("Typed early").run()
    monkeypatch.setattr(settings_form, "ask_settings", whole)
    at.number_input("train:seed").set_value(3).run()
    assert at.text_input("train:name").value == "Typed early"
    assert field(at, "training.epochs").value == 9, "what the link asked for and nobody touched"


def test_another_link_fills_the_page_in_anew(store, open_page):
    at = open_page("train", preset="linear", train="voices", name="One", set='{"training.epochs":9}')
    field(at, "training.learning_rate").set_value(0.5).run()
    at.query_params.clear()
    at.query_params["preset"] = "linear"
    at.query_params["train"] = "people"
    at.run()
    assert at.text_input("train:name").value == ""
    assert field(at, "training.epochs").value == 60
    assert field(at, "training.learning_rate").value != 0.5


@pytest.mark.parametrize(
    "address",
    [
        {"preset": "no-such", "train": "gone", "folds": "many", "seed": "-1", "kind": "odd", "group": "x"},
        {"set": "{not json"},
        {"set": '{"training.epochs": "ten", "training.schedule": 4, "mfcc.fmax": [1]}'},
        {"set": "[1]"},
    ],
)
def test_a_strange_address_is_no_crash(address, store, open_page):
    at = open_page("train", **address)
    assert not at.exception
    assert field(at, "training.epochs").value == 15


def test_what_it_costs_is_told_before(store, open_page, words):
    at = open_page("train", preset="linear", train="voices", kind="cv", folds="3")
    said = words(at)
    assert "3 folds, each 8 clips × 60 epochs" in said
    assert "No runs of the model “linear” on this machine yet, so no estimate" in said


def test_the_estimate_goes_by_earlier_runs(in_study, open_page, words):
    at = open_page("train", preset="linear", train="voices")
    assert "going by 2 runs of this model here" in words(at)


def test_a_leak_is_refused_until_it_is_allowed(store, open_page, words):
    at = open_page("train", preset="linear", train="voices", test="voices")
    assert "shares 12 clips" in error_words(at)
    assert at.button("train-start").disabled
    at.checkbox("train:leaks").check().run()
    assert not at.error
    assert "shares 12 clips" in words(at).replace("\\", "")
    assert not at.button("train-start").disabled
    at.checkbox("train:leaks").uncheck().run()
    assert at.button("train-start").disabled


def test_each_fold_shows_the_stamp_it_will_get(store, open_page):
    at = open_page("train", preset="linear", train="voices", kind="cv", folds="3")
    said = " ".join(str(caption.value) for caption in at.caption)
    assert "Folds 1 to 3, all alike" in said
    at = open_page("train", preset="linear", train="voices", kind="cv", folds="3", group="none")
    badges = " ".join(str(e.value) for e in at.markdown)
    assert "split leaky" in badges


@pytest.mark.parametrize(
    ("folds", "message"), [("9", "9 folds need 9 speakers; the dataset has 3"), ("1", "choose 2 or more")]
)
def test_folds_that_cannot_be_are_told(folds, message, store, open_page):
    at = open_page("train", preset="linear", train="voices", kind="cv", folds=folds, group="speaker")
    assert not at.exception
    assert message in error_words(at)
    assert at.button("train-start").disabled


def test_a_start_queues_what_was_chosen(store, open_page, engine_calls, words):
    settings = json.dumps({"training.epochs": 2, "linear.dropout": 0.1}) if _has_dropout() else '{"training.epochs":2}'
    at = open_page("train", preset="linear", train="voices", test="people", kind="cv", folds="3", set=settings)
    at.text_input("train:name").set_value("Three folds").run()
    assert at.button("train-start").label == "Start 3 folds"
    at.button("train-start").click().run()
    assert not at.exception
    assert "is queued" in words(at)
    parent = next(job for job in list_jobs(store) if job.parent is None)
    assert parent.state == "queued"
    assert len(list_jobs(store, parent=parent.id)) == 3
    assert engine_calls == [store.workspace]
    folder = job_folder(store, parent)
    assert len(fold_folders(folder)) == 3
    assert read_config(folder)["training"]["epochs"] == 2
    assert read_json(folder / "run.json")["name"] == "Three folds"
    assert list_runs(store)[0].test_dataset == "people"


def _has_dropout():
    return any(field.name == "dropout" for field in setting_fields(preset_config("linear"))["model"])


def test_the_echo_of_a_click_starts_nothing(store, open_page, engine_calls):
    at = open_page("train", preset="linear", train="voices")
    at.button("train-start").click().run()
    at.button("train-start").click().run()
    assert len(list_jobs(store)) == 1


def test_a_recipe_with_changes_comes_back_through_a_link(store):
    from affexion_ui.settings_form import differences

    base = preset_config("affexion-paper")
    changed = with_settings(base, {"epochs": 3, "kernel_sizes": [3, 9], "mfcc.fmax": 4000.0})
    assert differences(base, changed) == {
        "training.epochs": 3,
        "affexion.kernel_sizes": "3, 9",
        "mfcc.fmax": 4000.0,
    }
    with pytest.raises(ConfigError, match="other parts than the recipe"):
        differences(base, preset_config("linear"))
