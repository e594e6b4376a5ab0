from dataclasses import replace

import pytest
from sqlalchemy import insert

from affexion_core.errors import LabelError, NotFoundError
from affexion_core.labeling.agreement import agreement_report
from affexion_core.labeling.votes import (
    agreement_tables,
    dimension_ratings,
    is_anonymous,
    load_votes,
    ratings_of_votes,
    votes_names,
)
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.decisions import add_decision, current_decisions, decisions_in
from affexion_core.store.labels import add_annotations, save_scheme
from affexion_core.store.schema import project, project_clip
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Annotation, Clip, Decision, Scheme

MOOD = Scheme("mood", ("calm", "panic"))
SIGNALS = Scheme("signals", ("low", "high"))
AROUSAL = Scheme("arousal", low=1, high=7)


@pytest.fixture
def library(store: Store) -> Store:
    """Four clips; the projects "round" and "other" ask for three and one of them."""
    add_clips(store, [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.0, 16000) for i in range(4)])
    for scheme in (MOOD, SIGNALS, AROUSAL):
        save_scheme(store, scheme)
    with writing(store) as connection:
        for name, ids in (("round", ("c0", "c1", "c2")), ("other", ("c0",))):
            values = {"settings": {}, "raters": [], "state": "open", "created": "", "created_by": "own"}
            connection.execute(insert(project).values(name=name, scheme="mood", **values))
            for place, id in enumerate(ids):
                row = {"position": place, "wanted": 3, "taken": 0, "priority": 0.0}
                gold = "calm" if id == "c1" else None
                connection.execute(insert(project_clip).values(project=name, clip_id=id, gold=gold, **row))
    return store


def said(id: str, clip: str, rater: str, value: object, at: int = 0, **more: object) -> Annotation:
    known = {"scheme": "mood", "project": "round", **more}
    return Annotation(id=id, clip_id=clip, rater=rater, value=value, created=f"2026-01-01T00:00:{at:02d}Z", **known)  # type: ignore[arg-type]


def test_a_projects_votes_are_what_stands_now(library: Store) -> None:
    add_annotations(
        library,
        [
            said("1", "c0", "ann", "calm", 1),
            said("2", "c0", "ann", "panic", 2, replaces="1"),
            said("3", "c0", "bob", None, 3, unclear="noise"),
            said("4", "c1", "ann", "panic", 4),
            said("5", "c1", "ann", "calm", 5, take=1),
            said("6", "c2", "ann", "calm", 6),
            said("7", "c2", "ann", None, 7, withdrawn=True, replaces="6"),
            said("8", "c0", "cy", "calm", 8, project="other"),
            said("2/arousal", "c0", "ann", 6, 2, scheme="arousal"),
            said("5/arousal", "c1", "ann", 1, 5, scheme="arousal", take=1),
        ],
    )
    votes = load_votes(library, "round")
    assert (votes.kind, votes.project, votes.scheme, votes.anonymous) == ("project", "round", MOOD, False)
    assert list(votes.clips) == ["c0", "c1", "c2"]
    assert [a.id for a in votes.judgements] == ["2", "3", "4"]
    assert [(one.id, again.id) for one, again in votes.repeats] == [("4", "5")]
    assert {name: [a.value for a in made] for name, made in votes.numeric.items()} == {"arousal": [6.0]}
    assert votes.gold == {"c1": "calm"}
    assert {clip: [a.id for a in made] for clip, made in votes.by_clip.items()} == {"c0": ["2", "3"], "c1": ["4"]}
    ratings = ratings_of_votes(votes)
    assert (ratings.clip_ids, ratings.raters, ratings.labels) == (("c0", "c1"), ("ann",), ("calm", "panic"))
    assert ratings.values.tolist() == [1, 1]
    assert dimension_ratings(votes)["arousal"].values.tolist() == [6.0]


def test_a_datasets_votes_are_those_of_its_clips_without_the_corpus_label(library: Store) -> None:
    save_dataset(library, "set", "real", MOOD, [("c0", "calm"), ("c3", "panic")])
    add_annotations(
        library,
        [
            said("1", "c0", "corpus:demo", "calm", project=None),
            said("2", "c0", "demo:vote-1", "panic", project=None),
            said("3", "c0", "demo:vote-2", "calm", project=None),
            said("4", "c0", "ann", "calm", 1),
            said("5", "c0", "ann", "panic", 2, project="other"),
            said("6", "c1", "ann", "panic", 3),
        ],
    )
    votes = load_votes(library, "set")
    assert (votes.kind, votes.project, votes.anonymous) == ("dataset", None, True)
    # one judgement a rater and clip: the newest, whichever project it was made in
    assert {a.rater: a.id for a in votes.judgements} == {"demo:vote-1": "2", "demo:vote-2": "3", "ann": "5"}
    assert ratings_of_votes(votes).anonymous == {"demo:vote-1", "demo:vote-2"}
    assert votes_names(library) == (("other", "round"), ("set",))


def test_labels_through_a_map_are_compared_under_the_scheme_people_judged_by(library: Store) -> None:
    save_dataset(library, "mapped", "real", SIGNALS, [("c0", "high")], label_map="mood-to-signals")
    add_annotations(library, [said("1", "c0", "demo:vote-1", "panic", project=None)])
    assert load_votes(library, "mapped").scheme == MOOD
    # once people judged under the dataset's own scheme, that one counts
    add_annotations(library, [said("2", "c0", "ann", "high", project=None, scheme="signals")])
    votes = load_votes(library, "mapped")
    assert (votes.scheme, [a.id for a in votes.judgements]) == (SIGNALS, ["2"])


def test_a_corpus_called_corpus_has_votes_as_well(library: Store) -> None:
    save_dataset(library, "set", "real", MOOD, [("c0", "calm")])
    made = [said(rater, "c0", rater, "panic", project=None) for rater in ("corpus:vote-1", "corpus:corpus")]
    add_annotations(library, made)
    assert [a.rater for a in load_votes(library, "set").judgements] == ["corpus:vote-1"]
    assert votes_names(library)[1] == ("set",)


def test_an_unknown_name_lists_what_there_is(library: Store) -> None:
    with pytest.raises(NotFoundError, match="no project or dataset 'gone'.*the project other or round"):
        load_votes(library, "gone")


def test_a_scale_of_numbers_is_a_dimension_of_the_report(library: Store) -> None:
    save_dataset(library, "scale", "real", AROUSAL, [("c0", "3"), ("c1", "4")])
    made = [
        said(f"{c}{r}", c, r, n, scheme="arousal", project=None) for c in ("c0", "c1") for r, n in (("a", 2), ("b", 6))
    ]
    add_annotations(library, made)
    labels, numbers = agreement_tables(load_votes(library, "scale"))
    assert len(labels.values) == 0 and list(numbers) == ["arousal"]
    report = agreement_report(labels, numbers)
    assert report.annotations == 4 and report.dimensions["arousal"].n == 2


def test_names_of_counted_votes_are_no_people() -> None:
    assert is_anonymous("cremad:vote-12")
    assert not any(map(is_anonymous, ("ann", "corpus:cremad", "cremad:vote-", "vote-1")))


def decided(id: str, label: str | None, at: int = 0, **more: object) -> Decision:
    made = Decision(id, "c0", "mood", label, "ada", "heard it", f"2026-01-01T00:00:{at:02d}Z", project="round")
    return replace(made, **more)  # type: ignore[arg-type]


def test_the_newest_decision_counts_and_the_others_stay(library: Store) -> None:
    made = [decided("1", "calm", 1), decided("2", None, 2), decided("3", "panic", 3, project=None)]
    assert [add_decision(library, one) for one in made] == [True, True, True]
    assert add_decision(library, replace(made[0], label="panic")) is False
    with reading(library) as connection:
        assert decisions_in(connection, ["c0", "c1"], "mood", "round") == tuple(made[:2])
        assert decisions_in(connection, ["c0"], "mood", None) == (made[2],)
    assert load_votes(library, "round").decisions == {"c0": made[1]}
    add_decision(library, decided("4", None, 4, withdrawn=True))
    assert load_votes(library, "round").decisions == {}
    assert current_decisions([made[1], made[0]]) == {"c0": made[1]}


def test_a_dataset_takes_over_the_decisions_of_the_project_it_was_made_of(library: Store) -> None:
    save_dataset(library, "made", "real", MOOD, [("c0", "calm")], recipe={"source": "round"})
    save_dataset(library, "unrelated", "real", MOOD, [("c0", "calm")])
    add_decision(library, decided("1", "calm", 1))
    assert set(load_votes(library, "made").decisions) == {"c0"}
    assert load_votes(library, "unrelated").decisions == {}
    add_decision(library, decided("2", "panic", 2, project=None))
    assert load_votes(library, "unrelated").decisions["c0"].id == "2"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"label": "joy"}, LabelError, "'joy' isn't in scheme 'mood'"),
        ({"reason": " "}, LabelError, "needs a reason"),
        ({"clip_id": "gone"}, NotFoundError, "no clip gone"),
        ({"project": "gone"}, NotFoundError, "no project 'gone'"),
        ({"scheme": "gone"}, NotFoundError, "no scheme 'gone'"),
    ],
)
def test_a_decision_must_fit(wrong: dict[str, str], error: type[Exception], message: str, library: Store) -> None:
    with pytest.raises(error, match=message):
        add_decision(library, replace(decided("1", "calm"), **wrong))  # type: ignore[arg-type]
    assert load_votes(library, "round").decisions == {}
