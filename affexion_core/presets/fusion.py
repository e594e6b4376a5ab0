"""Voice and words: frozen embeddings of both under a gate that says which one decides; the words may be missing."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="fusion",
    title="Voice and words",
    source="Affexion's own; the future work of the MSP-Podcast study",
    model="fusion",
    front_ends={
        "ssl": {"encoder": "facebook/wav2vec2-base", "layers": "one", "layer": -1, "pooling": "mean"},
        "text-embedding": {"encoder": "distilbert/distilroberta-base", "missing": "empty"},
    },
    inputs={"max_len": 1000, "normalisation": "train"},
    training={
        "epochs": 60,
        "learning_rate": 1e-3,
        "batch_size": 32,
        "schedule": "none",
        "dev_fraction": 0.15,
        "early_stopping": 8,
    },
    notes="Needs both encoders on this machine: docs/ssl.md and docs/text.md.",
)
