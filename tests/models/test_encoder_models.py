"""Models that hold a pretrained encoder, and models upon embeddings: voice, words, and both."""

import dataclasses
import shutil

import numpy as np
import pytest
import torch
from tiny_encoders import HOLD_ENCODERS

from affexion_core.config import plain
from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, ModelError
from affexion_core.features import text, waveform
from affexion_core.models import fusion, mlp, wav2vec2_finetune
from affexion_core.training.batches import prepare
from affexion_core.training.fit import Examples, fit
from affexion_core.training.forward import outputs_of, results_of
from affexion_core.training.model_file import TrainedModel, load_model, save_model
from affexion_core.training.pinning import pinned
from affexion_core.training.run_config import config_from_json, config_to_json, from_preset, with_settings
from affexion_core.types import Utterance

SENTENCES = ("I am so bored", "say the word", "it is eleven o clock", "I am happy", "so sad", "the angry word is it")


def recipe(name, **values):
    config = from_preset(load_plugin("presets", name).PRESET)
    small = {"epochs": 2, "dev_fraction": 0, "early_stopping": 0, "batch_size": 3, "learning_rate": 0.003}
    return with_settings(config, {**small, **values})


def clips_for(name, n=6):
    """Make clips of two labels that differ in loudness and words."""
    draw = np.random.default_rng(0)
    clips = []
    for i in range(n):
        if name == "distilroberta-text":
            row = text.extract(Utterance(np.zeros(1, np.float32), 16_000, SENTENCES[i % 6]), text.Config())
        else:
            t = np.arange(int(draw.integers(2_000, 6_000)))
            signal = np.sin(t / (3 if i % 2 else 30)) * 0.3 + draw.normal(size=len(t)) * 0.02
            row = waveform.extract(Utterance(signal.astype(np.float32), 16_000), waveform.Config())
        clips.append((row,))
    return Examples(clips, [i % 2 for i in range(n)])


@pytest.fixture(params=HOLD_ENCODERS)
def name(request, tiny_encoders):
    return request.param


def make(name, **values):
    torch.manual_seed(0)
    plugin, config = load_plugin("models", name), recipe(name, **values)
    clips = clips_for(name).features
    return plugin.Model(config.model_config, (clips[0][0].shape[1],), 2), [torch.from_numpy(clip[0]) for clip in clips]


def padded(clips, more, value):
    lengths = torch.tensor([len(clip) for clip in clips])
    batch = torch.full((len(clips), int(lengths.max()) + more, clips[0].shape[1]), value)
    for row, clip in enumerate(clips):
        batch[row, : len(clip)] = clip
    return (batch,), (lengths,)


@pytest.mark.parametrize("value", [0.0, 1e6, float("nan")])
def test_padding_and_neighbours_never_change_an_output(name, value):
    model, clips = make(name)
    model.eval()
    together = model(*padded(clips, 7, value)).outputs
    assert together.shape == (6, 2)
    for row, clip in enumerate(clips):
        alone = model(*padded([clip], 0, 0.0)).outputs[0]
        torch.testing.assert_close(together[row], alone, atol=2e-5, rtol=1e-4)


def test_the_encoder_inside_gives_what_the_library_gives(name, tiny_encoders):
    transformers = pytest.importorskip("transformers")
    model, clips = make(name)
    model.eval()
    found = model(*padded(clips[:1], 0, 0.0)).embedding[0]
    if name == "distilroberta-text":
        whole = transformers.AutoModel.from_pretrained(tiny_encoders / "distilbert" / "distilroberta-base").eval()
        states = whole(input_ids=clips[0][:, 0].long()[None]).last_hidden_state
    else:
        folder = tiny_encoders / "facebook" / "wav2vec2-base"
        reader = transformers.AutoFeatureExtractor.from_pretrained(folder)
        inputs = reader(clips[0].flatten().numpy(), sampling_rate=16_000, return_tensors="pt")
        states = transformers.AutoModel.from_pretrained(folder).eval()(inputs.input_values).last_hidden_state
    torch.testing.assert_close(found, states[0].mean(0), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_reach_what_learns_and_nothing_else(name, checkpointing):
    frozen = {"freeze_layers": 1, "gradient_checkpointing": checkpointing}
    model, clips = make(name, **frozen)
    torch.nn.functional.cross_entropy(model.train()(*padded(clips, 0, 0.0)).outputs, torch.arange(6) % 2).backward()
    groups = model.parameter_groups(1e-4)
    learning = {id(values) for group in groups for values in group["params"]}
    assert [group["lr"] for group in groups] == [2e-3, 1e-4]
    for part, values in model.named_parameters():
        assert (id(values) in learning) == values.requires_grad, part
        assert (values.grad is not None and values.grad.isfinite().all()) or not values.requires_grad, part
    first, last = ("encoder.layers.0", "encoder.layers.1") if name != HOLD_ENCODERS[0] else (
        "encoder.layer.0", "encoder.layer.1")  # fmt: skip
    by_part = {part: values.requires_grad for part, values in model.encoder.named_parameters()}
    assert not any(learns for part, learns in by_part.items() if part.startswith(first))
    assert all(learns for part, learns in by_part.items() if part.startswith(last))
    with pytest.raises(ConfigError, match="freeze_layers = 3: the encoder has 2 layers"):
        make(name, freeze_layers=3)


def test_checkpointing_changes_no_number(name):
    grads = []
    for checkpointing in (False, True):
        model, clips = make(name, gradient_checkpointing=checkpointing)
        torch.manual_seed(1)
        model.train()(*padded(clips, 0, 0.0)).outputs.square().sum().backward()
        grads.append({part: values.grad for part, values in model.named_parameters() if values.grad is not None})
    assert set(grads[0]) == set(grads[1])
    for part, values in grads[0].items():
        torch.testing.assert_close(values, grads[1][part], atol=1e-6, rtol=1e-4, msg=part)


def test_it_learns_a_few_clips_by_heart(name):
    data = clips_for(name)
    fitted = fit(data, 2, recipe(name, epochs=25, learning_rate=0.002, sampling="none", accumulate=1))
    clips = [prepare(clip, recipe(name).inputs, fitted.normalisation) for clip in data.features]
    assert (outputs_of(fitted.model, clips)[0].argmax(1) == data.targets).all()


def test_a_stopped_training_ends_with_the_same_numbers(name, tmp_path):
    data, config = clips_for(name), recipe(name, epochs=3)

    def stop(row):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    whole = fit(data, 2, config)
    with pytest.raises(KeyboardInterrupt):
        fit(data, 2, config, on_epoch=stop, checkpoints=tmp_path)
    again = fit(data, 2, config, checkpoints=tmp_path)
    for one, other in zip(whole.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_run_folder_needs_no_encoder(name, tmp_path, encoder_folder, monkeypatch):
    place = tmp_path / "encoders"
    shutil.copytree(encoder_folder, place)
    monkeypatch.setenv("AFFEXION_ENCODERS", str(place))
    data, config = clips_for(name), pinned(recipe(name))
    assert config == pinned(config) == config_from_json(config_to_json(config))
    fitted = fit(data, 2, config)
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b")))
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in data.features]
    expected = outputs_of(fitted.model, clips)[0]
    shutil.rmtree(place)
    loaded = load_model(tmp_path)
    np.testing.assert_array_equal(outputs_of(loaded.model, clips)[0], expected)
    with pytest.raises(ModelError, match="is not on this machine"):
        pinned(config)


@pytest.mark.parametrize("weights", ["none", "balanced"])
@pytest.mark.parametrize("soft", [False, True])
def test_batches_of_one_added_up_learn_as_one_large_batch(weights, soft):
    draw = np.random.default_rng(0)
    shares = draw.dirichlet((1, 1), size=6).astype(np.float32) if soft else None
    features = [(draw.normal(size=(9, 4)).astype(np.float32),) for _ in range(6)]
    data = Examples(features, [0, 0, 0, 0, 1, 1], shares)
    together, apart, rest = (
        fit(data, 2, recipe("linear", epochs=3, class_weights=weights, batch_size=size, accumulate=n)).model
        for size, n in ((6, 1), (1, 6), (4, 9))
    )
    for one, other, third in zip(together.parameters(), apart.parameters(), rest.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(one, third, atol=1e-5, rtol=1e-4)


def test_a_token_of_another_vocabulary_is_named(tiny_encoders):
    model, _ = make("distilroberta-text")
    with pytest.raises(ModelError, match="Token 400 is not in the vocabulary .* name the same encoder"):
        model((torch.tensor([[[4.0], [400.0]]]),), (torch.tensor([2]),))


def test_whisper_inside_is_refused(tmp_path, tiny_encoders):
    from tiny_encoders import save_speech

    save_speech(tmp_path / "whisper", "whisper")
    with pytest.raises(ConfigError, match="use the front-end ssl"):
        wav2vec2_finetune.Model(wav2vec2_finetune.Config(encoder=str(tmp_path / "whisper")), (320,), 2)


def test_layer_weights_find_the_layer_that_tells():
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(40, 5, 8)).astype(np.float32)
    targets = [i % 2 for i in range(40)]
    rows[:, 3, 0] += np.where(np.array(targets), 3.0, -3.0)
    config = with_settings(
        recipe("wav2vec2-mlp", epochs=40, learning_rate=0.02),
        {"layer_weights": True, "model.hidden": "8", "model.dropout": 0},
    )
    fitted = fit(Examples([(clip,) for clip in rows], targets), 2, config)
    weights = fitted.model.layer_weights[0][:5].detach().softmax(0)
    assert int(weights.argmax()) == 3 and weights[3] > 0.3
    with pytest.raises(ModelError, match="at most 64 rows a clip"):
        fitted.model((torch.zeros(1, 65, 8),), (torch.tensor([65]),))


def fusion_batch(missing=()):
    torch.manual_seed(0)
    voice, words = torch.randn(4, 1, 6), torch.randn(4, 1, 3)
    lengths = [torch.ones(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)]
    for row, which in missing:
        lengths[which][row] = 0
        (voice, words)[which][row] = float("nan")
    return (voice, words), tuple(lengths)


def test_fusion_says_what_each_input_would_have_said_and_how_much_it_counted():
    model = fusion.Model(fusion.Config(hidden=8), (6, 3), 2).eval()
    inputs, lengths = fusion_batch()
    whole = model(inputs, lengths)
    torch.testing.assert_close(whole.shares.sum(1), torch.ones(4))
    torch.testing.assert_close(whole.outputs, (whole.shares[..., None] * whole.alone).sum(1))
    without, there = fusion_batch(missing=((1, 1), (2, 0)))
    partly = model(without, there)
    assert partly.shares[1].tolist() == [1, 0] and partly.shares[2].tolist() == [0, 1]
    torch.testing.assert_close(partly.outputs[[0, 3]], whole.outputs[[0, 3]])
    torch.testing.assert_close(partly.outputs[1], whole.alone[1, 0])
    nothing = (without[0], torch.zeros(4, 0, 3))
    alone = model((torch.nan_to_num(nothing[0]), nothing[1]), (lengths[0], torch.zeros(4, dtype=torch.int64)))
    assert (alone.shares[:, 1] == 0).all() and alone.outputs.isfinite().all()
    with pytest.raises(ModelError, match="from 0 to 1 frames"):
        model(*fusion_batch(missing=((1, 0), (1, 1))))


def test_fusion_learns_from_voice_and_words_and_does_with_either():
    draw = np.random.default_rng(1)
    targets = [i % 2 for i in range(80)]
    clips = []
    for i, target in enumerate(targets):
        sign = 1.0 if target else -1.0
        voice = (draw.normal(size=(1, 6)) + sign).astype(np.float32)
        words = (draw.normal(size=(1, 3)) + 2 * sign).astype(np.float32)
        clips.append((voice, words if i % 5 else words[:0]))
    config = recipe("fusion", epochs=30, learning_rate=0.01, batch_size=16)
    fitted = fit(Examples(clips, targets), 2, config)
    ready = [prepare(clip, config.inputs, fitted.normalisation) for clip in clips]
    for which in (slice(None), 0, 1):
        kept = [tuple(x if which in (slice(None), k) else x[:0] for k, x in enumerate(clip)) for clip in ready]
        kept = [clip if any(len(x) for x in clip) else ready[i] for i, clip in enumerate(kept)]
        found = results_of(fitted.model, kept)
        assert (found.outputs.argmax(1) == targets).mean() > 0.8
        assert found.shares.shape == (80, 2) and found.alone.shape == (80, 2, 2)
    assert (results_of(fitted.model, ready).shares[::5, 1] == 0).all()


def test_settings_of_the_models_survive_json():
    for plugin in (mlp, fusion, wav2vec2_finetune):
        config = plugin.Config()
        assert dataclasses.is_dataclass(config) and plugin.Config(**plain(config)) == config
