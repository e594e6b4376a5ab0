"""The baseline every model must beat: mean and deviation of the MFCC over time, one linear layer."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="linear",
    title="Linear baseline",
    source="Affexion's own baseline",
    model="linear",
    front_ends={"mfcc": {"n_mfcc": 25, "deltas": 2, "hop_length": 160}},
    inputs={"max_len": 1000, "normalisation": "train"},
    training={"epochs": 60, "learning_rate": 1e-2, "schedule": "step", "step_size": 20, "gamma": 0.5},
)
