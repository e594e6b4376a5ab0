"""The paper's system: 25 MFCC with deltas, up to 10 s, multi-scale convolutions, BiLSTM and self-attention.

Where the text contradicts itself (its datasheet pads to 200 frames, its methods section to 1000), the methods
section is followed. The batch size is not stated; 16 is used.
"""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="affexion-paper",
    title="Affexion, as in the paper",
    source="Singh, Singh and Tsai: Affexion, 2025 (paper)",
    model="affexion",
    front_ends={"mfcc": {"n_mfcc": 25, "deltas": 2, "hop_length": 160}},
    model_settings={
        "channels": 64,
        "kernel_sizes": (3, 5, 7),
        "conv_dropout": 0.2,
        "hidden": 128,
        "lstm_layers": 2,
        "dropout": 0.3,
    },
    inputs={"max_len": 1000, "normalisation": "train"},
    training={"epochs": 15, "learning_rate": 1e-3, "schedule": "step", "step_size": 10, "gamma": 0.5},
    crossval={"epochs": 20},
    reported={
        "cv": {"accuracy": 75.1, "macro_precision": 77.9, "uar": 76.0, "macro_f1": 74.4, "low": 67.5, "high": 87.8},
        "train": {"accuracy": 98.3, "train_loss_sum": 3.7168},
        "real": {"accuracy": 45.3, "macro_precision": 49.4, "uar": 45.5, "macro_f1": 43.6},
    },
    notes="Reported on 280 synthetic clips (7 folds, voices on both sides) and 52 real clips cut from YouTube.",
)
