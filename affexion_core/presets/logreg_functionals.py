"""The classical floor with probabilities of its own: functionals under logistic regression, labels balanced."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="logreg-functionals",
    title="Functionals and logistic regression",
    source="As the ComParE and eGeMAPS baselines do it, on our own functionals",
    model="logreg",
    front_ends={"functionals": {}},
    model_settings={"cost": 1e-2, "pooling": "mean"},
    inputs={"max_len": 1, "normalisation": "train"},
    training={"class_weights": "balanced"},
)
