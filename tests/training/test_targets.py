import dataclasses

import numpy as np
import pytest
import torch
from small_study import short_recipe
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.versions import delete_version
from affexion_core.run_folder import fold_folders, read_history, read_json
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.session import Store, open_store
from affexion_core.training.execute import run_here
from affexion_core.training.fit import Examples, fit
from affexion_core.training.prepare import HeldOut, RunRequest, pinned_dataset, pinned_held_out, prepare
from affexion_core.training.run_config import with_settings
from affexion_core.training.targets import label_loss, label_mass, vote_shares
from affexion_core.types import Dataset


def test_votes_become_rows_that_sum_to_one():
    votes = [{"a": 0.75, "b": 0.25}, None, {"a": 0.5, "other": 0.5}, {"other": 1.0}, {"b": 1.0}]
    rows = vote_shares(votes, [0, 1, 1, 1, 0], ["a", "b"])
    assert rows.dtype == np.float32
    assert rows.tolist() == [[0.75, 0.25], [0, 1], [1, 0], [0, 1], [0, 1]]


def test_the_loss_by_hand():
    logits = torch.log(torch.tensor([[0.8, 0.2], [0.4, 0.6]]))
    targets, shares = torch.tensor([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]], dtype=np.float32)
    expected = -(0.5 * np.log(0.8) + 0.5 * np.log(0.2) + np.log(0.6)) / 2
    assert label_loss(logits, targets, shares, None).item() == pytest.approx(expected, rel=1e-6)
    weights = torch.tensor([3.0, 1.0])
    weighted = -(1.5 * np.log(0.8) + 0.5 * np.log(0.2) + np.log(0.6)) / (1.5 + 0.5 + 1)
    assert label_loss(logits, targets, shares, weights).item() == pytest.approx(weighted, rel=1e-6)


@pytest.mark.parametrize("weights", [None, torch.tensor([2.0, 0.5, 1.0])])
def test_shares_next_to_a_label_give_nearly_its_loss(weights):
    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    nearly = np.full((8, 3), 5e-7, dtype=np.float32)
    nearly[np.arange(8), targets] = 1 - 1e-6
    hard = label_loss(logits, targets, None, weights)
    assert label_loss(logits, targets, nearly, weights).item() == pytest.approx(hard.item(), rel=1e-5)


def test_clips_of_several_labels_count_by_their_shares():
    shares = np.array([[0.5, 0.5, 0], [0, 1, 0]], dtype=np.float32)
    assert label_mass([0, 1], shares, 3).tolist() == [0.5, 1.5, 0]
    assert label_mass([0, 1, 1], None, 3).tolist() == [1, 2, 0]


def examples(shares: np.ndarray | None) -> Examples:
    rng = np.random.default_rng(0)
    features = [(rng.normal(size=(int(rng.integers(20, 40)), 75)).astype(np.float32),) for _ in range(12)]
    return Examples(features, [i % 3 for i in range(12)], shares)


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_votes_for_one_label_each_train_to_the_same_bits(weights):
    recipe = with_settings(short_recipe(3), {"batch_size": 4, "class_weights": weights})
    one_hot = np.eye(3, dtype=np.float32)[[i % 3 for i in range(12)]]
    hard = fit(examples(None), 3, recipe, dev=examples(None))
    soft = fit(examples(one_hot), 3, recipe, dev=examples(one_hot))
    mixed = fit(examples(0.8 * one_hot + np.float32(0.2 / 3)), 3, recipe, dev=examples(one_hot))

    def bits(fitted):
        return [tensor.numpy().tobytes() for tensor in fitted.model.state_dict().values()]

    def losses(fitted):
        return [(row["train_loss"], row["dev_loss"]) for row in fitted.history]

    assert bits(hard) == bits(soft) and losses(hard) == losses(soft)
    assert bits(hard) != bits(mixed)


@pytest.fixture
def judged(workspace, tmp_path) -> tuple[Store, Dataset]:
    """A dataset of 16 clips, half of which have votes, one of them for a label that no clip has."""
    store = open_store(workspace)
    folder = write_folders(tmp_path / "people", ("panic", "boredom"), speakers=4, takes=2)
    import_corpus(store, "folder", folder, ImportOptions(dataset="plain"))
    plain = load_dataset(store, "plain")
    shares = {"panic": {"panic": 0.8, "boredom": 0.2}, "boredom": {"boredom": 0.7, "excitement": 0.3}}
    scheme = dataclasses.replace(plain.scheme, name="heard", labels=("boredom", "excitement", "panic"))
    votes = {item.clip.id: shares[item.label] for item in plain.items[::2]}
    save_dataset(store, "judged", "real", scheme, [(i.clip.id, i.label) for i in plain.items], votes=votes)
    return store, load_dataset(store, "judged")


def test_a_run_pins_the_votes_it_was_prepared_with(judged):
    store, dataset = judged
    run = prepare(store, RunRequest("cv", short_recipe(), dataset, n_folds=2))
    folder = store.workspace.runs / run.id
    delete_version(store, "judged")
    pinned = pinned_dataset(store, folder)
    assert [item.votes for item in pinned.items] == [item.votes for item in dataset.items]
    assert pinned.snapshot() == dataset.snapshot() == run.train_snapshot
    rows = [row for fold in fold_folders(folder) for row in read_json(fold / "split.json")["clips"]]
    by_id = {item.clip.id: item.votes for item in dataset.items}
    assert len(rows) == 32 and all(row.get("votes") == by_id[row["clip_id"]] for row in rows)


def test_votes_of_a_test_set_are_pinned_as_well(judged):
    store, dataset = judged
    held_out = HeldOut(dataset, allow_leaks=True)
    run = prepare(store, RunRequest("train", short_recipe(), load_dataset(store, "plain"), held_out))
    test = pinned_held_out(store, store.workspace.runs / run.id)
    assert test is not None and test.dataset.snapshot() == dataset.snapshot()


def test_soft_targets_change_what_is_learned_and_hard_ones_ignore_votes(judged):
    store, dataset = judged

    def losses(settings, data):
        run = run_here(store, RunRequest("train", with_settings(short_recipe(2), settings), data))
        return [row["train_loss"] for row in read_history(store.workspace.runs / run.id)]

    plain = load_dataset(store, "plain")
    assert losses({}, dataset) == losses({}, plain)
    assert losses({"targets": "soft"}, plain) == losses({}, plain)
    assert losses({"targets": "soft"}, dataset) != losses({}, dataset)
