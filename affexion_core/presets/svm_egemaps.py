"""The field's classical baseline by its own tools: eGeMAPS functionals under a linear support vector machine."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="svm-egemaps",
    title="eGeMAPS and SVM",
    source="Eyben et al.: GeMAPS, 2016; classified as in the ComParE baselines",
    model="svm",
    front_ends={"opensmile": {"feature_set": "egemaps"}},
    model_settings={"kernel": "linear", "cost": 1e-2, "pooling": "mean"},
    inputs={"max_len": 1, "normalisation": "train"},
    training={"class_weights": "balanced"},
    notes="Needs openSMILE, whose licence allows research and teaching alone.",
)
