"""The poster's system: 13 MFCC with deltas, the first 2 s, the same network, 10 epochs."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="affexion-poster",
    title="Affexion, as on the poster",
    source="Singh, Singh and Tsai: Affexion, 2025 (poster)",
    model="affexion",
    front_ends={"mfcc": {"n_mfcc": 13, "deltas": 2, "hop_length": 160}},
    model_settings={
        "channels": 64,
        "kernel_sizes": (3, 5, 7),
        "conv_dropout": 0.2,
        "hidden": 128,
        "lstm_layers": 2,
        "dropout": 0.3,
    },
    inputs={"max_len": 200, "normalisation": "train"},
    training={"epochs": 10, "learning_rate": 1e-3, "schedule": "step", "step_size": 10, "gamma": 0.5},
    reported={"real": {"accuracy": 37.7, "macro_precision": 51.1, "uar": 37.9, "macro_f1": 37.7}},
    notes="The poster says only that the 7 folds on synthetic clips performed well.",
)
