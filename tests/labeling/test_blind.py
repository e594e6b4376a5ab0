import pytest

from affexion_core.labeling.answers import Answer
from affexion_core.labeling.blind import why_hidden
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import close_project, create_project
from affexion_core.labeling.queue import draw, submit
from affexion_core.labeling.votes import votes_stamp
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.labels import add_annotations
from affexion_core.store.people import Person
from affexion_core.store.session import Store
from affexion_core.types import Annotation, Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


@pytest.fixture
def people(store: Store) -> dict[str, Person]:
    """Ada owns the project "round" of two clips, for Bo and Cy; Ed adjudicates, Di only looks."""
    add_clips(store, [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(3)])
    ada = add_person(store, "Ada")
    made = [ada, add_person(store, "Bo"), add_person(store, "Cy"), add_person(store, "Zoe")]
    made += [add_person(store, "Di", "viewer"), add_person(store, "Ed", "adjudicator", by=ada)]
    create_project(store, ada, "round", MOOD, ["c0", "c1"], raters=("Bo", "Cy"))
    save_dataset(store, "set", "real", MOOD, [("c0", "calm"), ("c2", "calm")])
    return {person.name: person for person in made}


def judge(store: Store, person: Person) -> None:
    for task in draw(store, "round", person):
        receipts = submit(store, "round", person, [Answer(f"{person.name}-{task.clip_id}", task.clip_id, "calm")])
        assert [receipt.status for receipt in receipts] == ["saved"]


def test_raters_see_votes_once_they_have_judged(store: Store, people: dict[str, Person]) -> None:
    assert "2 clips wait for you in the project round" in (why_hidden(store, "round", people["Bo"]) or "")
    judge(store, people["Bo"])
    assert why_hidden(store, "round", people["Bo"]) is None
    assert "2 clips wait" in (why_hidden(store, "round", people["Cy"]) or "")
    for name in ("Ada", "Ed", "Di", "Zoe"):  # owner, adjudicator, viewer, a rater of other projects
        assert why_hidden(store, "round", people[name]) is None
    assert "Say who you are" in (why_hidden(store, "round", None) or "")
    close_project(store, people["Ada"], "round")
    assert why_hidden(store, "round", people["Cy"]) is None


def test_a_dataset_of_the_same_clips_gives_nothing_away(store: Store, people: dict[str, Person]) -> None:
    assert why_hidden(store, "set", people["Cy"]) is None
    judge(store, people["Bo"])
    assert "project round" in (why_hidden(store, "set", people["Cy"]) or "")
    assert "Say who you are" in (why_hidden(store, "set", None) or "")
    assert why_hidden(store, "set", people["Bo"]) is None


def test_votes_of_a_corpus_hide_from_nobody(store: Store, people: dict[str, Person]) -> None:
    add_annotations(store, [Annotation("1", "c2", "mood", "demo:vote-1", "calm", "2026")])
    assert why_hidden(store, "set", None) is None


def test_the_stamp_changes_with_each_judgement(store: Store, people: dict[str, Person]) -> None:
    before = votes_stamp(store, "round"), votes_stamp(store, "set")
    assert before == (votes_stamp(store, "round"), votes_stamp(store, "set"))
    judge(store, people["Bo"])
    after = votes_stamp(store, "round"), votes_stamp(store, "set")
    assert before[0] != after[0] and before[1] != after[1]
    save_dataset(store, "set", "real", MOOD, [("c1", "calm")])
    assert votes_stamp(store, "set") != after[1]
