"""Voice and words under a gate, predicting label and dimensions at once: the future work of the MSP-Podcast study."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="fusion-dimensions",
    title="Voice and words, label and dimensions",
    source="Affexion's own; the future work of the MSP-Podcast study",
    model="fusion",
    front_ends={
        "ssl": {"encoder": "facebook/wav2vec2-base", "layers": "one", "layer": -1, "pooling": "mean"},
        "text-embedding": {"encoder": "distilbert/distilroberta-base", "missing": "empty"},
    },
    inputs={"max_len": 1000, "normalisation": "train"},
    training={
        "targets": "joint",
        "epochs": 60,
        "learning_rate": 1e-3,
        "batch_size": 32,
        "schedule": "none",
        "dev_fraction": 0.15,
        "early_stopping": 8,
    },
    notes="Needs both encoders (docs/ssl.md, docs/text.md), and clips with labels and values (docs/dimensions.md).",
)
