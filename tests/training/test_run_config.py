import json

import pytest

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError
from affexion_core.training.run_config import config_from_json, config_to_json, from_preset, with_settings


def recipe(name: str = "affexion-paper", **options):
    return from_preset(load_plugin("presets", name).PRESET, **options)


def test_the_paper_preset_is_the_papers():
    config = recipe()
    mfcc, model, training = config.front_ends[0].config, config.model_config, config.training
    assert (mfcc.n_mfcc, mfcc.deltas, mfcc.hop_length) == (25, 2, 160)
    assert (model.channels, tuple(model.kernel_sizes), model.conv_dropout) == (64, (3, 5, 7), 0.2)
    assert (model.hidden, model.lstm_layers, model.dropout) == (128, 2, 0.3)
    assert (training.epochs, training.learning_rate, training.schedule) == (15, 1e-3, "step")
    assert (training.step_size, training.gamma, config.inputs.max_len) == (10, 0.5, 1000)
    assert recipe(crossval=True).training.epochs == 20


def test_the_poster_preset_is_the_posters():
    config = recipe("affexion-poster")
    assert (config.front_ends[0].config.n_mfcc, config.inputs.max_len, config.training.epochs) == (13, 200, 10)


@pytest.mark.parametrize("name", plugin_names("presets"))
def test_every_preset_survives_json(name):
    config = recipe(name, seed=7)
    assert config_from_json(json.loads(json.dumps(config_to_json(config)))) == config
    assert load_plugin("presets", name).PRESET.name == name


def test_settings_change_by_name_and_are_checked():
    config = with_settings(
        recipe(), {"epochs": "3", "n_mfcc": "13", "model.dropout": "0.4", "class_weights": "balanced"}
    )
    assert config.training.epochs == 3 and config.front_ends[0].config.n_mfcc == 13
    assert config.model_config.dropout == 0.4 and config.training.class_weights == "balanced"
    assert recipe().training.epochs == 15


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": "0"}, r"epochs = 0: input should be greater than or equal to 1"),
        ({"epochs": "many"}, r"epochs = 'many': input should be a valid integer"),
        ({"color": "red"}, r"There is no setting 'color'. Choose .*batch_size.*epochs"),
        ({"class_weights": "heavy"}, r"class_weights = 'heavy'.*'none' or 'balanced'"),
        ({"learning_rate": "NaN"}, r"learning_rate = nan: input should be a finite number"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        with_settings(recipe(), settings)


def test_a_damaged_recipe_is_a_clear_error():
    values = config_to_json(recipe())
    del values["training"]
    with pytest.raises(ConfigError, match="lacks or misshapes 'training'"):
        config_from_json(values)
    with pytest.raises(ConfigError, match="There is no preset 'nothing'. Choose .*affexion-paper"):
        load_plugin("presets", "nothing")
