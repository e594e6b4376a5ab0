"""Frozen HuBERT embeddings, their mean over a clip, and a feed-forward network: the CREMA-D system.

The source names neither the layer (the last one is used) nor the network's size.
"""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="hubert-mlp",
    title="HuBERT embeddings",
    source="Embeddings of self-supervised encoders on CREMA-D (coursework, 2025)",
    model="mlp",
    front_ends={"ssl": {"encoder": "facebook/hubert-base-ls960", "layers": "one", "layer": -1, "pooling": "mean"}},
    model_settings={"hidden": (256,), "dropout": 0.3},
    inputs={"max_len": 1000, "normalisation": "train"},
    training={
        "epochs": 60,
        "learning_rate": 1e-3,
        "batch_size": 32,
        "schedule": "none",
        "dev_fraction": 0.15,
        "early_stopping": 8,
    },
    notes="Needs the encoder on this machine: docs/ssl.md says where to get it and where to put it.",
)
