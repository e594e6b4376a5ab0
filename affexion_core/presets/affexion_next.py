"""Affexion's own system: 1475 figures of a clip at three speeds, made normal by rank, under a kernel machine."""

from affexion_core.presets._preset import Preset

PRESET = Preset(
    name="affexion-next",
    title="Affexion next",
    source="Affexion's own",
    model="affexion-next",
    front_ends={"functionals": {"figures": "wide", "speeds": (0.87, 1.15)}},
    inputs={"max_len": 3, "normalisation": "train"},
    notes="Learned in one closed-form step, in seconds, without pretrained weights.",
)
