"""DistilRoBERTa on transcripts, fine-tuned, as on MSP-Podcast; the voice is not heard."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="distilroberta-text",
    title="DistilRoBERTa on words",
    source="Speech and text on MSP-Podcast (coursework, 2025)",
    model="distilroberta-text",
    front_ends={"text": {"encoder": "distilbert/distilroberta-base"}},
    model_settings={"encoder": "distilbert/distilroberta-base"},
    inputs={"max_len": 512, "normalisation": "none"},
    training={
        "epochs": 5,
        "learning_rate": 3e-5,
        "batch_size": 16,
        "schedule": "none",
        "sampling": "truncated",
        "dev_fraction": 0.15,
        "early_stopping": 2,
    },
    reported={"real": {"accuracy": 35.0}},
    notes="35 % fine-tuned; 44 % with a checkpoint made for emotions, which you may name. Docs: docs/text.md.",
)
