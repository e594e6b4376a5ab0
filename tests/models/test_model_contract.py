"""What every model must do, tried on each model there is."""

import pytest
import torch
from tiny_encoders import HOLD_ENCODERS

from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ModelError

F, K = 12, 4
LENGTHS = (1, 2, 17, 40, 33)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# models that hold an encoder read tokens or signals; tests/models/test_encoder_models.py tries the same on them
@pytest.fixture(params=[name for name in plugin_names("models") if name not in HOLD_ENCODERS])
def plugin(request):
    return load_plugin("models", request.param)


def make_model(plugin, seed=0):
    torch.manual_seed(seed)
    return plugin.Model(plugin.Config(), (F,), K)


def make_batch(lengths=LENGTHS, seed=1):
    torch.manual_seed(seed)
    return torch.randn(len(lengths), max(lengths), F), torch.tensor(lengths)


def pad(frames, n_more, value):
    return torch.cat([frames, torch.full((len(frames), n_more, frames.shape[2]), value)], dim=1)


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


@pytest.mark.parametrize("value", [0.0, 1e6, float("nan")])
@pytest.mark.parametrize("training", [False, True])
def test_padding_never_changes_an_output(plugin, value, training):
    frames, lengths = make_batch()
    results = []
    for batch in (frames, pad(frames, 23, value)):
        model = without_dropout(make_model(plugin)).train(training)
        output = model((batch,), (lengths,))
        output.outputs.square().sum().backward()
        results.append((output, model))
    (plain, first), (padded, second) = results
    torch.testing.assert_close(padded.outputs, plain.outputs, atol=1e-5, rtol=1e-5)
    if plain.attention is not None:
        torch.testing.assert_close(padded.attention[:, : frames.shape[1]], plain.attention, atol=1e-6, rtol=1e-4)
        assert not padded.attention[:, frames.shape[1] :].any()
    for (name, one), other in zip(first.named_parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, atol=1e-4, rtol=1e-3, msg=lambda text, n=name: f"{n}: {text}")
    for (name, one), other in zip(first.named_buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-5, msg=lambda text, n=name: f"{n}: {text}")


def test_what_lies_after_a_clips_end_is_ignored(plugin):
    frames, lengths = make_batch()
    dirty = frames.clone()
    for row, length in enumerate(LENGTHS):
        dirty[row, length:] = float("inf")
    model = make_model(plugin).eval()
    torch.testing.assert_close(model((dirty,), (lengths,)).outputs, model((frames,), (lengths,)).outputs)


def test_a_mixed_batch_equals_one_clip_at_a_time(plugin):
    frames, lengths = make_batch()
    model = make_model(plugin).eval()
    together = model((frames,), (lengths,))
    assert together.outputs.shape == (len(LENGTHS), K)
    for row, length in enumerate(LENGTHS):
        alone = model((frames[row : row + 1, :length],), (lengths[row : row + 1],))
        torch.testing.assert_close(together.outputs[row], alone.outputs[0], atol=1e-5, rtol=1e-5)
        if alone.attention is not None:
            torch.testing.assert_close(together.attention[row, :length], alone.attention[0], atol=1e-6, rtol=1e-4)


def test_attention_is_a_share_of_the_valid_frames(plugin):
    frames, lengths = make_batch()
    attention = make_model(plugin).eval()((pad(frames, 3, 0.0),), (lengths,)).attention
    if attention is None:
        pytest.skip("has no attention")
    assert attention.shape == (len(LENGTHS), max(LENGTHS) + 3)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(len(LENGTHS)))
    for row, length in enumerate(LENGTHS):
        assert (attention[row, :length] > 0).all()
        assert (attention[row, length:] == 0).all()


@pytest.mark.parametrize("training", [False, True])
def test_one_clip_of_one_frame_works(plugin, training):
    model = make_model(plugin).train(training)
    output = model((torch.randn(1, 1, F),), (torch.tensor([1]),))
    output.outputs.sum().backward()
    assert output.outputs.isfinite().all()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    assert all(buffer.isfinite().all() for buffer in model.buffers())


@pytest.mark.parametrize(("lengths", "found"), [([0, 5], "from 0 to 5"), ([3, 6], "from 3 to 6")])
def test_impossible_lengths_are_refused(plugin, lengths, found):
    with pytest.raises(ModelError, match=f"{found} frames, but this batch holds 1 to 5"):
        make_model(plugin)((torch.zeros(2, 5, F),), (torch.tensor(lengths),))


def test_it_learns_eight_clips_by_heart(plugin):
    lengths = (20, 35, 28, 40, 22, 31, 25, 38)
    frames, n_valid = make_batch(lengths, seed=3)
    labels = torch.tensor([0, 1, 2, 3, 3, 2, 1, 0])
    model = make_model(plugin, seed=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

    def n_right():
        with torch.no_grad():
            return int((model.eval()((frames,), (n_valid,)).outputs.argmax(dim=1) == labels).sum())

    for step in range(120):
        if step % 20 == 0 and n_right() == len(labels):
            return
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.train()((frames,), (n_valid,)).outputs, labels).backward()
        optimizer.step()
    assert n_right() == len(labels)


def test_it_can_be_measured_before_it_is_built(plugin):
    with torch.device("meta"):  # as loading does before it trusts a file
        planned = plugin.Model(plugin.Config(), (F,), K).state_dict()
    built = make_model(plugin).state_dict()
    assert {name: each.shape for name, each in planned.items()} == {name: each.shape for name, each in built.items()}


def test_the_same_seed_gives_the_same_numbers(plugin):
    frames, lengths = make_batch()

    def train(seed):
        model = make_model(plugin, seed)
        optimizer = torch.optim.Adam(model.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            model((frames,), (lengths,)).outputs.square().sum().backward()
            optimizer.step()
        return model.state_dict()

    one, again, other = train(5), train(5), train(6)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_gradients_reach_all_parameters(plugin):
    frames, lengths = make_batch()
    model = make_model(plugin)
    torch.nn.functional.cross_entropy(model((frames,), (lengths,)).outputs, torch.arange(5) % K).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        # biases may cancel out (before a batch norm, or the keys' in a softmax); weights never do
        assert parameter.dim() < 2 or parameter.grad.abs().max() > 0, name
