"""Attention, deletion and gradients on models whose answer is known to rest on one moment of the input."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from affexion_core.discovery import load_plugin
from affexion_core.errors import LabelError, ModelError
from affexion_core.explain.attention import (
    attention_of,
    attention_rows,
    evenness,
    most_attended,
    quiet_frames,
    relative,
)
from affexion_core.explain.deletion import (
    LEAST,
    MOST,
    MOVED,
    ORDERS,
    RANDOM,
    chosen_frames,
    deletion,
    deletion_from_json,
    deletion_json,
    verdict,
)
from affexion_core.explain.gradients import integrated_gradients
from affexion_core.models._output import ModelOutput
from affexion_core.predictor import Predictor
from affexion_core.run_folder import ScoredClip
from affexion_core.training.batches import Normalisation
from affexion_core.training.model_file import TrainedModel
from affexion_core.training.run_config import from_preset

LABELS = ("beep", "none")
N_FRAMES, WIDTH = 120, 5


class Listens(nn.Module):
    """Answers by the first feature at the frames it attends to; ``looks_away`` makes attention shun them instead."""

    def __init__(self, looks_away=False):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.sign = -1.0 if looks_away else 1.0

    def forward(self, inputs, lengths):
        (frames,), (n,) = inputs, lengths
        mask = torch.arange(frames.shape[1])[None] < n[:, None]
        score = self.weight * frames[..., 0]
        attention = (self.sign * score).masked_fill(~mask, -torch.inf).softmax(dim=1)
        heard = (torch.relu(frames[..., 0] - 1) * mask).sum(dim=1) - 4
        return ModelOutput(torch.stack([heard, -heard], dim=1), attention)


def predictor_of(model, width=WIDTH, config=None, labels=LABELS):
    recipe = config or from_preset(load_plugin("presets", "affexion-paper").PRESET)
    statistics = Normalisation((np.zeros(width, np.float32),), (np.ones(width, np.float32),))
    return Predictor((TrainedModel(model.eval(), statistics, recipe, labels),))


@pytest.fixture
def beeps():
    """40 clips; half of them hold a beep of 12 frames at a place of their own."""
    rng = np.random.default_rng(0)
    clips, features, scored, places = [], [], [], []
    for i in range(40):
        frames = rng.normal(0, 0.1, (N_FRAMES + i, WIDTH)).astype(np.float32)
        start = int(rng.integers(0, N_FRAMES - 12))
        if i % 2 == 0:
            frames[start : start + 12, 0] += 2
        clips.append(SimpleNamespace(id=f"clip{i}", speaker=f"s{i % 5}"))
        features.append((frames,))
        label = LABELS[i % 2]
        scored.append(ScoredClip(f"clip{i}", label, label, (0.5, 0.5)))
        places.append(start)
    return clips, features, scored, places


@pytest.fixture
def network():
    torch.manual_seed(0)
    plugin = load_plugin("models", "affexion")
    return plugin.Model(plugin.Config(channels=6, hidden=7, dense=5), (WIDTH,), 2).eval()


def test_rows_average_to_the_attention_and_padding_gets_none(network):
    frames, lengths = torch.randn(3, 30, WIDTH), torch.tensor([30, 17, 1])
    with torch.inference_mode():
        rows = network.attention_rows((frames,), (lengths,))
        weights = network((frames,), (lengths,)).attention
    assert rows.shape == (3, 30, 30)
    for clip, n in enumerate(lengths.tolist()):
        assert torch.all(rows[clip, :, n:] == 0) and torch.all(rows[clip, n:] == 0)
        assert torch.all(weights[clip, n:] == 0)
        assert torch.allclose(rows[clip, :n].sum(dim=1), torch.ones(n), atol=1e-6)
        assert torch.allclose(rows[clip, :n].mean(dim=0), weights[clip], atol=1e-6)


def test_rows_of_a_clip_average_to_what_the_predictor_says(network, beeps):
    predictor = predictor_of(network)
    _, features, _, _ = beeps
    probs, attention = attention_of(predictor, features[:3])
    assert probs.shape == (1, 3, 2) and np.allclose(probs.sum(axis=2), 1)
    rows = attention_rows(predictor, features[1])
    assert rows.shape == (N_FRAMES + 1, N_FRAMES + 1)
    assert np.abs(rows.mean(axis=0) - attention[0][1]).max() < 1e-6


def test_without_attention_it_says_so(beeps):
    plugin = load_plugin("models", "affexion")
    model = plugin.Model(plugin.Config(channels=4, hidden=4, dense=4, attention=False), (WIDTH,), 2)
    predictor = predictor_of(model)
    with pytest.raises(ModelError, match="'affexion' has no attention; choose a run whose model has"):
        attention_of(predictor, beeps[1][:1])
    with pytest.raises(ModelError, match="doesn't tell which frame asks for which"):
        attention_rows(predictor, beeps[1][0])


@given(
    st.lists(st.floats(0.001, 1), min_size=1, max_size=300), st.integers(1, 120), st.floats(0.05, 3)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_relative_time_and_the_best_second_lose_no_attention(values, n_bins, seconds):
    weights = np.array(values) / np.sum(values)
    assert relative(weights, n_bins).mean() == pytest.approx(1)
    duration = len(weights) * 0.01
    span = most_attended(weights, 0.01, duration, seconds)
    assert 0 <= span.start <= span.end <= duration + 1e-9
    assert span.end - span.start == pytest.approx(min(seconds, duration))
    assert min(1, seconds / duration) * 0.9 - 0.02 <= span.share <= 1
    assert 0 <= evenness(weights) <= 1 + 1e-9


def test_the_most_attended_second_is_where_attention_lies():
    weights = np.full(500, 1e-4)
    weights[230:300] = 1
    weights /= weights.sum()
    span = most_attended(weights, 0.01, 5.0)
    assert span.start <= 2.3 and span.end >= 2.99 and span.share > 0.95
    assert evenness(np.full(500, 1 / 500)) == pytest.approx(1)
    assert evenness(weights) < 0.75


@pytest.mark.parametrize("share", [0.1, 0.33, 1.0])
def test_orders_choose_equally_many_frames(share):
    weights = np.random.default_rng(1).random(77)
    chosen = {order: chosen_frames(weights, share, order, np.random.default_rng(2)) for order in ORDERS}
    assert {int(mask.sum()) for mask in chosen.values()} == {int(share * 77 + 0.5)}
    if share < 1:
        assert weights[chosen[MOST]].min() >= weights[~chosen[MOST]].max()
        assert weights[chosen[LEAST]].max() <= weights[~chosen[LEAST]].min()
        # the same gaps elsewhere: some rotation of one is the other
        assert any(np.array_equal(np.roll(chosen[MOST], k), chosen[MOVED]) for k in range(1, 77))


def test_deleting_what_counts_hurts_more_than_chance(beeps):
    clips, features, scored, _ = beeps
    heard = []
    found = deletion(
        predictor_of(Listens()), clips, features, scored, n_draws=2, progress=lambda *told: heard.append(told)
    )
    assert found.n_clips == 40 and found.shares == (0.0, 0.1, 0.2, 0.4, 0.7)
    curves = {curve.order: curve for curve in found.curves}
    assert {curve.uar.value[0] for curve in found.curves} == {1.0}
    assert curves[MOST].uar.value[1] == pytest.approx(0.5), "a tenth of the frames holds the whole beep"
    assert curves[LEAST].uar.value[2] == 1.0
    for order in (MOVED, RANDOM, LEAST):
        assert found.areas[order].low > 0 and found.areas_uar[order].low > 0
        assert found.areas[order].method == "bootstrap over 5 speakers"
    assert "attention points at something the model uses" in verdict(found)
    assert heard[-1][0] == heard[-1][1] and [told[0] for told in heard] == sorted(told[0] for told in heard)
    assert deletion_from_json(deletion_json(found)) == found


def test_attention_that_looks_away_is_found_out(beeps):
    clips, features, scored, _ = beeps
    found = deletion(predictor_of(Listens(looks_away=True)), clips, features, scored, n_draws=2)
    assert found.areas[RANDOM].high < 0
    assert "Don't read it as an explanation" in verdict(found)


def test_neighbours_and_seeds(beeps):
    clips, features, scored, _ = beeps
    predictor = predictor_of(Listens())
    one = deletion(predictor, clips[:8], features[:8], scored[:8], n_draws=2)
    turned = deletion(predictor, clips[:8][::-1], features[:8][::-1], scored[:8][::-1], n_draws=2)
    for first, second in zip(one.curves, turned.curves, strict=True):
        assert first.probability.value == pytest.approx(second.probability.value, abs=1e-6)
    assert deletion(predictor, clips[:8], features[:8], scored[:8], n_draws=2) == one
    other = deletion(predictor, clips[:8], features[:8], scored[:8], n_draws=2, seed=1)
    assert other.curves[2] != one.curves[2] and other.curves[0].probability.value == one.curves[0].probability.value
    with pytest.raises(ModelError, match="no clip to delete frames of"):
        deletion(predictor, [], [], [])


def test_held_out_clips_are_asked_of_their_own_fold(beeps):
    clips, features, scored, _ = beeps
    right, wrong = predictor_of(Listens()).models[0], predictor_of(Listens(looks_away=True)).models[0]
    both = Predictor((wrong, right))
    asked = [dataclasses.replace(row, fold=2) for row in scored]
    by_fold = deletion(both, clips, features, asked, [1, 2], n_draws=2)
    assert by_fold == deletion(Predictor((right,)), clips, features, scored, n_draws=2)


def test_gradients_add_up_and_find_the_beep(beeps):
    _, features, _, places = beeps
    predictor = predictor_of(Listens())
    found = integrated_gradients(predictor, features[0], "beep")
    assert abs(found.gap) < 0.03 * abs(found.difference)
    inside = found.frames[places[0] : places[0] + 12].sum()
    assert inside > 0.9 * np.abs(found.frames).sum()
    against = integrated_gradients(predictor, features[0], "none")
    assert np.allclose(found.frames, -against.frames, atol=1e-5)
    with pytest.raises(LabelError, match="doesn't know the label 'angry'; it knows beep or none"):
        integrated_gradients(predictor, features[0], "angry")


def test_gradients_of_the_network_are_complete(network, beeps):
    with torch.no_grad():
        network.head[-1].weight *= 1000
    found = integrated_gradients(predictor_of(network), beeps[1][0], "beep", n_steps=100)
    assert abs(found.difference) > 1e-3
    assert abs(found.gap) < 0.02 * abs(found.difference)


def test_pauses_are_found():
    rng = np.random.default_rng(0)
    signal = (rng.normal(0, 0.1, 32_000) * (np.arange(32_000) < 16_000)).astype(np.float32)
    quiet = quiet_frames(signal, 16_000, 201, 0.01, 0.032)
    assert not quiet[:100].any() and quiet[103:].all()
    assert quiet_frames(signal, 16_000, 50, 0.01, 0.032).shape == (50,)
    assert quiet_frames(np.zeros(1600, np.float32), 16_000, 11, 0.01, 0.032).all()
