"""The ComParE baseline by its own tools: 6373 functionals under a linear support vector machine."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="svm-compare",
    title="ComParE functionals and SVM",
    source="Schuller et al.: ComParE 2016",
    model="svm",
    front_ends={"opensmile": {"feature_set": "compare"}},
    model_settings={"kernel": "linear", "cost": 1e-4, "pooling": "mean"},
    inputs={"max_len": 1, "normalisation": "train"},
    training={"class_weights": "balanced"},
    notes="Needs openSMILE, whose licence allows research and teaching alone.",
)
