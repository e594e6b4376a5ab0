import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.errors import LabelError
from affexion_core.ingest.label_maps import LabelMap, Rule, apply, load_label_map, shipped_label_maps, targets
from affexion_core.scheme_files import shipped_schemes

CORPORA = ("cremad", "emodb", "emospeech", "msp-podcast", "ravdess", "tess")


def test_a_map_ships_for_every_pair_of_corpora_and_for_the_signals() -> None:
    pairs = {f"{left}-to-{right}" for left, right in itertools.permutations(CORPORA, 2)}
    signals = {f"{corpus}-to-signals" for corpus in CORPORA if corpus != "msp-podcast"}
    assert set(shipped_label_maps()) == pairs | signals


@pytest.mark.parametrize("name", shipped_label_maps())
def test_a_shipped_map_covers_its_corpus_and_keeps_to_its_target(name: str) -> None:
    label_map, (left, right) = load_label_map(name), name.split("-to-")
    schemes = shipped_schemes() | {"signals": shipped_schemes()["affexion"]}
    assert all(label_map.knows(label) for label in schemes[left].labels)
    assert {rule.label for rule in label_map.rules} <= {*schemes[left].labels, "fear_anxiety"}
    assert set(targets(label_map)) <= set(schemes[right].labels)
    assert len(targets(label_map)) >= (2 if right == "signals" and left != "emospeech" else 1)
    assert all(rule.note for rule in label_map.rules if rule.target is None)


@pytest.mark.parametrize(
    "pair", [p for p in itertools.permutations(CORPORA, 2) if p[0] < p[1]], ids=lambda pair: "-".join(pair)
)
def test_maps_between_corpora_undo_each_other(pair: tuple[str, str]) -> None:
    there, back = load_label_map(f"{pair[0]}-to-{pair[1]}"), load_label_map(f"{pair[1]}-to-{pair[0]}")
    shared = {rule.label for rule in there.rules if rule.target} - {"fear_anxiety"}
    assert len(shared) >= 3
    for label in shared:
        target = apply(there, label, {})
        assert target is not None
        assert apply(back, target, {}) == label


def test_ravdess_to_signals_asks_for_the_strength() -> None:
    label_map = load_label_map("ravdess-to-signals")
    assert targets(label_map) == ("panic", "excitement")
    assert apply(label_map, "fearful", {"intensity": "strong"}) == "panic"
    assert apply(label_map, "fearful", {"intensity": "normal"}) is None
    assert apply(label_map, "fearful", {}) is None
    assert apply(label_map, "surprised", {"intensity": "strong"}) == "excitement"
    assert apply(label_map, "grumpy", {"intensity": "strong"}) is None
    assert not label_map.knows("grumpy")


NAMES = st.sampled_from("abc")
RULES = st.builds(
    Rule, NAMES, st.none() | st.sampled_from("xy"), st.dictionaries(st.sampled_from(["i", "j"]), NAMES, max_size=2)
)


@given(rules=st.lists(RULES, max_size=6), label=NAMES, attributes=st.dictionaries(st.sampled_from("ij"), NAMES))
def test_the_first_matching_row_wins(rules: list[Rule], label: str, attributes: dict[str, str]) -> None:
    try:
        label_map = LabelMap("m", tuple(rules))
    except LabelError:
        return
    matching = [r for r in rules if r.label == label and all(attributes.get(k) == v for k, v in r.conditions.items())]
    assert apply(label_map, label, attributes) == (matching[0].target if matching else None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; it needs a header row"),
        ("label,goal\na,b\n", r"has no column 'target'\. It has goal or label"),
        ("from,target\na,b\n", r"has no column 'label'\. It has from or target"),
        ("label,target\n,b\n", r"row without a label \(target 'b'\)"),
        ("label,target\na,b\na,c\n", r"'m': row 3 \(a\) is never reached, because row 2 \(a\) comes first"),
        ("label,level,target\na,,b\na,HI,c\n", r"row 3 \(a, level = HI\) is never reached, because row 2 \(a\)"),
        ("label,level,target\na,HI,b\na,HI,b\n", r"row 3 \(a, level = HI\) is never reached"),
    ],
)
def test_a_wrong_map_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(LabelError, match=message):
        load_label_map(tmp_path / "m.csv")


def test_an_unknown_map_lists_the_shipped() -> None:
    with pytest.raises(
        LabelError, match=r"no label map or file 'tess-to-moods'\. Shipped are cremad-to-emodb, .*tess-to-"
    ):
        load_label_map("tess-to-moods")
