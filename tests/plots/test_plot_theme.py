import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageColor

from affexion_core.plots.theme import (
    ORIGIN_STYLES,
    SIGNALS,
    SURFACES,
    contrast,
    label_colour,
    label_symbol,
    luminance,
    percent,
    template,
    text_on,
)

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
NAMES = ("red", "orange", "yellow", "blue", "green", "violet", "gray")


def test_signal_colours_are_okabe_and_ito():
    assert SIGNALS == {
        "boredom": "#56B4E9",
        "panic": "#D55E00",
        "excitement": "#E69F00",
        "uncertainty": "#CC79A7",
    }
    assert label_colour("Panic") == "#D55E00"
    assert (ORIGIN_STYLES["real"].colour, ORIGIN_STYLES["synthetic"].colour) == ("#009E73", "#0072B2")


@pytest.mark.parametrize(
    "labels",
    [
        ("boredom", "panic", "excitement", "uncertainty"),
        ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
        ("angry", "calm", "disgust", "fearful", "happy", "neutral", "sad", "surprised"),
        ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"),
    ],
)
def test_labels_of_a_set_differ_in_colour_and_in_shape(labels):
    for one, other in combinations(labels, 2):
        assert label_colour(one) != label_colour(other)
        assert label_symbol(one) != label_symbol(other)


def test_a_label_has_one_colour_however_a_corpus_writes_it():
    assert label_colour("ANG") == label_colour("angry") == label_colour("anger")
    assert label_colour("fear") == label_colour("anxiety")
    assert label_colour("Skeptisch") == label_colour("skeptisch")


def test_luminance_and_contrast_equal_the_published_ends():
    assert luminance("#FFFFFF") == pytest.approx(1.0)
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert luminance("rgb(0, 114, 178)") == pytest.approx(luminance("#0072B2"))
    assert text_on("#F0E442") == "#10151B"
    assert text_on("#00224E") == "#FFFFFF"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_stands_out_from_its_ground(mode):
    surface, theme = SURFACES[mode], CONFIG[mode]
    assert contrast(surface.text, surface.background) >= 7
    assert contrast(surface.muted, surface.background) >= 4.5
    assert (theme["textColor"], theme["backgroundColor"]) == (surface.text, surface.background)
    for name in NAMES:
        assert contrast(theme[f"{name}TextColor"], theme[f"{name}BackgroundColor"]) >= 4.5, name
    assert contrast(theme["linkColor"], theme["backgroundColor"]) >= 4.5


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_badges_carry_the_label_colours(mode):
    theme = CONFIG[mode]
    assert [theme[f"{name}Color"] for name in ("blue", "red", "orange", "violet")] == list(SIGNALS.values())
    assert theme["greenColor"] == ORIGIN_STYLES["real"].colour


def test_signal_colours_stay_apart_for_colour_blind_eyes():
    # Machado et al. 2009, full deuteranopia, in linear RGB
    matrix = np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    )
    seen = {label: matrix @ (np.array(ImageColor.getrgb(colour)) / 255) ** 2.2 for label, colour in SIGNALS.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 0.08, (one, other)


def test_percent_in_words():
    assert percent(0.454) == "45 %"
    assert percent(0.4538, 1) == "45.4 %"
    assert percent(None) == "–"


def test_templates_differ_by_mode_and_are_made_once():
    assert template("light").layout.font.color == "#1B2430"
    assert template("dark").layout.font.color == "#E7EBF0"
    assert template("light") is template("light")
