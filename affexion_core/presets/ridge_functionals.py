"""The classical floor for dimensions: functionals under ridge regression, in seconds and without pretrained weights."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="ridge-functionals",
    title="Functionals and ridge regression",
    source="As the eGeMAPS baselines do it, on our own functionals",
    model="logreg",
    front_ends={"functionals": {}},
    model_settings={"cost": 1e-2, "ridge": 100.0, "pooling": "mean"},
    inputs={"max_len": 1, "normalisation": "train"},
    training={"targets": "dimensions"},
    notes="Learns arousal, valence, dominance, or what else the dataset has values for: docs/dimensions.md.",
)
