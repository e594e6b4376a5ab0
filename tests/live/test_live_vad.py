import numpy as np
import pytest
import torch

from affexion_core.audio.decode import load_audio
from affexion_core.live.vad import CHUNK, Network, VoiceActivity, speech_spans

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def clips(shared_audio):
    return [load_audio(file).signal for file in sorted((shared_audio / "ravdess").rglob("*.flac"))[::90]]


def packaged(signal):
    from silero_vad import load_silero_vad

    model = load_silero_vad()
    starts = range(0, len(signal) - CHUNK + 1, CHUNK)
    return np.array([model(torch.from_numpy(signal[i : i + CHUNK].copy()), 16_000).item() for i in starts]), model


def test_the_network_is_the_packages(clips, monkeypatch):
    """With the weights of the package's TorchScript model, the numbers are those of that model."""
    expected, model = packaged(clips[0])
    theirs = model._model.state_dict()
    mine = {"stft_conv.weight": theirs["stft.forward_basis_buffer"]}
    for i in range(4):
        for kind in ("weight", "bias"):
            mine[f"conv{i + 1}.{kind}"] = theirs[f"encoder.{i}.reparam_conv.{kind}"]
    for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        mine[f"lstm.{kind}_l0"] = theirs[f"decoder.rnn.{kind}"]
    for kind in ("weight", "bias"):
        mine[f"final_conv.{kind}"] = theirs[f"decoder.decoder.2.{kind}"]
    network = Network().eval()
    network.load_state_dict(mine)
    monkeypatch.setattr("affexion_core.live.vad.load_network", lambda: network)
    np.testing.assert_allclose(VoiceActivity().push(clips[0])[: len(expected)], expected, atol=1e-5)


def test_both_generations_of_weights_decide_alike(clips):
    same = np.concatenate(
        [(VoiceActivity().push(c) > 0.5)[: len(p)] == (p > 0.5) for c in clips for p in [packaged(c)[0]]]
    )
    assert same.mean() > 0.95


def test_packets_make_no_difference(clips):
    whole, stream = VoiceActivity().push(clips[0]), VoiceActivity()
    parts = [stream.push(clips[0][i : i + 333]) for i in range(0, len(clips[0]), 333)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_speech_is_heard_and_silence_and_noise_are_not(clips):
    for clip in clips:
        assert (VoiceActivity().push(clip) > 0.5).mean() > 0.25
    rng = np.random.default_rng(0)
    time = np.arange(48_000) / 16_000
    for other in (np.zeros(48_000), 0.05 * rng.normal(size=48_000), 0.2 * np.sin(2 * np.pi * 100 * time)):
        assert (VoiceActivity().push(other.astype(np.float32)) > 0.5).mean() < 0.05


def test_speech_between_silences_is_found(clips):
    silence = np.zeros(32_000, np.float32)
    ((start, end),) = speech_spans(VoiceActivity().push(np.concatenate([silence, clips[0], silence])))
    assert start > 2 and end < 4.5 + len(clips[0]) / 16_000 and end - start > 1


def test_spans_bridge_short_pauses_and_drop_clicks():
    probs = np.zeros(200)
    probs[[10, 50]] = 1  # clicks
    probs[80:100] = probs[105:130] = probs[160:190] = 1
    spans = speech_spans(probs)
    step = CHUNK / 16_000
    expected = [(80 * step - 0.2, 130 * step + 0.2), (160 * step - 0.2, 190 * step + 0.2)]
    np.testing.assert_allclose(spans, expected)
    assert speech_spans(np.zeros(50)) == ()
