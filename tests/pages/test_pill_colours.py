"""Pills in tables carry white text: their colours are deep enough for it, and keep their hue."""

import colorsys

import pytest

from affexion_core.plots.theme import label_colour
from affexion_ui.theme import pill_colour

LABELS = ("boredom", "panic", "excitement", "uncertainty", "anger", "happiness", "sadness", "neutral", "unclear")


def channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def contrast_with_white(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return 1.05 / (sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)) + 0.05)


@pytest.mark.parametrize("label", LABELS)
def test_white_text_on_a_pill_can_be_read(label):
    own, pill = label_colour(label), pill_colour(label)
    assert contrast_with_white(pill) >= 4.5
    if contrast_with_white(own) >= 4.5:
        assert pill == own.upper()
    hue, saturation, _ = colorsys.rgb_to_hsv(*channels(own))
    if saturation > 0.1:
        assert colorsys.rgb_to_hsv(*channels(pill))[0] == pytest.approx(hue, abs=0.02)
