"""Is somebody speaking? Silero's voice-activity network, written out in PyTorch.

Its weights come with the package ``silero-vad`` (MIT) as safetensors. The package's own code is not loaded: its models
are TorchScript or ONNX, and its import sets torch's threads for the whole process. The safetensors are of an earlier
generation than the package's TorchScript; tests hold this network, with the weights of the latter, against the package,
and compare the decisions of both generations on real clips.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from affexion_core.errors import ModelError
from affexion_core.live.thresholds import SPEECH_ABOVE

SAMPLING_RATE = 16_000
# Samples that one probability is for: 32 ms.
CHUNK = 512
_CONTEXT = 64
_WEIGHTS = "silero_vad_16k.safetensors"


class Network(nn.Module):
    """Spectrum → four convolutions → LSTM over the chunks → one probability a chunk."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def forward(self, chunks: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Judge chunks ``(n, 64 + 512)``, each with the samples before it; gives ``(n,)`` and the new state."""
        x = self.stft_conv(F.pad(chunks, (0, _CONTEXT), mode="reflect")[:, None])
        x = (x[:, :129].square() + x[:, 129:].square()).sqrt()
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = layer(x).relu()
        out, state = self.lstm(x.transpose(1, 2), state)  # one frame a chunk is left: (n, 1, 128)
        return self.final_conv(out.relu().transpose(1, 2)).sigmoid()[:, 0, 0], state


@lru_cache(maxsize=1)
def load_network() -> Network:
    """Load the network once.

    Raises
    ------
    ModelError
        If the package with its weights isn't installed, or has others.
    """
    found = importlib.util.find_spec("silero_vad")
    if found is None or not found.submodule_search_locations:
        raise ModelError("Telling speech from silence needs the package silero-vad; run `pip install silero-vad`.")
    path = Path(found.submodule_search_locations[0]) / "data" / _WEIGHTS
    network = Network()
    try:
        # a cell's weights are those of a one-layer LSTM
        weights = {
            f"lstm.{name.removeprefix('lstm_cell.')}_l0" if name.startswith("lstm_cell.") else name: values
            for name, values in load_file(path).items()
        }
        network.load_state_dict(weights)
    except (OSError, RuntimeError) as error:
        raise ModelError(f"The weights {path} can't be used ({error}); install silero-vad again.") from error
    return network.eval()


class VoiceActivity:
    """Follows one stream at 16 kHz: takes samples as they come, gives a probability of speech for each 32 ms."""

    def __init__(self) -> None:
        self._network = load_network()
        self._state = (torch.zeros(1, 1, 128), torch.zeros(1, 1, 128))
        self._waiting = np.zeros(_CONTEXT, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Judge the chunks that are complete with ``samples`` ``(n_samples,)``: float32 ``(n_chunks,)`` in [0, 1]."""
        held = np.concatenate([self._waiting, samples.astype(np.float32, copy=False)])
        n = (len(held) - _CONTEXT) // CHUNK
        if n <= 0:
            self._waiting = held
            return np.empty(0, np.float32)
        chunks = np.lib.stride_tricks.sliding_window_view(held, _CONTEXT + CHUNK)[::CHUNK][:n]
        self._waiting = held[n * CHUNK :].copy()
        with torch.inference_mode():
            probs, self._state = self._network(torch.from_numpy(chunks.copy()), self._state)
        return probs.numpy()


def speech_spans(
    probs: np.ndarray,
    threshold: float = SPEECH_ABOVE,
    longest_pause: float = 0.5,
    shortest: float = 0.3,
    margin: float = 0.2,
) -> tuple[tuple[float, float], ...]:
    """Find the stretches of speech.

    Parameters
    ----------
    probs
        Probability of speech of each 32 ms ``(n_chunks,)``.
    threshold
        From which a chunk is speech.
    longest_pause, shortest
        Seconds: shorter pauses are bridged; shorter stretches are left out.
    margin
        Seconds added on both sides, where there is room.

    Returns
    -------
    tuple of (start, end) in seconds, in order, apart from each other.
    """
    step = CHUNK / SAMPLING_RATE
    spans: list[list[int]] = []
    for index in np.flatnonzero(probs >= threshold).tolist():
        if spans and (index - spans[-1][1]) * step <= longest_pause:
            spans[-1][1] = index + 1
        else:
            spans.append([index, index + 1])
    end = len(probs) * step
    long = [(first * step, last * step) for first, last in spans if (last - first) * step >= shortest]
    side = min(margin, longest_pause / 2)
    return tuple((max(0.0, first - side), min(end, last + side)) for first, last in long)
