"""wav2vec2 fine-tuned, as on MSP-Podcast: the encoder learns with the classifier, one clip at a time.

The source trains with a batch size of 1 for lack of memory; here 16 such clips make one update.
"""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="wav2vec2-finetune",
    title="wav2vec2, fine-tuned",
    source="Speech and text on MSP-Podcast (coursework, 2025)",
    model="wav2vec2-finetune",
    front_ends={"waveform": {}},
    model_settings={"encoder": "facebook/wav2vec2-base", "freeze_features": True, "gradient_checkpointing": True},
    # 50 frames a second: 12 s
    inputs={"max_len": 600, "normalisation": "none"},
    training={
        "epochs": 5,
        "learning_rate": 3e-5,
        "batch_size": 1,
        "accumulate": 16,
        "schedule": "none",
        "sampling": "truncated",
        "dev_fraction": 0.15,
        "early_stopping": 2,
    },
    reported={"real": {"accuracy": 29.0}},
    notes="Reported on nine labels of MSP-Podcast; 6 % with the encoder frozen. Needs the encoder: docs/ssl.md.",
)
