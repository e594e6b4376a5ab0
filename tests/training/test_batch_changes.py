"""Masks, mixtures and sampling: what they do to batches, and that a resumed training draws the same."""

import dataclasses

import numpy as np
import pytest
import torch
from test_checkpoint import KilledError, same, stop_after
from test_fit import Examples, examples, recipe

from affexion_core.discovery import load_plugin
from affexion_core.training.batch_changes import masked, mixed
from affexion_core.training.batches import collate, prepare
from affexion_core.training.fit import fit
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.run_config import TrainingConfig
from affexion_core.training.sampling import balanced_order, kept_by_truncation


def batch_of(lengths=(40, 12, 7), n_features=20):
    clips = [(np.full((n, n_features), i + 1.0, dtype=np.float32),) for i, n in enumerate(lengths)]
    return collate(clips, list(range(len(lengths))), range(len(lengths)))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_masks_blank_stretches_of_frames_and_bands_of_features():
    settings = TrainingConfig(time_masks=1, time_mask_frames=9, feature_masks=1, feature_mask_bands=5)
    widths, bands, places = set(), set(), set()
    for seed in range(200):
        (frames,) = masked(batch_of(), settings, generator(seed)).inputs
        for clip, n in zip(frames, (40, 12, 7), strict=True):
            blank = clip[:n] == 0
            whole = blank.all(dim=1)
            assert int(whole.sum()) <= min(9, n // 2)
            in_band = blank[~whole].all(dim=0)
            assert torch.equal(blank, whole[:, None] | in_band)
            for marks in (whole, in_band):  # one piece each
                assert int((marks[1:].int() - marks[:-1].int() == 1).sum()) + int(marks[0]) <= 1
            widths.add(int(whole.sum()))
            bands.add(int(in_band.sum()))
            places |= set(torch.nonzero(in_band)[:, 0].tolist())
    assert widths == set(range(10)) and bands == set(range(6)) and places == set(range(20))


def test_without_masks_a_batch_stays_itself():
    batch = batch_of()
    assert masked(batch, TrainingConfig(), generator()) is batch


def test_a_mixture_is_that_of_clips_and_labels():
    batch = batch_of()
    for seed in range(20):
        result, shares = mixed(batch, None, 3, 0.4, generator(seed))
        np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
        for i in range(3):
            own = shares[i, i]
            assert own >= 0.5
            j = next((k for k in range(3) if k != i and shares[i, k] > 0), i)
            wanted = own * batch.inputs[0][i] + (1 - own) * batch.inputs[0][j]
            torch.testing.assert_close(result.inputs[0][i], wanted, rtol=1e-5, atol=1e-6)
            assert result.lengths[0][i] == max(batch.lengths[0][i], batch.lengths[0][j])
    votes = np.array([[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    assert mixed(batch, votes, 3, 0.4, generator())[1].sum() == pytest.approx(3)


def test_truncation_leaves_as_many_of_each_label_as_the_smallest_has():
    targets = [0] * 30 + [2] * 5 + [1] * 9
    rows = kept_by_truncation(targets, seed=1)
    assert np.bincount(np.array(targets)[rows]).tolist() == [5, 5, 5]
    assert rows == sorted(set(rows)) == kept_by_truncation(targets, seed=1) != kept_by_truncation(targets, seed=2)


def test_balanced_draws_see_labels_alike():
    targets = [0] * 900 + [1] * 100
    drawn = np.array(targets)[balanced_order(targets, generator())]
    assert len(drawn) == 1000 and drawn.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("model", ["linear", "logreg"])
@pytest.mark.parametrize("sampling", ["balanced", "truncated"])
def test_sampling_lifts_the_rare_label(model, sampling):
    rng = np.random.default_rng(0)
    features = [(rng.normal(size=(10, 6)).astype(np.float32),) for _ in range(60)]
    data, rates = Examples(features, [1 if i < 6 else 0 for i in range(60)]), {}
    for chosen in ("none", sampling):
        config = recipe("linear", epochs=30, learning_rate=0.02, sampling=chosen)
        if model == "logreg":
            plugin = load_plugin("models", model).Config(cost=0.01)
            config = dataclasses.replace(config, model=model, model_config=plugin)
        fitted = fit(data, 2, config)
        clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in features]
        rates[chosen] = softmax(outputs_of(fitted.model, clips)[0])[:, 1].mean()
    assert rates[sampling] > rates["none"] + 0.1


SETTINGS = {"mixup": 0.3, "time_masks": 2, "feature_masks": 1, "sampling": "balanced"}


@pytest.mark.parametrize("name", SETTINGS)
def test_each_changes_what_is_learned_and_the_same_seed_gives_the_same(name):
    plain, one, again = (
        fit(examples(), 2, recipe("linear", epochs=3, **settings))
        for settings in ({}, {name: SETTINGS[name]}, {name: SETTINGS[name]})
    )
    assert same(one, again) and not same(one, plain)


def test_a_training_with_all_of_them_resumes_bit_equal(tmp_path):
    config = recipe("affexion-poster", epochs=4, targets="soft", **SETTINGS)
    whole = fit(examples(), 2, config)
    with pytest.raises(KilledError):
        fit(examples(), 2, config, on_epoch=stop_after(2), checkpoints=tmp_path)
    torch.manual_seed(99)
    assert same(whole, fit(examples(), 2, config, checkpoints=tmp_path))
