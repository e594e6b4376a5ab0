"""One file predicted by the script one would write: librosa's features, the network in torch. FOLDER FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import librosa
import numpy as np
import torch
from safetensors.torch import load_file

from affexion_core.models.affexion import Config, Model

folder, file = Path(sys.argv[1]), sys.argv[2]
description = json.loads((folder / "model.json").read_text())
tensors = load_file(folder / "model.safetensors")
model = Model(Config(**description["config"]["model"]["config"]), (75,), len(description["labels"]))
model.load_state_dict({name.removeprefix("model."): x for name, x in tensors.items() if name.startswith("model.")})
model.eval()

signal, rate = librosa.load(file, sr=16_000)
mfcc = librosa.feature.mfcc(y=signal, sr=rate, n_mfcc=25, hop_length=160)
features = np.concatenate([mfcc, librosa.feature.delta(mfcc), librosa.feature.delta(mfcc, order=2)]).T[:1000]
features = (features - tensors["normalisation.0.mean"].numpy()) / tensors["normalisation.0.deviation"].numpy()
with torch.inference_mode():
    given = torch.from_numpy(features.astype(np.float32))[None], torch.tensor([len(features)])
    probs = torch.softmax(model((given[0],), (given[1],)).outputs[0], 0)
print(json.dumps([{"probs": dict(zip(description["labels"], probs.tolist(), strict=True))}]))
