import pytest
from annotating import MOOD, PROJECT, add_test_clips, column, give, held, judge_all, make_project, votes
from annotating import answer as an_answer

from affexion_core.config import build
from affexion_core.errors import ConfigError, LabelError, NotFoundError, RightsError, StoreError
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import (
    ProjectSettings,
    close_project,
    create_project,
    extend_project,
    get_project,
    list_projects,
    open_project,
    set_priorities,
    set_raters,
)
from affexion_core.labeling.queue import draw, release
from affexion_core.store.datasets import save_dataset
from affexion_core.store.labels import load_scheme
from affexion_core.store.people import Person
from affexion_core.store.session import Store
from affexion_core.types import Scheme


@pytest.fixture
def olga(store: Store) -> Person:
    add_test_clips(store, 6)
    return add_person(store, "Olga")


def test_a_project_is_kept_as_it_was_made(store: Store, olga: Person) -> None:
    add_person(store, "Ben")
    settings = ProjectSettings(overlap=2, dimensions=("arousal", "valence"), instructions="Listen twice.", seed=7)
    made = create_project(store, olga, " two  words ", MOOD, ["c00001", "c00000", "c00001"], settings, ["Ben", "Ben"])
    assert (made.name, made.scheme, made.settings, made.raters) == ("two words", MOOD, settings, ("Ben",))
    assert (made.state, made.created_by) == ("open", "Olga")
    assert get_project(store, "two words") == made
    assert load_scheme(store, "valence") == Scheme("valence", (), 1, 7)
    (listed,) = list_projects(store)
    assert (listed.project, listed.n_clips, listed.n_done, listed.n_judgements, listed.raters) == (made, 2, 0, 0, {})


def test_hidden_checks_join_the_clips(store: Store, olga: Person) -> None:
    create_project(store, olga, PROJECT, MOOD, ["c00000"], gold={"c00003": "panic", "c00000": "calm"})
    assert column(store, "gold") == {"c00000": "calm", "c00003": "panic"}


def test_what_is_wrong_with_a_new_project_is_said(store: Store, olga: Person) -> None:
    ben = add_person(store, "Ben")
    save_dataset(store, "people", "real", MOOD, [("c00000", "calm")])
    create_project(store, olga, "old", MOOD, ["c00000"])
    cases = [
        (RightsError, "Ben is a rater; managing projects needs the role owner", {"by": ben}),
        (StoreError, "There is a project 'old' already; choose another name", {"name": "old"}),
        (StoreError, "There is a dataset 'people' already; choose another name", {"name": "people"}),
        (StoreError, "The name '' can't be used; a project has 1 to 80", {"name": " "}),
        (StoreError, "Project 'new' would have no clips; choose some", {"clip_ids": []}),
        (NotFoundError, "No clip nope in the workspace", {"clip_ids": ["nope"]}),
        (NotFoundError, "nobody called 'Zoe'", {"raters": ["Zoe"]}),
        (LabelError, "known answer of clip c00000: 'joy' isn't in scheme 'mood'", {"gold": {"c00000": "joy"}}),
        (LabelError, "Scheme 'mood' is in use as calm, panic", {"scheme": Scheme("mood", ("panic", "calm"))}),
        (LabelError, "Hidden checks need a scheme with labels", {"scheme": Scheme("n", (), 1, 5), "gold": {"c": "1"}}),
    ]
    for error, words, changed in cases:
        request = {"by": olga, "name": "new", "scheme": MOOD, "clip_ids": ["c00000"]} | changed
        with pytest.raises(error, match=words):
            create_project(store, **request)
    assert [listed.project.name for listed in list_projects(store)] == ["old"]
    with pytest.raises(NotFoundError, match="There is no project 'new' in the workspace; choose old"):
        get_project(store, "new")


def test_a_dataset_may_not_take_the_name_of_a_project(store: Store, olga: Person) -> None:
    create_project(store, olga, PROJECT, MOOD, ["c00000"])
    with pytest.raises(StoreError, match="There is a project 'voices' already; give the dataset another name"):
        save_dataset(store, PROJECT, "real", MOOD, [("c00000", "calm")])


def test_settings_say_what_is_wrong() -> None:
    for values, words in [
        ({"overlap": 0}, "overlap = 0: input should be greater than or equal to 1"),
        ({"gold_share": 0.6}, "gold_share"),
        ({"dimensions": ("anger",)}, "no dimension 'anger'; choose arousal, dominance or valence"),
        ({"dimensions": ("arousal", "arousal")}, "named twice"),
    ]:
        with pytest.raises(ConfigError, match=words):
            build(ProjectSettings, values)


def test_clips_added_later_come_behind_and_reach_those_who_were_through(store: Store) -> None:
    olga, (rater,) = make_project(store, 4, 1, overlap=1)
    assert len(judge_all(store, rater)) == 4
    add_test_clips(store, 6)
    assert extend_project(store, olga, PROJECT, ["c00003", "c00004", "c00005"]) == 2
    assert extend_project(store, olga, PROJECT, ["c00004"]) == 0
    assert sorted(column(store, "position").values()) == list(range(6))
    assert sorted(judge_all(store, rater)) == ["c00004", "c00005"]
    with pytest.raises(RightsError, match="rater-00 is a rater"):
        extend_project(store, rater, PROJECT, ["c00004"])


def test_a_closed_project_gives_and_takes_nothing(store: Store) -> None:
    olga, (rater, other) = make_project(store, 3, 2, overlap=1)
    (first,) = held(store, rater)
    give(store, rater, an_answer(first, id="before"))
    (second,) = held(store, rater)
    assert close_project(store, olga, PROJECT).state == "closed"
    words = "Project 'voices' is closed; an owner can open it again."
    with pytest.raises(StoreError, match=words):
        draw(store, PROJECT, rater)
    (refused,) = give(store, rater, an_answer(second, id="while closed"))
    assert (refused.status, refused.words) == ("refused", words)
    # what was acknowledged stays so
    assert give(store, rater, an_answer(first, id="before"))[0].status == "present"
    assert release(store, PROJECT, rater, [second]) == 1
    open_project(store, olga, PROJECT)
    assert give(store, rater, an_answer(second, id="while closed"))[0].status == "saved"
    assert votes(store, first, second) == [["calm"], ["calm"]]
    with pytest.raises(RightsError, match="rater-01 is a rater"):
        close_project(store, other, PROJECT)


def test_only_named_raters_label(store: Store) -> None:
    olga, (rater, other) = make_project(store, 3, 2)
    set_raters(store, olga, PROJECT, [other.name])
    with pytest.raises(RightsError, match="rater-00 isn't among the raters of project 'voices'; an owner can add them"):
        draw(store, PROJECT, rater)
    with pytest.raises(RightsError, match="rater-00 isn't among the raters"):
        give(store, rater, an_answer("c00000"))
    assert len(draw(store, PROJECT, other)) == 3
    with pytest.raises(RightsError, match="Eve isn't among the people"):
        draw(store, PROJECT, Person("Eve", "owner"))
    viewer = add_person(store, "Vic", "viewer")
    set_raters(store, olga, PROJECT, [])
    with pytest.raises(RightsError, match="Vic is a viewer; labelling needs the role adjudicator, owner or rater"):
        draw(store, PROJECT, viewer)


def test_the_summary_counts_what_is_done(store: Store) -> None:
    _, (one, two) = make_project(store, 3, 2, overlap=2)
    first = held(store, one, 2)
    give(store, one, *map(an_answer, first))
    assert list_projects(store)[0].n_done == 0
    held(store, two, 3)  # full, but with clips that are only held
    assert list_projects(store)[0].n_done == 0
    give(store, two, an_answer(first[0]), an_answer(first[1], unclear="noise"))
    (listed,) = list_projects(store)
    assert (listed.n_clips, listed.n_done, listed.n_judgements) == (3, 2, 4)
    assert listed.raters == {"rater-00": 2, "rater-01": 2}


def test_a_model_asks_for_a_second_look_after_the_blind_pass(store: Store) -> None:
    olga, (one, two, three) = make_project(store, 60, 3, overlap=1, extra_raters=1)
    asked = {"c00010": 0.2, "c00020": 0.9, "c00030": 0.5}
    before = held(store, two, 50)
    release(store, PROJECT, two, before)
    assert set_priorities(store, olga, PROJECT, asked | {"c00040": 0}) == 3
    assert set(column(store, "wanted").values()) == {1}
    # the order of the blind pass is what it was
    assert held(store, two, 50) == before
    release(store, PROJECT, two, before)
    judge_all(store, one)
    assert [id for id, wanted in column(store, "wanted").items() if wanted == 2] == sorted(asked)
    assert held(store, two, 2) == ["c00020", "c00030"]
    # taken back: nobody is asked any more
    set_priorities(store, olga, PROJECT, {"c00010": 0})
    assert held(store, three, 2) == []
    with pytest.raises(NotFoundError, match="Clip nope isn't in project 'voices'"):
        set_priorities(store, olga, PROJECT, {"nope": 1})
    with pytest.raises(LabelError, match="The priority of clip c00010 is nan"):
        set_priorities(store, olga, PROJECT, {"c00010": float("nan")})
    with pytest.raises(RightsError, match="rater-00 is a rater; adjudicating"):
        set_priorities(store, one, PROJECT, {"c00010": 1})


def test_a_priority_given_after_the_answers_counts_as_well(store: Store) -> None:
    olga, (one, two) = make_project(store, 3, 2, overlap=1, extra_raters=1)
    judge_all(store, one)
    assert held(store, two, 3) == []
    set_priorities(store, olga, PROJECT, {"c00001": 1.0})
    assert held(store, two, 3) == ["c00001"]
