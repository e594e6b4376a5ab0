import dataclasses

import pytest

from affexion_core.errors import LabelError, NotFoundError, StoreError
from affexion_core.store.clips import add_clips
from affexion_core.store.labels import add_annotations, current_annotations, find_annotations, load_scheme, save_scheme
from affexion_core.store.session import Store
from affexion_core.types import Annotation, Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))
VALENCE = Scheme("valence", low=-1.0, high=1.0)


@pytest.fixture
def library(store: Store) -> Store:
    add_clips(store, [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(3)])
    save_scheme(store, MOOD)
    save_scheme(store, VALENCE)
    return store


def said(id: str, value: str | float = "calm", clip: str = "c0", scheme: str = "mood", rater: str = "ann", at: int = 1):
    return Annotation(id, clip, scheme, rater, value, f"2026-01-01T00:00:{at:02d}Z", comment=f"about {clip}: ü")


def test_judgements_come_back_oldest_first(library: Store) -> None:
    made = [said("b", "panic", at=2), said("a", -0.25, scheme="valence", at=3), said("c", at=1), said("d", at=1)]
    assert add_annotations(library, made) == 4
    assert find_annotations(library) == (made[2], made[3], made[0], made[1])


def test_sending_again_adds_nothing(library: Store) -> None:
    made = [said(f"id-{i}") for i in range(5)]
    assert add_annotations(library, made) == 5
    for _ in range(20):
        assert add_annotations(library, made) == 0
    assert add_annotations(library, [*made, said("new"), said("new")]) == 1
    assert add_annotations(library, []) == 0
    # nor does it change what was said first
    assert add_annotations(library, [dataclasses.replace(made[0], value="panic")]) == 0
    assert {a.value for a in find_annotations(library)} == {"calm"}


def test_a_correction_is_another_row(library: Store) -> None:
    add_annotations(library, [said("1", "calm")])
    add_annotations(library, [said("2", "panic", at=2)])
    assert [a.value for a in find_annotations(library, ["c0"], "mood", "ann")] == ["calm", "panic"]


def test_finding(library: Store) -> None:
    made = [said("1"), said("2", clip="c1"), said("3", rater="bob"), said("4", 0, scheme="valence")]
    add_annotations(library, made)
    ids = lambda **query: [a.id for a in find_annotations(library, **query)]  # noqa: E731
    assert ids(clip_ids=["c0"]) == ["1", "3", "4"]
    assert ids(clip_ids=["c1", "c2", "c1"]) == ["2"]
    assert ids(clip_ids=[]) == []
    assert ids(clip_ids=["nowhere"]) == []
    assert ids(rater="bob") == ["3"]
    assert ids(scheme="mood", rater="ann") == ["1", "2"]
    assert ids(clip_ids=(f"c{i}" for i in range(40_000))) == ["1", "2", "3", "4"]
    with pytest.raises(NotFoundError, match="no scheme 'x' in the workspace; choose mood or valence"):
        find_annotations(library, scheme="x")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (said("2", "joy"), LabelError, "Annotation of clip c0: 'joy' isn't in scheme 'mood'; choose calm, panic"),
        (said("2", 0.5), LabelError, "0.5 isn't in scheme 'mood'"),
        (said("2", 1.5, scheme="valence"), LabelError, "1.5 isn't in scheme 'valence'; choose a number from -1 to 1"),
        (said("2", float("nan"), scheme="valence"), LabelError, "nan isn't in scheme"),
        (said("2", scheme="x"), NotFoundError, "no scheme 'x'"),
        (said("2", clip="x"), NotFoundError, "No clip x in the workspace"),
    ],
)
def test_one_that_does_not_fit_saves_none(library: Store, wrong: Annotation, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        add_annotations(library, [said("1"), wrong])
    assert find_annotations(library) == ()


def test_schemes(library: Store) -> None:
    assert load_scheme(library, "mood") == MOOD
    assert load_scheme(library, "valence") == VALENCE
    save_scheme(library, MOOD)
    grown = Scheme("mood", ("calm", "panic", "joy"))
    save_scheme(library, grown)
    assert load_scheme(library, "mood") == grown
    for changed in (MOOD, Scheme("mood", ("panic", "calm", "joy")), Scheme("mood", (), 0, 1)):
        with pytest.raises(LabelError, match="in use as calm, panic, joy; labels may only be added at the end"):
            save_scheme(library, changed)
    with pytest.raises(LabelError, match="in use as a number from -1 to 1"):
        save_scheme(library, Scheme("valence", low=-1, high=2))
    assert load_scheme(library, "mood") == grown
    with pytest.raises(NotFoundError, match="no scheme 'x' in the workspace; choose mood or valence"):
        load_scheme(library, "x")


def test_what_the_station_adds_is_kept(library: Store) -> None:
    store = library
    first = Annotation("a", "c0", "mood", "ann", None, "2026-01-01T00:00:00Z", unclear="noise", seconds=2.5,
                       heard=0.95, flags=("too fast",))  # fmt: skip
    second = Annotation("b", "c0", "mood", "ann", "calm", "2026-01-01T00:00:01Z", replaces="a", second="panic",
                        confidence=4, intensity=2)  # fmt: skip
    gone = Annotation("c", "c0", "mood", "ann", None, "2026-01-01T00:00:02Z", replaces="b", withdrawn=True)
    for made in (first, second, gone):
        assert add_annotations(store, [made]) == 1
    assert find_annotations(store) == (first, second, gone)
    assert current_annotations([first, second]) == (second,)
    assert current_annotations([first, second, gone]) == ()


def test_a_judgement_says_one_thing() -> None:
    with pytest.raises(LabelError, match="a of clip c must say one thing"):
        Annotation("a", "c", "mood", "ann", "calm", "2026", unclear="noise")
    with pytest.raises(LabelError, match="must name the judgement that it withdraws"):
        Annotation("a", "c", "mood", "ann", None, "2026", withdrawn=True)


def test_two_corrections_of_one_judgement_dont_fit(library: Store) -> None:
    store = library
    add_annotations(store, [Annotation("a", "c0", "mood", "ann", "calm", "2026-01-01")])
    add_annotations(store, [Annotation("b", "c0", "mood", "ann", "panic", "2026-01-02", replaces="a")])
    with pytest.raises(StoreError):
        add_annotations(store, [Annotation("c", "c0", "mood", "ann", "calm", "2026-01-03", replaces="a")])
    assert [made.id for made in find_annotations(store)] == ["a", "b"]
