"""A CRNN on log-mel spectrograms, as a student project designed it for TESS.

The source gives no figures, no sizes and no settings of its steps; those here were not tuned on any corpus. It fills
clips up to a fixed length; here the first 3 s after trimming are kept and padding is not seen. The 97 to 99.9 % often
quoted for TESS share both speakers and all words between training and test.
"""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="crnn-tess",
    title="CRNN on log-mel spectrograms",
    source="Student project on TESS, CMPT 419, Simon Fraser University, 2025",
    model="crnn",
    front_ends={"logmel": {"n_mels": 64, "n_fft": 1024, "hop_length": 160}},
    preprocessing={"amplitude": "peak", "noise_reduction": 0.8, "trim_db": 30.0},
    inputs={"max_len": 300, "normalisation": "train"},
    training={
        "epochs": 40,
        "batch_size": 32,
        "learning_rate": 1e-3,
        "schedule": "plateau",
        "step_size": 3,
        "gamma": 0.5,
        "dev_fraction": 0.15,
        "early_stopping": 8,
    },
    augmentation={"copies": 1, "kinds": ("pitch", "stretch"), "combine": "all"},
    notes="TESS has two speakers: only two folds keep them apart; folds by text keep words apart alone.",
)
