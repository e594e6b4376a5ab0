"""The network against a plain reading of the paper: one unpadded clip, nn.LSTM, the whole attention matrix."""

import pytest
import torch
from torch import nn

from affexion_core.config import build, plain
from affexion_core.errors import ConfigError
from affexion_core.models.affexion import Config, Model

F, K = 9, 4
CONFIG = Config(channels=6, hidden=7, dense=5, conv_dropout=0.0, dropout=0.0)


class PlainNetwork(nn.Module):
    """Slow and obvious; takes one clip ``(1, T, F)`` without padding."""

    def __init__(self, config):
        super().__init__()
        wide = 2 * config.hidden
        self.convolutions = nn.ModuleList(
            nn.Conv1d(F, config.channels, kernel, padding=kernel // 2) for kernel in config.kernel_sizes
        )
        self.norm = nn.BatchNorm1d(config.channels * len(config.kernel_sizes))
        self.lstm = nn.LSTM(
            config.channels * len(config.kernel_sizes),
            config.hidden,
            config.lstm_layers,
            bidirectional=True,
            batch_first=True,
        )
        self.query, self.key, self.value = nn.Linear(wide, wide), nn.Linear(wide, wide), nn.Linear(wide, wide)
        self.dense, self.last = nn.Linear(wide, config.dense), nn.Linear(config.dense, K)

    def forward(self, clip):
        return self.after_norm(self.norm(self.convolved(clip)))

    def batch(self, clips):
        """Train on several clips: batch norm sees the frames of all, everything else each clip alone."""
        convolved = [self.convolved(clip) for clip in clips]
        normed = self.norm(torch.cat(convolved, dim=2)).split([x.shape[2] for x in convolved], dim=2)
        return torch.cat([self.after_norm(x)[0] for x in normed])

    def convolved(self, clip):
        x = clip.transpose(1, 2)
        return torch.cat([convolution(x) for convolution in self.convolutions], dim=1)

    def after_norm(self, x):
        x, _ = self.lstm(x.transpose(1, 2))
        scores = self.query(x) @ self.key(x).transpose(1, 2) / x.shape[2] ** 0.5
        matrix = torch.softmax(scores, dim=2)
        pooled = (matrix @ self.value(x)).mean(dim=1)
        return self.last(torch.relu(self.dense(pooled))), matrix.mean(dim=1)


def plain_name(name):
    """Where the reference keeps a parameter or buffer of the model."""
    parts = name.split(".")
    if parts[0] == "lstm":  # lstm.forwards.1.weight_ih_l0 -> lstm.weight_ih_l1
        way, layer, weight = parts[1:]
        return f"lstm.{weight[:-1]}{layer}" + ("_reverse" if way == "backwards" else "")
    if parts[0] == "head":
        return {"0": "dense.", "3": "last."}[parts[1]] + parts[2]
    return name.removeprefix("attention.")


def make_pair(dtype, config=CONFIG):
    torch.manual_seed(0)
    model = Model(config, (F,), K).to(dtype)
    nn.init.uniform_(model.norm.weight, 0.5, 1.5)
    nn.init.uniform_(model.norm.bias, -1, 1)
    model.norm.running_mean.uniform_(-0.5, 0.5)
    model.norm.running_var.uniform_(0.5, 2.0)
    reference = PlainNetwork(config).to(dtype)
    reference.load_state_dict({plain_name(name): value for name, value in model.state_dict().items()})
    return model, reference


def assert_same_gradients(model, reference, tolerance):
    theirs = dict(reference.named_parameters())
    scale = max(float(parameter.grad.abs().max()) for parameter in theirs.values())
    for name, parameter in model.named_parameters():
        expected = theirs[plain_name(name)].grad
        size = max(float(expected.abs().max()), 1e-6 * scale)
        assert float((parameter.grad - expected).abs().max()) <= tolerance * size, name


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [pytest.param(torch.float64, 1e-10, id="f64"), pytest.param(torch.float32, 1e-4, id="f32")]
)
def test_a_padded_batch_equals_the_plain_network_clip_by_clip(dtype, tolerance):
    model, reference = make_pair(dtype)
    model.eval(), reference.eval()
    lengths = (1, 3, 31, 60, 44)
    frames = torch.randn(len(lengths), 70, F, dtype=dtype)
    labels = torch.tensor([0, 1, 2, 3, 1])
    output = model((frames,), (torch.tensor(lengths),))
    expected = [reference(frames[row : row + 1, :length]) for row, length in enumerate(lengths)]
    logits = torch.cat([clip_logits for clip_logits, _ in expected])
    torch.testing.assert_close(output.outputs, logits, atol=tolerance, rtol=0)
    for row, (_, attention) in enumerate(expected):
        torch.testing.assert_close(output.attention[row, : lengths[row]], attention[0], atol=tolerance, rtol=0)
    nn.functional.cross_entropy(output.outputs, labels).backward()
    nn.functional.cross_entropy(logits, labels).backward()
    if dtype == torch.float64:
        assert_same_gradients(model, reference, 1e-5)


def test_training_on_a_padded_clip_equals_the_plain_network():
    model, reference = make_pair(torch.float64)
    frames = torch.randn(1, 50, F, dtype=torch.float64)
    output = model((frames,), (torch.tensor([37]),)).outputs
    logits, _ = reference(frames[:, :37])
    torch.testing.assert_close(output, logits, atol=1e-10, rtol=0)
    output.square().sum().backward()
    logits.square().sum().backward()
    assert_same_gradients(model, reference, 1e-5)
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, dict(reference.named_buffers())[plain_name(name)])


@pytest.mark.parametrize(
    ("dtype", "logits_within", "gradients_within"),
    [pytest.param(torch.float64, 1e-10, 1e-8, id="f64"), pytest.param(torch.float32, 1e-4, 1e-5, id="f32")],
)
def test_training_on_a_padded_batch_equals_the_plain_network(dtype, logits_within, gradients_within):
    model, reference = make_pair(dtype)
    lengths, labels = (60, 3, 31, 1, 44), torch.tensor([0, 1, 2, 3, 1])
    frames = torch.randn(len(lengths), 66, F, dtype=dtype)
    output = model((frames,), (torch.tensor(lengths),)).outputs
    logits = reference.batch([frames[row : row + 1, :length] for row, length in enumerate(lengths)])
    torch.testing.assert_close(output, logits, atol=logits_within, rtol=0)
    nn.functional.cross_entropy(output, labels).backward()
    nn.functional.cross_entropy(logits, labels).backward()
    theirs = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        expected = theirs[plain_name(name)].grad
        torch.testing.assert_close(
            parameter.grad, expected, atol=gradients_within, rtol=0, msg=lambda text, n=name: f"{n}: {text}"
        )
    for name, buffer in model.named_buffers():
        torch.testing.assert_close(buffer, dict(reference.named_buffers())[plain_name(name)])


def test_the_papers_size_at_real_length_in_single_precision():
    config = Config(conv_dropout=0.0, dropout=0.0)
    model, reference = make_pair(torch.float32, config)
    model.eval(), reference.eval()
    frames = torch.randn(1, 500, F)
    with torch.no_grad():
        output, (logits, attention) = model((frames,), (torch.tensor([400]),)), reference(frames[:, :400])
    torch.testing.assert_close(output.outputs, logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(output.attention[:, :400], attention, atol=1e-6, rtol=1e-3)


def test_the_defaults_are_the_papers_network():
    model = Model(Config(), (75,), 4)
    assert [tuple(conv.weight.shape) for conv in model.convolutions] == [(64, 75, 3), (64, 75, 5), (64, 75, 7)]
    assert model.norm.num_features == 192
    assert model.conv_dropout.p == 0.2
    assert [lstm.hidden_size for lstm in model.lstm.forwards] == [128, 128]
    assert [lstm.input_size for lstm in model.lstm.backwards] == [192, 256]
    assert tuple(model.attention.query.weight.shape) == (256, 256)
    assert [type(layer).__name__ for layer in model.head] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert model.head[2].p == 0.3
    # convolutions 72,192, norm 384, LSTM 329,728 + 395,264, attention 197,376, dense 32,896 + 516
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_028_356


def test_settings_change_the_network():
    flat = Model(Config(attention=False, conv_relu=True, lstm_layers=1), (F,), K).eval()
    output = flat((torch.randn(2, 5, F),), (torch.tensor([5, 2]),))
    assert output.attention is None
    assert len(flat.lstm.forwards) == 1
    negative = torch.full((1, 4, 4), -1.0)
    assert not flat.activation(negative).any()
    assert torch.equal(Model(CONFIG, (F,), K).activation(negative), negative)


def test_settings_survive_json():
    config = Config(kernel_sizes=(1, 9), hidden=32)
    assert build(Config, plain(config)) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kernel_sizes": [3, 4]}, "kernel size 4 must be odd"),
        ({"kernel_sizes": []}, "kernel_sizes = .*at least 1 item"),
        ({"dropout": 0.95}, "dropout = 0.95: input should be less than or equal to 0.9"),
        ({"hidden_size": 64}, "there is no setting 'hidden_size'; choose attention, channels"),
    ],
)
def test_bad_settings_are_named(values, message):
    with pytest.raises(ConfigError, match=message):
        build(Config, values)


def test_two_front_ends_are_refused():
    with pytest.raises(ConfigError, match="'affexion' takes one front-end, not 2"):
        Model(Config(), (25, 768), 4)
