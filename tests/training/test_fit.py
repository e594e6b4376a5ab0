import dataclasses

import numpy as np
import pytest
import torch
from tiny_encoders import HOLD_ENCODERS

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ModelError, TrainingError
from affexion_core.training.batches import fit_normalisation, prepare, shuffled_batches
from affexion_core.training.direct import fits_directly
from affexion_core.training.fit import Examples, fit
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.model_file import TrainedModel, load_model, save_model
from affexion_core.training.run_config import InputConfig, from_preset, with_settings


def examples(n: int = 12, n_features: int = 75, seed: int = 0) -> Examples:
    """Clips whose label shows in a few channels, with lengths that differ."""
    rng = np.random.default_rng(seed)
    features, targets = [], []
    for i in range(n):
        frames = rng.normal(size=(int(rng.integers(20, 60)), n_features)).astype(np.float32) * 5 + 3
        frames[:, i % 2] += 6
        features.append((frames,))
        targets.append(i % 2)
    return Examples(features, targets)


# the others read tokens or signals; tests/models/test_encoder_models.py trains them
ON_FEATURES = [name for name in plugin_names("presets") if name not in HOLD_ENCODERS]


def recipe(preset: str, **settings):
    config = from_preset(load_plugin("presets", preset).PRESET)
    small = {"hidden": 16, "channels": 8, "dense": 16} if config.model == "affexion" else {}
    small |= {"hidden": 16, "copies": 0} if config.model == "crnn" else {}
    return with_settings(config, {"epochs": 25, "batch_size": 4, "early_stopping": 0, **small, **settings})


@pytest.mark.parametrize("preset", ON_FEATURES)
def test_every_preset_overfits_a_few_clips(preset):
    data = examples()
    fitted = fit(data, 2, recipe(preset))
    clips = [prepare(c, recipe(preset).inputs, fitted.normalisation) for c in data.features]
    assert (outputs_of(fitted.model, clips)[0].argmax(1) == data.targets).all()
    if fits_directly(recipe(preset).model):
        assert len(fitted.history) == 1 and fitted.history[0]["train_loss"] < np.log(2)
    else:
        assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"] / 2


@pytest.mark.parametrize("preset", ON_FEATURES)
def test_same_seed_same_numbers_and_another_seed_others(preset):
    runs = [fit(examples(), 2, recipe(preset, epochs=2)) for _ in range(2)]
    first, second = ({k: v for k, v in run.model.state_dict().items()} for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    losses = [[row["train_loss"] for row in run.history] for run in runs]
    assert losses[0] == losses[1]
    if fits_directly(recipe(preset).model):
        return  # there is nothing to draw
    other = fit(examples(), 2, dataclasses.replace(recipe(preset, epochs=2), seed=1))
    assert [row["train_loss"] for row in other.history] != losses[0]


def test_history_tells_the_schedule_and_the_summed_loss():
    rows = []
    fit(examples(), 2, recipe("linear", epochs=4, step_size=2, learning_rate=0.01), on_epoch=rows.append)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["learning_rate"] for row in rows] == [0.01, 0.01, 0.005, 0.005]
    assert all(row["train_loss_sum"] == pytest.approx(row["train_loss"] * 3, rel=0.2) for row in rows)


def test_statistics_come_from_the_kept_frames_of_the_training_clips():
    data = examples(3)
    normalisation = fit_normalisation(data.features, InputConfig(max_len=10))
    stacked = np.concatenate([clip[0][:10] for clip in data.features]).astype(np.float64)
    np.testing.assert_allclose(normalisation.means[0], stacked.mean(0), rtol=1e-5)
    np.testing.assert_allclose(normalisation.deviations[0], stacked.std(0), rtol=1e-5)
    prepared = prepare(data.features[0], InputConfig(max_len=10, normalisation="clip"), normalisation)[0]
    np.testing.assert_allclose(prepared.mean(0), 0, atol=1e-5)
    assert prepared.shape == (10, 75)


def test_batches_hold_every_clip_once_with_its_own_target():
    data = examples(37)
    seen = {}
    generator = torch.Generator().manual_seed(0)
    for batch in shuffled_batches([tuple(c) for c in data.features], data.targets, 4, generator):
        for place, row in enumerate(batch.rows):
            n = int(batch.lengths[0][place])
            np.testing.assert_array_equal(batch.inputs[0][place, :n].numpy(), data.features[row][0])
            assert (batch.inputs[0][place, n:] == 0).all()
            seen[row] = int(batch.targets[place])
    assert seen == dict(enumerate(data.targets))


def test_early_stopping_keeps_the_best_weights():
    config = recipe("linear", epochs=60, early_stopping=2, learning_rate=0.3)
    dev = examples(12, seed=5)
    fitted = fit(examples(), 2, config, dev)
    assert len(fitted.history) < 60
    best = min(row["dev_loss"] for row in fitted.history)
    clips = [prepare(c, InputConfig(), fitted.normalisation) for c in dev.features]
    logits = torch.from_numpy(outputs_of(fitted.model, clips)[0])
    assert torch.nn.functional.cross_entropy(logits, torch.tensor(dev.targets)).item() == pytest.approx(best, rel=1e-4)


def test_early_stopping_without_a_dev_part_is_a_clear_error():
    with pytest.raises(TrainingError, match="early_stopping needs a dev part; set dev_fraction"):
        fit(examples(), 2, recipe("linear", early_stopping=3))


def test_balanced_weights_lift_the_rare_label():
    rng = np.random.default_rng(0)
    features = [(rng.normal(size=(30, 75)).astype(np.float32),) for _ in range(40)]
    targets = [1 if i < 4 else 0 for i in range(40)]
    rates = {}
    for weights in ("none", "balanced"):
        config = recipe("linear", epochs=3, class_weights=weights, learning_rate=0.001)
        fitted = fit(Examples(features, targets), 2, config)
        clips = [prepare(c, InputConfig(), fitted.normalisation) for c in features]
        rates[weights] = softmax(outputs_of(fitted.model, clips)[0])[:, 1].mean()
    assert rates["balanced"] > rates["none"]


def test_a_model_file_gives_back_the_same_outputs(tmp_path):
    data = examples()
    config = recipe("affexion-poster", epochs=2)
    fitted = fit(data, 2, config)
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b")))
    loaded = load_model(tmp_path)
    assert loaded.labels == ("a", "b") and loaded.config == config
    clips = [prepare(c, config.inputs, fitted.normalisation) for c in data.features]
    again = [prepare(c, config.inputs, loaded.normalisation) for c in data.features]
    np.testing.assert_array_equal(outputs_of(fitted.model, clips)[0], outputs_of(loaded.model, again)[0])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "model.json").unlink(), "holds no trained model"),
        (lambda f: (f / "model.json").write_text("{"), "can't be read"),
        (lambda f: (f / "model.json").write_text('{"format": 99}'), "format 99; this version reads format 1"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 100), "can't be used"),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-50]),
            "can't be used",
        ),
        (
            lambda f: (f / "model.json").write_text((f / "model.json").read_text().replace('"a"', '"a", "c"')),
            "can't be used.*size mismatch|can't be used",
        ),
    ],
)
def test_a_damaged_model_is_a_clear_error(tmp_path, damage, message):
    config = recipe("linear", epochs=1)
    fitted = fit(examples(), 2, config)
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b")))
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)
