import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.svm import SVR, LinearSVR
from tiny_encoders import HOLD_ENCODERS

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError
from affexion_core.evaluation.dimensions import concordance
from affexion_core.training.batches import prepare
from affexion_core.training.dimensions import check_recipe, scale_values, unit_values
from affexion_core.training.fit import Examples, fit
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.model_file import TrainedModel, load_model, save_model
from affexion_core.training.run_config import config_from_json, config_to_json, from_preset, with_settings
from affexion_core.training.targets import ccc_loss, label_loss, squared_loss, target_loss
from affexion_core.types import Scheme

AROUSAL, VALENCE = Scheme("arousal", low=1.0, high=7.0), Scheme("valence", low=0.0, high=1.0)
LEARN = {"dev_fraction": 0, "early_stopping": 0, "batch_size": 8, "sampling": "none", "schedule": "none"}
# those trained by gradient, on features; models that hold an encoder are tried below on what they read
BY_GRADIENT = [
    name
    for name in plugin_names("models")
    if name not in HOLD_ENCODERS and not hasattr(load_plugin("models", name), "fit")
]


def recipe(preset="linear", **settings):
    return with_settings(from_preset(load_plugin("presets", preset).PRESET), settings)


def of_model(model, **settings):
    """The linear baseline's recipe with another model."""
    config = recipe(**LEARN, **settings)
    return dataclasses.replace(config, model=model, model_config=load_plugin("models", model).Config())


def moving_clips(n=8, width=75):
    """Make clips whose level is one dimension; the other has a value for every second clip."""
    draw = np.random.default_rng(0)
    level = np.linspace(-0.8, 0.8, n)
    clips = [(draw.normal(size=(20 + i, width)).astype(np.float32) * 0.3 + np.float32(level[i] * 2),) for i in range(n)]
    values = np.stack([level, np.where(np.arange(n) % 2, -level, np.nan)], axis=1).astype(np.float32)
    return Examples(clips, [int(value > 0) for value in level], None, values)


def test_the_loss_is_one_minus_ccc_by_numpy():
    draw = np.random.default_rng(0)
    outputs, wanted = draw.normal(size=(9, 2)), draw.uniform(-1, 1, size=(9, 2))
    wanted[3, 0] = wanted[[1, 5], 1] = np.nan
    expected = np.mean(
        [1 - concordance(w[np.isfinite(w)], o[np.isfinite(w)])[0, 0] for o, w in zip(outputs.T, wanted.T, strict=True)]
    )
    found = ccc_loss(torch.from_numpy(outputs), torch.from_numpy(wanted))
    assert found.item() == pytest.approx(expected, abs=1e-10)
    known = np.isfinite(wanted)
    squared = squared_loss(torch.from_numpy(outputs), torch.from_numpy(wanted)).item()
    assert squared == pytest.approx(((outputs - wanted)[known] ** 2).mean())


def test_clips_without_a_value_move_nothing():
    wanted = torch.tensor([[0.5], [float("nan")], [-0.5], [0.1]])
    for loss in (ccc_loss, squared_loss):
        outputs = torch.tensor([[0.3], [9.0], [-0.1], [0.2]], requires_grad=True)
        loss(outputs, wanted).backward()
        assert outputs.grad.isfinite().all() and outputs.grad[1] == 0 and (outputs.grad[[0, 2]] != 0).all()
        empty = torch.ones(3, 1, requires_grad=True)
        nothing = loss(empty, torch.full((3, 1), float("nan")))
        nothing.backward()
        assert nothing.item() == 0 and (empty.grad == 0).all()
    still = torch.ones(4, 1, requires_grad=True)
    ccc_loss(still, torch.ones(4, 1)).backward()  # no spread on either side
    assert still.grad.isfinite().all()


def test_label_and_dimensions_add_up_by_the_weight():
    draw = torch.Generator().manual_seed(0)
    outputs, targets = torch.randn(6, 5, generator=draw), torch.tensor([0, 1, 2, 0, 1, 2])
    values = np.random.default_rng(0).uniform(-1, 1, size=(6, 2)).astype(np.float32)
    settings = recipe(targets="joint", dimension_weight=3).training
    expected = label_loss(outputs[:, :3], targets, None, None) + 3 * ccc_loss(outputs[:, 3:], torch.from_numpy(values))
    assert target_loss(outputs, targets, None, values, None, settings).item() == pytest.approx(expected.item())
    alone = target_loss(outputs[:, 3:], targets, None, values, None, settings).item()
    assert alone == pytest.approx(ccc_loss(outputs[:, 3:], torch.from_numpy(values)).item())
    assert target_loss(outputs, targets, None, None, None, settings) == label_loss(outputs, targets, None, None)


@given(st.lists(st.tuples(st.floats(1, 7), st.floats(0, 1)), min_size=1, max_size=9))
def test_values_come_back_from_the_unit_range(pairs):
    said = [{"arousal": arousal, "valence": valence} for arousal, valence in pairs]
    rows = unit_values(said, (AROUSAL, VALENCE))
    assert rows.dtype == np.float32 and np.abs(rows).max() <= 1
    np.testing.assert_allclose(scale_values(rows, (AROUSAL, VALENCE)), pairs, atol=1e-5)


def test_missing_values_are_nan_and_answers_stay_in_range():
    rows = unit_values([{"valence": 1.0}, None, {}], (AROUSAL, VALENCE))
    assert np.isnan(rows).tolist() == [[True, False], [True, True], [True, True]] and rows[0, 1] == 1
    assert scale_values(np.array([[-3.0, 0.0], [9.0, 0.5]]), (AROUSAL, VALENCE)).tolist() == [[1, 0.5], [7, 0.75]]


@pytest.mark.parametrize("model", BY_GRADIENT)
def test_every_model_learns_a_few_clips_by_heart(model):
    data = moving_clips()
    epochs = 150 if model == "fusion" else 40  # it leaves out half of what it knows at each step
    fitted = fit(data, 2, of_model(model, targets="dimensions", epochs=epochs, learning_rate=0.005))
    assert "train_accuracy" not in fitted.history[-1]
    clips = [prepare(clip, recipe().inputs, fitted.normalisation) for clip in data.features]
    outputs = outputs_of(fitted.model, clips)[0]
    for heard, said in zip(outputs.T, data.values.T, strict=True):
        known = np.isfinite(said)
        assert concordance(said[known], heard[known])[0, 0] > 0.7
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]


@pytest.mark.parametrize("targets", ["dimensions", "joint"])
def test_models_that_hold_an_encoder_learn_them_as_well(tiny_encoders, targets):
    from affexion_core.features import waveform
    from affexion_core.types import Utterance

    draw, level = np.random.default_rng(0), np.linspace(-0.8, 0.8, 6)
    signals = [np.sin(np.arange(4000) / (6 + 20 * (1 + a))) * 0.3 + draw.normal(size=4000) * 0.02 for a in level]
    clips = [(waveform.extract(Utterance(s.astype(np.float32), 16_000), waveform.Config()),) for s in signals]
    data = Examples(clips, [int(a > 0) for a in level], None, level[:, None].astype(np.float32))
    settings = {"epochs": 4, "learning_rate": 0.002, "accumulate": 1, "batch_size": 6, "targets": targets}
    config = recipe("wav2vec2-finetune", **{**LEARN, **settings})
    fitted = fit(data, 3 if targets == "joint" else 1, config)
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"]


def test_ridge_on_functionals_is_scikit_learns_and_labels_stay_as_they_were():
    data = moving_clips(24)
    joint = fit(data, 4, of_model("logreg", targets="joint"))
    labels = fit(dataclasses.replace(data, values=None), 2, of_model("logreg"))
    clips = [prepare(clip, recipe().inputs, joint.normalisation) for clip in data.features]
    outputs, plain = outputs_of(joint.model, clips)[0], outputs_of(labels.model, clips)[0]
    np.testing.assert_allclose(softmax(outputs[:, :2]), softmax(plain), atol=1e-6)
    rows = np.stack([np.concatenate([clip[0].mean(0), clip[0].std(0)]) for clip in clips]).astype(np.float64)
    rows = (rows - rows.mean(0)) / rows.std(0)
    for place in range(2):
        known = np.isfinite(data.values[:, place])
        golden = Ridge(alpha=100).fit(rows[known], data.values[known, place]).predict(rows)
        np.testing.assert_allclose(outputs[:, 2 + place], golden, atol=2e-3)
    assert set(joint.history[0]) >= {"train_accuracy", "train_uar", "train_ccc"}


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_support_vector_regression_is_scikit_learns_and_labels_stay_as_they_were(kernel):
    data = moving_clips(24)
    settings = {"kernel": kernel, "value_cost": 0.5, "tolerance": 0.05, "cost": 1.0}
    config = with_settings(of_model("svm", targets="joint"), {f"model.{key}": each for key, each in settings.items()})
    joint = fit(data, 4, config)
    labels = fit(dataclasses.replace(data, values=None), 2, with_settings(config, {"targets": "hard"}))
    numbers = fit(data, 2, with_settings(config, {"targets": "dimensions"}))
    clips = [prepare(clip, recipe().inputs, joint.normalisation) for clip in data.features]
    outputs, alone = outputs_of(joint.model, clips)[0], outputs_of(numbers.model, clips)[0]
    np.testing.assert_allclose(outputs[:, :2], outputs_of(labels.model, clips)[0], atol=1e-4)
    np.testing.assert_allclose(outputs[:, 2:], alone, atol=1e-4)
    rows = np.stack([np.concatenate([clip[0].mean(0), clip[0].std(0)]) for clip in clips]).astype(np.float64)
    rows = (rows - rows.mean(0)) / rows.std(0)
    for place in range(2):
        known = np.isfinite(data.values[:, place])
        golden = (
            LinearSVR(C=0.5, epsilon=0.05, loss="squared_epsilon_insensitive", dual=True, random_state=0)
            if kernel == "linear"
            else SVR(C=0.5, epsilon=0.05, gamma=1 / rows.shape[1])
        )
        wanted = golden.fit(rows[known], data.values[known, place]).predict(rows)
        np.testing.assert_allclose(alone[:, place], wanted, atol=5e-3)


@pytest.mark.parametrize("model", ["svm", "affexion-next", "logreg"])
def test_a_dimension_nobody_judged_is_the_middle_and_the_file_says_all(model, tmp_path):
    data = moving_clips(16)
    values = np.concatenate([data.values, np.full((16, 1), np.nan, dtype=np.float32)], axis=1)
    config = of_model(model, targets="dimensions")
    for kernel in ("linear", "rbf") if model == "svm" else (None,):
        if kernel:
            config = with_settings(config, {"model.kernel": kernel, "model.value_cost": 1.0})
        fitted = fit(dataclasses.replace(data, values=values), 3, config)
        three = (AROUSAL, VALENCE, Scheme("dominance", low=1.0, high=7.0))
        save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, (), three))
        clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in data.features]
        outputs = outputs_of(load_model(tmp_path).model, clips)[0]
        np.testing.assert_array_equal(outputs, outputs_of(fitted.model, clips)[0])
        assert (outputs[:, 2] == 0).all() and concordance(values[:, 0], outputs[:, 0])[0, 0] > 0.5


def test_a_joint_model_is_kept_and_read_back(tmp_path):
    config, data = recipe(targets="joint", epochs=2), moving_clips()
    fitted = fit(data, 4, config)
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b"), (AROUSAL, VALENCE)))
    again = load_model(tmp_path)
    assert (again.labels, again.dimensions) == (("a", "b"), (AROUSAL, VALENCE))
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in data.features]
    np.testing.assert_array_equal(outputs_of(again.model, clips)[0], outputs_of(fitted.model, clips)[0])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (lambda: recipe(targets="joint", mixup=0.2), "set it to 0"),
        (lambda: recipe(targets="dimensions", method="prior"), "'prior' corrects shares of labels"),
        (lambda: recipe(targets="dimensions", batch_size=1), "batch_size to 8 or more"),
    ],
)
def test_what_cannot_go_together_says_what_to_do(config, words):
    with pytest.raises(ConfigError, match=words):
        check_recipe(config())
    with pytest.raises(ConfigError, match=words):
        prior = config().adaptation.method == "prior"
        fit(moving_clips(), 2, config(), target=moving_clips().features if prior else ())


def test_a_model_that_learns_labels_alone_names_those_that_learn_numbers(monkeypatch):
    monkeypatch.delattr(load_plugin("models", "svm"), "fit_values")
    with pytest.raises(ConfigError, match="can't learn numbers") as refused:
        check_recipe(of_model("svm", targets="joint"))
    able = str(refused.value).rstrip(".").split(": ")[1].split(", ")
    assert {"affexion-next", "logreg", "linear", "crnn"} < set(able) and "svm" not in able


def test_names_of_dimensions_may_be_written_in_a_line_and_old_recipes_are_read():
    config = recipe(targets="joint", dimensions="arousal, valence")
    assert config.training.dimensions == ("arousal", "valence")
    values = config_to_json(config)
    assert config_from_json(values) == config
    for name in ("dimensions", "dimension_loss", "dimension_weight"):
        del values["training"][name]
    assert config_from_json(values).training.dimensions == ()
