import json
from pathlib import Path

import pytest

from affexion_core.errors import LabelError
from affexion_core.scheme_files import load_scheme_file, shipped_schemes
from affexion_core.types import Scheme


def test_the_shipped_schemes() -> None:
    schemes = shipped_schemes()
    assert schemes["affexion"].labels == ("boredom", "panic", "excitement", "uncertainty")
    assert schemes["emospeech"].labels == ("angry", "calm", "fearful", "happy")
    assert len(schemes["msp-podcast"].labels) == 9
    for name in ("arousal", "valence", "dominance"):
        assert schemes[name] == Scheme(name, low=1.0, high=7.0)
    assert set(schemes) == {
        "affexion", "cremad", "ravdess", "emodb", "tess", "emospeech", "msp-podcast", "arousal", "valence", "dominance",
    }  # fmt: skip


def test_a_scheme_without_a_name_bears_that_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "mood.json").write_text('{"labels": ["low", "high"]}')
    assert load_scheme_file(tmp_path / "mood.json") == Scheme("mood", ("low", "high"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "needs an object such as"),
        ({"label": ["a"]}, "has 'label', which a scheme doesn't have. It may have description, high, labels"),
        ({"labels": "low"}, "has the labels 'low'; they need to be a list"),
        ({"labels": ["a", ""]}, "they need to be a list of texts"),
        ({"labels": ["a", "a"]}, "lists a label twice"),
        ({"name": 3, "labels": ["a"]}, "has the name 3; it needs text"),
        ({"low": "1", "high": 7}, "has low = '1'; it needs a number"),
        ({"low": 7, "high": 1}, "numeric range with low < high"),
        ({"labels": ["a"], "low": 1}, "has both labels and a numeric range"),
        ({}, "needs labels, or a numeric range"),
    ],
)
def test_a_wrong_scheme_is_refused(values: object, message: str, tmp_path: Path) -> None:
    (tmp_path / "mood.json").write_text(json.dumps(values))
    with pytest.raises(LabelError, match=message):
        load_scheme_file(tmp_path / "mood.json")


def test_unreadable_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nix\.json can't be read: No such file"):
        load_scheme_file(tmp_path / "nix.json")
    (tmp_path / "mood.json").write_text("{")
    with pytest.raises(LabelError, match=r"mood\.json is not JSON"):
        load_scheme_file(tmp_path / "mood.json")
