"""Frozen wav2vec2 embeddings, their mean over a clip, and a feed-forward network that predicts dimensions."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="wav2vec2-dimensions",
    title="wav2vec2 embeddings, for dimensions",
    source="Affexion's own, after wav2vec2-mlp",
    model="mlp",
    front_ends={"ssl": {"encoder": "facebook/wav2vec2-base", "layers": "one", "layer": -1, "pooling": "mean"}},
    model_settings={"hidden": (256,), "dropout": 0.3},
    inputs={"max_len": 1000, "normalisation": "train"},
    training={
        "targets": "dimensions",
        "epochs": 60,
        "learning_rate": 1e-3,
        "batch_size": 32,
        "schedule": "none",
        "dev_fraction": 0.15,
        "early_stopping": 8,
    },
    notes="Needs the encoder on this machine (docs/ssl.md), and clips with values (docs/dimensions.md).",
)
