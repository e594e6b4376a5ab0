import pytest
import torch
from test_fit import Examples, examples, recipe

from affexion_core.training import checkpoint
from affexion_core.training.fit import fit


class KilledError(Exception):
    """Stands for a process that ends between two epochs."""


def stop_after(n: int):
    def on_epoch(row):
        if row["epoch"] == n:
            raise KilledError

    return on_epoch


def settings():
    """A recipe in which every part of the state matters: dropout, Adam, a schedule, early stopping."""
    return recipe("affexion-poster", epochs=6, step_size=2, early_stopping=4, learning_rate=0.01)


def dev() -> Examples:
    """Dev clips with the labels swapped: the better the training, the worse the dev loss, so the best is early."""
    data = examples(8, seed=9)
    return Examples(data.features, [1 - target for target in data.targets])


def same(one, other):
    left, right = one.model.state_dict(), other.model.state_dict()
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history] for run in (one, other)]
    return all(torch.equal(left[name], right[name]) for name in left) and rows[0] == rows[1]


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_resumed_training_ends_bit_equal(tmp_path, killed_after):
    whole = fit(examples(), 2, settings(), dev())
    with pytest.raises(KilledError):
        fit(examples(), 2, settings(), dev(), stop_after(killed_after), tmp_path)
    torch.manual_seed(12345)
    before, after = [], []
    resumed = fit(examples(), 2, settings(), dev(), after.append, tmp_path, before.extend)
    assert [row["epoch"] for row in before] == list(range(1, killed_after + 1))
    assert after[0]["epoch"] == killed_after + 1
    assert same(whole, resumed)


def test_a_resumed_training_that_waits_for_the_dev_loss_ends_bit_equal(tmp_path):
    config = recipe("crnn-tess", epochs=6, step_size=1, early_stopping=5, learning_rate=0.01, channels=(4, 4, 4, 4))
    whole = fit(examples(), 2, config, dev())
    with pytest.raises(KilledError):
        fit(examples(), 2, config, dev(), stop_after(3), tmp_path)
    assert same(whole, fit(examples(), 2, config, dev(), checkpoints=tmp_path))
    rates = [row["learning_rate"] for row in whole.history]
    assert rates[-1] < rates[0], "the dev loss of swapped labels rises, so the rate must have fallen"


@pytest.mark.parametrize("part", ["model.", "optimizer.", "random.torch", "random.batches", "scheduler", "best."])
def test_leaving_a_part_of_the_state_out_changes_the_numbers(tmp_path, monkeypatch, part):
    config = settings()
    whole = fit(examples(), 2, config, dev())
    with pytest.raises(KilledError):
        fit(examples(), 2, config, dev(), stop_after(3), tmp_path)
    original = checkpoint._apply

    def forgetful(progress, tensors, state):
        fresh = checkpoint._tensors(progress)
        kept = {n: (fresh.get(n) if n.startswith(part) else t) for n, t in tensors.items()}
        if part == "scheduler":
            state = {**state, "scheduler": progress.scheduler.state_dict()}
        original(progress, {n: t for n, t in kept.items() if t is not None}, state)

    monkeypatch.setattr(checkpoint, "_apply", forgetful)
    resumed = fit(examples(), 2, config, dev(), checkpoints=tmp_path)
    assert not same(whole, resumed)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path):
    whole = fit(examples(), 2, settings(), dev())
    with pytest.raises(KilledError):
        fit(examples(), 2, settings(), dev(), stop_after(3), tmp_path)
    newest = max(tmp_path.glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-100])
    rows = []
    resumed = fit(examples(), 2, settings(), dev(), checkpoints=tmp_path, on_resume=rows.extend)
    assert len(rows) == 2
    assert same(whole, resumed)


def test_a_checkpoint_of_another_recipe_is_not_used(tmp_path):
    fit(examples(), 2, recipe("linear", epochs=2), checkpoints=tmp_path)
    rows = []
    fit(examples(), 2, recipe("linear", epochs=3), checkpoints=tmp_path, on_resume=rows.extend)
    assert rows == []
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
