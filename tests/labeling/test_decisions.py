import pytest

from affexion_core.errors import LabelError, NotFoundError, RightsError, StoreError
from affexion_core.labeling.decisions import decide, find_decisions, undo_decision, withdraw_decision
from affexion_core.labeling.people import add_person
from affexion_core.labeling.votes import load_votes
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.labels import save_scheme
from affexion_core.store.people import Person
from affexion_core.store.session import Store
from affexion_core.types import Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


@pytest.fixture
def library(store: Store) -> Store:
    add_clips(store, [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(3)])
    save_dataset(store, "set", "real", MOOD, [("c0", "calm"), ("c1", "calm")])
    save_dataset(store, "same scheme", "real", MOOD, [("c0", "calm")])
    return store


@pytest.fixture
def ada(library: Store) -> Person:
    return add_person(library, "Ada")  # the first is the owner


@pytest.fixture
def bo(library: Store, ada: Person) -> Person:
    return add_person(library, "Bo", "adjudicator", by=ada)


def test_a_decision_settles_a_clip_and_stays_in_the_history(library: Store, ada: Person, bo: Person) -> None:
    decide(library, bo, "set", "c0", "panic", " trembling voice ")
    decide(library, ada, "set", "c0", None, "two people speak")
    history = find_decisions(library, "set", "c0")
    assert [(d.decided_by, d.label, d.reason, d.project) for d in history] == [
        ("Bo", "panic", "trembling voice", None),
        ("Ada", None, "two people speak", None),
    ]
    assert load_votes(library, "set").decisions == {"c0": history[1]}
    # a decision about a dataset's clip holds for every dataset under the scheme
    assert load_votes(library, "same scheme").decisions == {"c0": history[1]}
    assert find_decisions(library, "set") == history
    assert find_decisions(library, "set", "c1") == ()


def test_sending_again_adds_nothing(library: Store, bo: Person) -> None:
    for _ in range(3):
        decide(library, bo, "set", "c0", "panic", "heard it", id="one")
    assert len(find_decisions(library, "set", "c0")) == 1
    for _ in range(3):
        withdraw_decision(library, bo, "set", "c0", "not sure", id="two")
    assert [d.id for d in find_decisions(library, "set", "c0")] == ["one", "two"]
    assert load_votes(library, "set").decisions == {}


def test_undoing_goes_back_one_step(library: Store, ada: Person, bo: Person) -> None:
    first = decide(library, bo, "set", "c0", "panic", "trembling")
    second = decide(library, ada, "set", "c0", "calm", "only hoarse")
    back = undo_decision(library, ada, "set", "c0", second.id)
    assert (back.label, back.decided_by) == ("panic", "Ada")
    assert back.reason == "Back to what Bo decided: trembling"
    alone = decide(library, bo, "set", "c1", "calm", "clear")
    assert undo_decision(library, bo, "set", "c1", alone.id).withdrawn
    assert {id: d.label for id, d in load_votes(library, "set").decisions.items()} == {"c0": "panic"}
    with pytest.raises(StoreError, match="Ada has decided about this clip since"):
        undo_decision(library, bo, "set", "c0", first.id)
    with pytest.raises(StoreError, match="isn't there any more"):
        undo_decision(library, bo, "set", "c0", "gone")


def test_only_adjudicators_and_owners_decide(library: Store, ada: Person) -> None:
    rater = add_person(library, "Cy", "rater")
    viewer = add_person(library, "Di", "viewer")
    made = decide(library, ada, "set", "c0", "calm", "clear")
    for person in (rater, viewer, Person("Cy", "owner"), Person("nobody", "owner")):
        for act in (
            lambda p: decide(library, p, "set", "c0", "panic", "why"),
            lambda p: withdraw_decision(library, p, "set", "c0", "why"),
            lambda p: undo_decision(library, p, "set", "c0", made.id),
        ):
            with pytest.raises(RightsError, match="adjudicating needs the role adjudicator or owner|isn't among"):
                act(person)
    assert find_decisions(library, "set") == (made,)


@pytest.mark.parametrize(
    ("name", "clip", "label", "reason", "error", "message"),
    [
        ("gone", "c0", "calm", "why", NotFoundError, "no project or dataset 'gone'"),
        ("set", "c2", "calm", "why", NotFoundError, "dataset 'set' has no clip c2"),
        ("set", "c0", "joy", "why", LabelError, "'joy' isn't in scheme 'mood'"),
        ("set", "c0", "calm", "  ", LabelError, "needs a reason"),
    ],
)
def test_what_does_not_fit_is_refused(name, clip, label, reason, error, message, library: Store, ada: Person) -> None:
    with pytest.raises(error, match=message):
        decide(library, ada, name, clip, label, reason)
    assert find_decisions(library, "set") == ()


def test_numbers_are_not_adjudicated(library: Store, ada: Person) -> None:
    save_scheme(library, Scheme("arousal", low=1, high=7))
    save_dataset(library, "numbers", "real", Scheme("arousal", low=1, high=7), [("c0", "3")])
    with pytest.raises(LabelError, match="only labels can be adjudicated"):
        decide(library, ada, "numbers", "c0", "3", "why")


def test_nothing_to_take_back(library: Store, ada: Person) -> None:
    with pytest.raises(StoreError, match="Nothing is decided"):
        withdraw_decision(library, ada, "set", "c0", "why")
