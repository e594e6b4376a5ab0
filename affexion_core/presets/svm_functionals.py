"""The classical floor of the field: functionals under a linear support vector machine, labels balanced."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="svm-functionals",
    title="Functionals and SVM",
    source="As the ComParE and eGeMAPS baselines do it, on our own functionals",
    model="svm",
    front_ends={"functionals": {}},
    model_settings={"kernel": "linear", "cost": 1e-3, "pooling": "mean"},
    inputs={"max_len": 1, "normalisation": "train"},
    training={"class_weights": "balanced"},
)
