import pytest
import torch

from affexion_core.config import build
from affexion_core.errors import ConfigError
from affexion_core.models.crnn import Block, Config, Model, by_frame


def test_a_pooled_weight_is_shared_by_the_frames_it_stands_for():
    weights = torch.tensor([[0.6, 0.4], [1.0, 0.0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    shared = by_frame(weights, mask, 4)
    torch.testing.assert_close(shared, torch.tensor([[0.15, 0.15, 0.15, 0.15, 0.4], [0.5, 0.5, 0, 0, 0]]))


def test_attention_gives_the_moment_that_tells_more_than_its_share():
    torch.manual_seed(0)
    model = Model(Config(channels=(8,), kernel_sizes=(3,), time_pools=1, hidden=8, conv_dropout=0.0), (16,), 2)
    frames = torch.randn(32, 48, 16) * 0.1
    labels = torch.arange(32) % 2
    for clip in range(32):  # a short event in a low or a high band, at a place of its own
        at = (7 * clip) % 40
        frames[clip, at : at + 6, (2, 12)[clip % 2]] += 4.0
    lengths = torch.full((32,), 48)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.train()((frames,), (lengths,)).outputs, labels).backward()
        optimizer.step()
    with torch.no_grad():
        found = model.eval()((frames,), (lengths,))
    assert (found.outputs.argmax(1) == labels).all()
    inside = [float(found.attention[clip, (7 * clip) % 40 : (7 * clip) % 40 + 8].sum()) for clip in range(32)]
    # not all of it: the LSTM carries what it heard to the other states
    assert sum(inside) / 32 > 1.3 * 8 / 48


def test_a_block_equals_its_parts_on_clips_without_padding():
    torch.manual_seed(0)
    block = Block(1, 4, 3, 2, 0.0).eval()
    x, mask = torch.randn(2, 1, 9, 10), torch.ones(2, 9).bool()
    pooled = torch.nn.functional.max_pool2d(torch.relu(block.convolution(x)), 2, ceil_mode=True)
    plain = torch.nn.BatchNorm2d(4).eval()
    out, kept = block(x, mask)
    torch.testing.assert_close(out, plain(pooled))
    assert out.shape == (2, 4, 5, 5) and kept.shape == (2, 5) and kept.all()


@pytest.mark.parametrize("training", [False, True])
def test_without_attention_states_are_averaged(training):
    model = Model(Config(attention=False), (20,), 3).train(training)
    assert model((torch.randn(2, 30, 20),), (torch.tensor([30, 11]),)).attention is None


def test_bad_settings_are_named():
    with pytest.raises(ConfigError, match="channels names 2 blocks, kernel_sizes 4"):
        build(Config, {"channels": (8, 8)})
    with pytest.raises(ConfigError, match="kernel size 4 must be odd"):
        build(Config, {"kernel_sizes": (3, 4, 5, 5)})
