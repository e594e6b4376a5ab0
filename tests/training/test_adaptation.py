"""Each way of adapting does what it says, repeats, resumes, and never sees a label of the target."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from small_study import short_recipe
from test_checkpoint import KilledError, same, stop_after
from test_fit import Examples, examples, recipe
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import ConfigError, SplitError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.predictor import Predictor
from affexion_core.run_folder import fold_folders, read_evaluation, read_history, read_json
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.training.adaptation import aligned, coral_distance, estimate_priors, remeasure_batchnorm
from affexion_core.training.added import AlsoTrain
from affexion_core.training.batches import ClipFeatures, fit_normalisation, prepare
from affexion_core.training.execute import run_here
from affexion_core.training.fit import build_model, fit
from affexion_core.training.forward import outputs_of, softmax
from affexion_core.training.model_file import TrainedModel, load_model, save_model
from affexion_core.training.prepare import HeldOut, RunRequest, plan
from affexion_core.training.run_config import RunConfig, with_settings


def network(**settings) -> RunConfig:
    return recipe("affexion-poster", **{"epochs": 3, "lstm_layers": 1, "learning_rate": 0.005, **settings})


def elsewhere(n: int = 12) -> list[ClipFeatures]:
    """The clips of `examples` as another microphone would hear them."""
    tilt = np.linspace(0.3, 3, 75, dtype=np.float32)
    return [(clip[0] * tilt + 4,) for clip in examples(n, seed=5).features]


def embeddings(fitted, config: RunConfig, clips: list[ClipFeatures]) -> np.ndarray:
    rows = []
    for clip in clips:
        frames = torch.from_numpy(prepare(clip, config.inputs, fitted.normalisation)[0])[None]
        with torch.no_grad():
            rows.append(fitted.model((frames,), (torch.tensor([frames.shape[1]]),)).embedding[0].numpy())
    return np.array(rows)


def test_coral_brings_the_second_moments_together_and_labels_stay_apart():
    distances = {}
    for method in ("none", "coral"):
        config = network(epochs=10, method=method, strength=30.0)
        fitted = fit(examples(), 2, config, target=elsewhere() if method != "none" else [])
        rows = (torch.from_numpy(embeddings(fitted, config, clips)) for clips in (examples().features, elsewhere()))
        distances[method] = coral_distance(*rows).item()
        assert fitted.history[-1]["train_accuracy"] > 0.8
    assert distances["coral"] < distances["none"] / 3


def test_the_coral_distance_by_hand():
    one, other = torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, -1.0]])
    assert coral_distance(one, other).item() == pytest.approx((4 + 4) / 16)
    assert coral_distance(one, one + 5).item() == pytest.approx(0)
    assert coral_distance(one, other[:1]).item() == 0


def test_dann_leaves_less_to_tell_the_domains_apart_by(monkeypatch):
    made, right, apart = [], {}, {}

    def noting(*arguments):
        made.append(aligned(*arguments))
        return made[-1]

    monkeypatch.setattr("affexion_core.training.fit.aligned", noting)
    for strength in (0.0, 0.3):  # without any, the classifier of domains learns and the model pays no heed
        config = network(epochs=40, batch_size=8, method="dann", strength=strength, learning_rate=0.001)
        fitted = fit(examples(40), 2, config, target=louder(40, seed=5))
        source, target = (embeddings(fitted, config, clips) for clips in (examples(40, seed=8).features, louder(40, 9)))
        with torch.no_grad():
            said = made[-1].domains(torch.from_numpy(np.concatenate([source, target])))[:, 0].numpy() > 0
        right[strength] = (said == np.repeat([False, True], 40)).mean()
        labels = np.arange(40) % 2
        between = np.linalg.norm(source[labels == 0].mean(0) - source[labels == 1].mean(0))
        apart[strength] = np.linalg.norm(source.mean(0) - target.mean(0)) / between
    assert right[0.0] > 0.95 and right[0.3] < 0.8
    assert apart[0.3] < apart[0.0]


def louder(n: int, seed: int) -> list[ClipFeatures]:
    """Clips like those of `examples` with some channels raised that say nothing of the label."""
    raised = np.where(np.arange(75) > 60, 15, 0).astype(np.float32)
    return [(clip[0] + raised,) for clip in examples(n, seed=seed).features]


def test_batch_norm_gets_the_targets_statistics():
    config = network(method="batchnorm")
    fitted = fit(examples(), 2, config, target=elsewhere())
    plain = fit(examples(), 2, network())
    convolved = []
    for clip in elsewhere():
        frames = torch.from_numpy(prepare(clip, config.inputs, fitted.normalisation)[0]).T[None]
        with torch.no_grad():
            convolved.append(torch.cat([conv(frames) for conv in fitted.model.convolutions], dim=1)[0].double())
    stacked = torch.cat(convolved, dim=1)
    torch.testing.assert_close(fitted.model.norm.running_mean.double(), stacked.mean(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fitted.model.norm.running_var.double(), stacked.var(1), rtol=1e-4, atol=1e-5)
    weights = dict(plain.model.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in fitted.model.named_parameters())


def test_statistics_are_the_targets_for_every_model():
    config = recipe("linear", epochs=3, method="statistics")
    fitted, plain = fit(examples(), 2, config, target=elsewhere()), fit(examples(), 2, recipe("linear", epochs=3))
    golden = fit_normalisation(elsewhere(), config.inputs)
    np.testing.assert_array_equal(fitted.normalisation.means[0], golden.means[0])
    assert all(torch.equal(a, b) for a, b in zip(fitted.model.parameters(), plain.model.parameters(), strict=True))


@pytest.mark.parametrize("shares", [(0.8, 0.15, 0.05), (0.2, 0.2, 0.6)])
def test_shifted_priors_are_found_again(shares):
    rng = np.random.default_rng(0)
    middles = np.array([[0.0, 0], [2, 0], [0, 2]])
    labels = rng.choice(3, 4000, p=shares)
    places = middles[labels] + rng.normal(size=(4000, 2))
    logs = -0.5 * ((places[:, None] - middles) ** 2).sum(2)
    trained = np.array([0.5, 0.3, 0.2])
    found = estimate_priors(softmax(logs + np.log(trained)), trained)
    np.testing.assert_allclose(found, shares, atol=0.02)
    assert estimate_priors(np.array([[0.5, 0.5, 0.0]]), np.array([0.5, 0.5, 0.0]))[2] == 0


def test_prior_correction_moves_the_logits_and_travels_with_the_weights(tmp_path):
    config = recipe("linear", epochs=30, method="prior")
    target = [clip for clip, label in zip(examples(60, seed=3).features, examples(60).targets, strict=True) if label]
    fitted = fit(examples(), 2, config, target=target)
    assert fitted.model.shift[1] > 0.2 > 0 > fitted.model.shift[0]
    save_model(tmp_path, TrainedModel(fitted.model, fitted.normalisation, config, ("a", "b")))
    clips = [prepare(clip, config.inputs, fitted.normalisation) for clip in target]
    corrected = outputs_of(load_model(tmp_path).model, clips)[0]
    np.testing.assert_array_equal(corrected, outputs_of(fitted.model, clips)[0])
    np.testing.assert_allclose(
        corrected - outputs_of(fitted.model.model, clips)[0], [fitted.model.shift.numpy()] * 30, atol=1e-5
    )


@pytest.mark.parametrize("method", ["coral", "dann", "batchnorm", "prior"])
def test_the_same_seed_gives_the_same_and_a_resumed_training_ends_bit_equal(method, tmp_path):
    config = network(method=method, early_stopping=3)
    dev = Examples(examples(6, seed=9).features, examples(6).targets)
    whole = fit(examples(), 2, config, dev, target=elsewhere())
    with pytest.raises(KilledError):
        fit(examples(), 2, config, dev, stop_after(1), tmp_path, target=elsewhere())
    torch.manual_seed(77)
    assert same(whole, fit(examples(), 2, config, dev, checkpoints=tmp_path, target=elsewhere()))


def test_what_cannot_be_done_is_a_clear_error():
    with pytest.raises(ConfigError, match="'coral' needs a dataset to adapt to"):
        fit(examples(), 2, network(method="coral"))
    with pytest.raises(ConfigError, match="needs a method: coral, dann"):
        fit(examples(), 2, network(), target=elsewhere())
    with pytest.raises(ConfigError, match="'linear' has no embedding"):
        fit(examples(), 2, recipe("linear", method="dann"), target=elsewhere())
    with pytest.raises(ConfigError, match="has no batch norm"):
        remeasure_batchnorm(build_model(recipe("linear"), (75,), 2), elsewhere())
    svm = dataclasses.replace(
        recipe("linear", method="coral"), model="svm", model_config=load_plugin("models", "svm").Config()
    )
    with pytest.raises(ConfigError, match="fitted in one step, so it can't be adapted by 'coral'"):
        fit(examples(), 2, svm, target=elsewhere())
    with pytest.raises(ConfigError, match="set normalisation to train"):
        fit(examples(), 2, recipe("linear", method="statistics", normalisation="clip"), target=elsewhere())


@pytest.fixture
def study(workspace, tmp_path):
    """Voices 0 to 3 are synthetic, people 4 to 7 real."""
    store = open_store(workspace)
    voices = write_folders(tmp_path / "voices", ("panic", "boredom"), speakers=4, takes=2)
    people = write_folders(tmp_path / "people", ("panic", "boredom"), speakers=4, takes=2, first_speaker=4)
    import_corpus(store, "folder", voices, ImportOptions(dataset="voices", origin="synthetic"))
    import_corpus(store, "folder", people, ImportOptions(dataset="people", origin="real"))
    return store, load_dataset(store, "voices"), load_dataset(store, "people")


def adapted(settings=None) -> RunConfig:
    return with_settings(short_recipe(3), {"method": "statistics", **(settings or {})})


def test_labels_of_the_target_are_never_seen(study):
    store, voices, people = study
    shuffled = dataclasses.replace(
        people, items=tuple(dataclasses.replace(item, label="panic") for item in reversed(people.items))
    )
    weights = []
    for target in (people, shuffled):
        run = run_here(store, RunRequest("train", adapted({"method": "prior"}), voices, adapt_to=target))
        model = Predictor.load(Path(run.folder)).models[0].model
        weights.append([value.numpy().tobytes() for value in model.state_dict().values()])
        assert not {"label", "votes"} & set(read_json(Path(run.folder) / "adaptation.json")["clips"][0])
    assert weights[0] == weights[1]


def test_figures_say_what_was_adapted_to_and_that_it_was_the_test_set(study):
    store, voices, people = study
    run = run_here(store, RunRequest("cv", adapted(), voices, HeldOut(people), n_folds=2, adapt_to=people))
    folder = Path(run.folder)
    said = "; adapted on 16 unlabelled clips of people"
    assert read_evaluation(folder, "people").stamp.endswith(
        f"{said}, transductive: 16 of the 16 clips measured are among them"
    )
    assert read_evaluation(folder, "cv").stamp.endswith(said)
    assert read_json(folder / "run.json")["adapt_to"] == {"dataset": "people", "clips": 16}
    assert all((fold / "adaptation.json").is_file() for fold in fold_folders(folder))
    half, rest = (dataclasses.replace(people, name=f"h{i}", items=people.items[i::2]) for i in (0, 1))
    trained = run_here(store, RunRequest("train", adapted(), voices, HeldOut(rest), adapt_to=half))
    assert ", by " in read_evaluation(Path(trained.folder), "h1").stamp


def test_a_few_real_clips_train_along_but_not_those_of_speakers_who_test(study):
    store, voices, people = study
    speakers = sorted({item.clip.speaker for item in people.items})
    test = dataclasses.replace(
        people, name="test", items=tuple(i for i in people.items if i.clip.speaker in speakers[:2])
    )

    def drawn(per_label: int | None, seed: int = 0) -> set[str]:
        config = dataclasses.replace(short_recipe(2), seed=seed)
        request = RunRequest("train", config, voices, HeldOut(test), also_train=AlsoTrain(people, per_label))
        (split,) = plan(request).splits
        return {item.clip.id for item in split.train} - {item.clip.id for item in voices.items}

    by_id = {item.clip.id: item for item in people.items}
    assert len(drawn(1)) == 2 and len(drawn(3)) == 6 and len(drawn(None)) == 8
    assert drawn(1) < drawn(3) < drawn(None) and any(drawn(1, seed) != drawn(1) for seed in range(1, 6))
    assert {by_id[id_].clip.speaker for id_ in drawn(None)} == set(speakers[2:])
    with pytest.raises(SplitError, match="has 4 clips of 'boredom' by speakers who don't test, not 5"):
        drawn(5)
    config = short_recipe(2)
    with pytest.raises(SplitError, match="All clips of dataset 'people' are trained on already, or are by speakers"):
        plan(RunRequest("train", config, voices, HeldOut(people), also_train=AlsoTrain(people, 1)))
    run = run_here(store, RunRequest("cv", config, voices, HeldOut(test), n_folds=2, also_train=AlsoTrain(people, 2)))
    assert read_json(Path(run.folder) / "run.json")["also_train"]["clips"] == 4
    for fold in fold_folders(Path(run.folder)):
        rows = read_json(fold / "split.json")["clips"]
        parts = {part: {row["clip_id"] for row in rows if row["part"] == part} for part in ("train", "test")}
        assert len(parts["train"] & set(by_id)) == 4 and not parts["test"] & set(by_id)
    stamp = read_evaluation(Path(run.folder), "test").stamp
    # tones of one pitch are as alike as copies of one recording
    assert stamp.startswith("clean") or "near-duplicates" in stamp
    assert read_history(fold_folders(Path(run.folder))[0])
