import torch
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.models._masking import MaskedBatchNorm1d, masked_mean, reversal_index, reverse, valid_frames
from affexion_core.models.linear import Config, Model

lengths_lists = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@given(lengths_lists, st.integers(0, 4))
def test_each_clip_turns_round_within_its_length(lengths, more):
    frames = torch.randn(max(lengths) + more, len(lengths), 3)
    index = reversal_index(torch.tensor(lengths), len(frames))
    turned = reverse(frames, index)
    for clip, length in enumerate(lengths):
        assert torch.equal(turned[:length, clip], frames[:length, clip].flip(0))
        assert torch.equal(turned[length:, clip], frames[length:, clip])
    assert torch.equal(reverse(turned, index), frames)


@given(lengths_lists)
def test_the_mean_runs_over_valid_frames(lengths):
    frames = torch.randn(len(lengths), 9, 3)
    means = masked_mean(frames, valid_frames(frames, torch.tensor(lengths)))
    for clip, length in enumerate(lengths):
        torch.testing.assert_close(means[clip], frames[clip, :length].mean(dim=0))


def test_batch_norm_equals_torch_on_the_valid_frames_alone():
    torch.manual_seed(0)
    frames, lengths = torch.randn(3, 5, 20) * 3 + 1, torch.tensor([20, 7, 1])
    mask = valid_frames(frames.transpose(1, 2), lengths)
    ours, theirs = MaskedBatchNorm1d(5), torch.nn.BatchNorm1d(5)
    for _ in range(3):
        expected = theirs(frames.transpose(1, 2)[mask])
        torch.testing.assert_close(ours(frames, mask).transpose(1, 2)[mask], expected)
    for one, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(frames, mask), theirs(frames))


def test_the_baseline_is_a_linear_map_of_mean_and_deviation():
    model = Model(Config(), (2, 1), 1)
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[1.0, 10.0, 100.0, 1000.0, 1e4, 1e5]]))
        model.linear.bias.fill_(0.5)
    speech = torch.tensor([[[1.0, 5.0], [3.0, 5.0], [99.0, 99.0]]])
    text = torch.tensor([[[7.0]]])
    output = model((speech, text), (torch.tensor([2]), torch.tensor([1])))
    # means 2 and 5, deviations 1 and 0 (floor 1e-4), mean 7, deviation 0 (floor 1e-4)
    expected = 0.5 + 2 + 50 + 100 + 1000 * 1e-4 + 70_000 + 1e5 * 1e-4
    torch.testing.assert_close(output.outputs, torch.tensor([[expected]]))
    assert output.attention is None
