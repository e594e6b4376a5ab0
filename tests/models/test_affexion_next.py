"""The closed-form training of our own model, held against scikit-learn and against leaving clips out one by one."""

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from affexion_core.errors import ModelError
from affexion_core.models.affexion_next import Config, Model, _balanced, _Rows, _solve, fit, fit_values

F, K = 12, 3


def clouds(n_by_label: tuple[int, ...], seed: int = 0, distance: float = 1.5) -> tuple[list, np.ndarray]:
    """Clips of one frame around a centre for each label."""
    middles = np.random.default_rng(99).normal(size=(len(n_by_label), F)) * distance / np.sqrt(2)
    rng = np.random.default_rng(seed)
    targets = np.repeat(np.arange(len(n_by_label)), n_by_label)
    return [((middles[k] + rng.normal(size=F))[None].astype(np.float32),) for k in targets], targets


def trained(features: list, targets: np.ndarray, config: Config | None = None, weights: np.ndarray | None = None):
    config = config or Config()
    torch.manual_seed(0)
    model = Model(config, (F,), K)
    fit(model, features, targets, weights, config, seed=0)
    return model.eval()


def outputs(model: Model, features: list) -> np.ndarray:
    frames = torch.from_numpy(np.stack([clip[0] for clip in features]))
    with torch.inference_mode():
        return model((frames,), (torch.ones(len(features), dtype=torch.int64),)).outputs.numpy()


def recalls(model: Model, features: list, targets: np.ndarray) -> np.ndarray:
    predicted = outputs(model, features).argmax(axis=1)
    return np.array([(predicted[targets == k] == k).mean() for k in np.unique(targets)])


def test_weights_are_those_of_kernel_ridge_regression() -> None:
    features, targets = clouds((20, 12, 5))
    model, config = trained(features, targets), Config()
    x = model.normal(torch.from_numpy(np.concatenate([clip[0] for clip in features]))).double().numpy()
    kernel = np.exp(-float(model.steepness) * ((x[:, None] - x[None]) ** 2).sum(axis=2))
    centred = kernel - kernel.mean(axis=0) - kernel.mean(axis=1, keepdims=True) + kernel.mean()
    gram = centred / np.diagonal(centred).mean() + 1
    weights = _balanced(torch.from_numpy(np.eye(K)[targets]), None).numpy()
    ridge = KernelRidge(alpha=config.ridge, kernel="precomputed").fit(gram, 2 * np.eye(K)[targets] - 1, weights)
    found, expected = outputs(model, features), ridge.predict(gram)
    factor = (found * expected).sum() / np.square(expected).sum()  # the sharpness
    np.testing.assert_allclose(found, factor * expected, atol=2e-3)
    assert 1 <= factor < 12.01


@pytest.mark.parametrize("n_rows", [1, 2])
def test_scores_without_a_clip_are_those_of_a_model_trained_without_it(n_rows: int) -> None:
    torch.manual_seed(3)
    x, shares = torch.randn(14, 4, dtype=torch.float64), torch.eye(2, dtype=torch.float64)[[0, 0, 1, 1, 0, 0, 1] * 2]
    counted, clip_of = torch.rand(14, dtype=torch.float64) + 0.5, torch.arange(14) // n_rows
    _, _, held_out = _solve(_Rows(x, 2 * shares - 1, counted, clip_of), x, 2.0, 0.1)
    kernel = torch.exp(-0.1 * torch.cdist(x, x).square())
    centred = kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
    gram = (centred / centred.diagonal().mean() + 1).numpy()
    for i in range(14):
        rest = [j for j in range(14) if clip_of[j] != clip_of[i]]
        ridge = KernelRidge(alpha=2.0, kernel="precomputed")
        ridge.fit(gram[np.ix_(rest, rest)], 2 * shares.numpy()[rest] - 1, counted.numpy()[rest])
        np.testing.assert_allclose(held_out[i], ridge.predict(gram[[i]][:, rest])[0], atol=1e-9)


def test_scores_of_a_clips_rows_are_averaged_and_every_row_is_learned_from() -> None:
    features, targets = clouds((20, 20, 20))
    model = trained(features, targets)
    pairs = [(np.concatenate([one[0], other[0]]),) for one, other in zip(features[::2], features[1::2], strict=True)]
    both = torch.from_numpy(np.stack([clip[0] for clip in pairs]))
    with torch.inference_mode():
        together = model((both,), (torch.full((len(pairs),), 2),)).outputs.numpy()
    apart = outputs(model, features)
    np.testing.assert_allclose(together, (apart[::2] + apart[1::2]) / 2, atol=1e-5)
    in_rows = trained(pairs, targets[::2])
    assert int(in_rows.centres.any(dim=1).sum()) == 60
    assert recalls(in_rows, *clouds((100, 100, 100), seed=1)).mean() > 0.85


def test_inputs_with_unequal_rows_are_refused() -> None:
    model = Model(Config(), (F, F), K)
    with pytest.raises(ModelError, match="as many rows from each front-end"):
        model((torch.zeros(1, 3, F), torch.zeros(1, 3, F)), (torch.tensor([3]), torch.tensor([1])))


def test_a_rare_label_is_found_as_well_as_a_common_one() -> None:
    model = trained(*clouds((300, 300, 8)))
    assert recalls(model, *clouds((200, 200, 200), seed=1)).min() > 0.8


def test_fewer_centres_than_clips_come_close() -> None:
    features, targets = clouds((80, 80, 80))
    fresh = clouds((300, 300, 300), seed=1)
    full, few = trained(features, targets), trained(features, targets, Config(n_centres=64))
    assert few.centres.shape == (64, F)
    assert recalls(full, *fresh).mean() > 0.85
    assert abs(recalls(few, *fresh).mean() - recalls(full, *fresh).mean()) < 0.03
    assert abs(np.abs(outputs(few, fresh[0])).mean() / np.abs(outputs(full, fresh[0])).mean() - 1) < 0.4


def test_probabilities_are_as_sure_as_they_are_right() -> None:
    model = trained(*clouds((100, 100, 100), distance=0.8))
    features, targets = clouds((400, 400, 400), seed=1, distance=0.8)
    probs = torch.softmax(torch.from_numpy(outputs(model, features)), dim=1).numpy()
    right = (probs.argmax(axis=1) == targets).mean()
    assert 0.5 < right < 0.95
    assert probs.max(axis=1).mean() == pytest.approx(right, abs=0.06)


def test_ranks_alone_matter() -> None:
    features, targets = clouds((40, 40, 40))
    bent = [(np.sign(clip[0]) * np.abs(clip[0]) ** 3,) for clip in features]
    one, other = trained(features, targets), trained(bent, targets)
    agree = outputs(one, features).argmax(axis=1) == outputs(other, bent).argmax(axis=1)
    assert agree.mean() > 0.97


def test_figures_that_never_vary_and_values_far_outside_do_no_harm() -> None:
    features, targets = clouds((30, 30, 30))
    still = [(np.where(np.arange(F) < 2, 7.0, clip[0]).astype(np.float32),) for clip in features]
    model = trained(still, targets)
    far = [(clip[0] * 1e6,) for clip in still]
    assert np.isfinite(outputs(model, far)).all()
    assert recalls(model, still, targets).mean() > 0.8


def test_votes_that_agree_are_labels_and_the_saved_weights_say_all() -> None:
    features, targets = clouds((15, 15, 15))
    by_label, by_vote = trained(features, targets), trained(features, np.eye(K, dtype=np.float32)[targets])
    np.testing.assert_array_equal(outputs(by_label, features), outputs(by_vote, features))
    torch.manual_seed(5)
    loaded = Model(Config(), (F,), K).eval()
    loaded.load_state_dict(by_label.state_dict())
    np.testing.assert_array_equal(outputs(loaded, features), outputs(by_label, features))


def test_a_label_without_clips_and_a_clip_without_weight() -> None:
    features, targets = clouds((20, 20))
    model = trained(features, targets, weights=np.r_[np.ones(39), 0.0])
    found = outputs(model, features)
    assert np.isfinite(found).all() and (found.argmax(axis=1) == targets).mean() > 0.85
    assert (found[:, 2] < found.max(axis=1)).all()


def test_dimensions_are_those_of_kernel_ridge_regression_and_labels_stay_as_they_were() -> None:
    features, targets = clouds((20, 20, 20))
    values = np.random.default_rng(0).uniform(-1, 1, size=(60, 2)).astype(np.float32)
    values[:15, 1] = np.nan
    torch.manual_seed(0)
    model, plain = Model(Config(), (F,), K + 2).eval(), trained(features, targets)
    fit(model, features, targets, None, Config(), seed=0)
    fit_values(model, features, values, Config(), seed=0)
    found = outputs(model, features)
    np.testing.assert_allclose(found[:, :K], outputs(plain, features), atol=1e-5)
    x = model.normal(torch.from_numpy(np.concatenate([clip[0] for clip in features]))).double().numpy()
    kernel = np.exp(-float(model.steepness) * ((x[:, None] - x[None]) ** 2).sum(axis=2))
    centred = kernel - kernel.mean(axis=0) - kernel.mean(axis=1, keepdims=True) + kernel.mean()
    gram = centred / np.diagonal(centred).mean() + 1
    said = values[:, 0] - values[:, 0].mean()
    golden = KernelRidge(alpha=5.0, kernel="precomputed").fit(gram, said).predict(gram) + values[:, 0].mean()
    np.testing.assert_allclose(found[:, K], golden, atol=1e-4)


def test_numbers_are_learned_from_the_clips_that_have_them_and_none_is_the_middle() -> None:
    features, _ = clouds((60, 60, 60))
    level = np.array([clip[0][0, 0] for clip in features])
    values = np.stack([np.tanh(level), np.full(180, np.nan)], axis=1).astype(np.float32)
    values[::3, 0] = np.nan
    torch.manual_seed(0)
    model = Model(Config(), (F,), 2).eval()
    fit_values(model, features, values, Config(), seed=0)
    found = outputs(model, features)
    assert np.corrcoef(found[::3, 0], np.tanh(level[::3]))[0, 1] > 0.8
    np.testing.assert_array_equal(found[:, 1], 0.0)
