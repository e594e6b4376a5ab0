import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.config import build
from affexion_core.errors import ConfigError, LabelError
from affexion_core.labeling.consensus import (
    DECIDED_UNCLEAR,
    DISAGREEMENT,
    NO_VOTES,
    TIE,
    TOO_FEW,
    UNCERTAIN,
    UNCLEAR,
    ConsensusRule,
    consensus,
    entropy,
    votes_hash,
)
from affexion_core.labeling.votes import Votes
from affexion_core.types import Annotation, Clip, Decision, Scheme

MOOD = Scheme("mood", ("calm", "panic", "bored"))
MAJORITY = ConsensusRule(rule="majority")


def votes_of(said: dict[str, list[str]], decided: dict[str, str | None] | None = None) -> Votes:
    """Make votes: for each clip the labels given, by raters r0, r1, …; ``?`` finds the clip unclear."""
    judged = []
    for clip_id, labels in said.items():
        for i, label in enumerate(labels):
            what = {"value": None, "unclear": "noise"} if label == "?" else {"value": label}
            judged.append(Annotation(f"{clip_id}-{i}", clip_id, "mood", f"r{i}", created=f"{i:03d}", **what))
    clips = {id: Clip(id, f"{id}.wav", "0" * 64, "real", "demo", 1.0, 16000) for id in said}
    decisions = {
        id: Decision(f"d-{id}", id, "mood", label, "ada", "heard it", "2026") for id, label in (decided or {}).items()
    }
    return Votes("round", "project", MOOD, clips, tuple(judged), decisions=decisions)


def label_of(labels: list[str], **rule: object):
    return consensus(votes_of({"c": labels}), ConsensusRule(rule="majority", **rule))[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "rule", "label", "dropped"),
    [
        (["calm"], {}, "calm", None),
        (["calm", "panic", "calm"], {}, "calm", None),
        (["calm", "panic"], {}, None, TIE),
        (["calm", "panic", "bored"], {}, None, TIE),
        ([], {}, None, NO_VOTES),
        (["calm", "calm"], {"min_votes": 3}, None, TOO_FEW),
        (["calm", "calm", "?"], {"min_votes": 3}, None, TOO_FEW),
        (["calm", "calm", "panic"], {"min_agreement": 2 / 3}, "calm", None),
        (["calm", "calm", "panic"], {"min_agreement": 0.67}, None, DISAGREEMENT),
        (["calm", "?"], {}, "calm", None),
        (["calm", "?", "?"], {}, None, UNCLEAR),
        (["calm", "?", "?"], {"drop_unclear": False}, "calm", None),
        (["calm", "?"], {"max_unclear": 0.4}, None, UNCLEAR),
        (["?", "?"], {"drop_unclear": False}, None, TOO_FEW),
        (["?"], {}, None, UNCLEAR),
    ],
)
def test_majority_by_hand(said, rule, label, dropped):
    made = label_of(said, **rule)
    assert (made.label, made.dropped, made.source) == (label, dropped, "majority")


def test_a_label_says_what_it_rests_on():
    made = label_of(["calm", "panic", "calm", "?", "bored"])
    assert made.votes == {"calm": 0.5, "panic": 0.25, "bored": 0.25}
    assert (made.n_votes, made.n_unclear, made.agreement, made.posterior) == (4, 1, 0.5, None)
    assert label_of([]).agreement is None


def test_decisions_stand_whatever_the_votes_are():
    said = {"a": ["calm", "panic"], "b": ["calm", "calm"], "c": ["panic"], "d": [], "e": ["calm"]}
    votes = votes_of(said, {"a": "bored", "b": None, "d": "panic"})
    made = {label.clip_id: label for label in consensus(votes, ConsensusRule(min_votes=1))}
    assert {id: (m.label, m.source, m.dropped) for id, m in made.items()} == {
        "a": ("bored", "adjudicated", None),
        "b": (None, "adjudicated", DECIDED_UNCLEAR),
        "c": ("panic", "majority", None),
        "d": ("panic", "adjudicated", None),
        "e": ("calm", "majority", None),
    }
    # the votes stay what they are
    assert made["a"].votes == {"calm": 0.5, "panic": 0.5} and made["a"].agreement == 0.0
    # and under the plain majority decisions don't count
    assert consensus(votes, MAJORITY)[0].dropped == TIE


def test_dawid_and_skene_learn_whom_to_trust():
    # r0 and r1 always agree; r2 calls everything calm, also where they say panic
    said = {f"p{i}": ["panic", "panic", "calm"] for i in range(8)} | {f"c{i}": ["calm"] * 3 for i in range(8)}
    # here only r1 and the careless one judged: a tie for the majority
    said |= {"t": ["panic", "?", "calm"]}
    votes = votes_of(said)
    assert {m.clip_id: m.dropped for m in consensus(votes, MAJORITY)}["t"] == TIE
    made = {m.clip_id: m for m in consensus(votes, ConsensusRule(rule="dawid-skene"))}
    assert (made["t"].label, made["t"].source) == ("panic", "dawid-skene")
    assert 0.9 < made["t"].posterior < 1
    strict = consensus(votes, ConsensusRule(rule="dawid-skene", min_posterior=made["t"].posterior + 1e-6))
    assert {m.clip_id: m.dropped for m in strict}["t"] == UNCERTAIN
    decided = replace(votes, decisions={"t": Decision("1", "t", "mood", "bored", "ada", "why", "2026")})
    both = {m.clip_id: m for m in consensus(decided, ConsensusRule(rule="adjudicated-dawid-skene"))}
    assert (both["t"].label, both["p0"].source) == ("bored", "dawid-skene")


def test_dawid_and_skene_need_raters_known_by_name():
    votes = votes_of({"a": ["calm", "panic"], "b": ["calm", "calm"]})
    slots = [replace(made, rater=f"demo:vote-{made.rater}".replace("-r", "-")) for made in votes.judgements]
    with pytest.raises(LabelError, match="undefined, because the raters are anonymous votes.*Choose another rule"):
        consensus(replace(votes, judgements=tuple(slots), anonymous=True), ConsensusRule(rule="dawid-skene"))


def test_anonymous_votes_take_no_part_in_dawid_and_skene():
    said = {f"c{i}": ["calm", "calm", "panic"] for i in range(4)} | {f"p{i}": ["panic"] * 3 for i in range(4)}
    votes = votes_of({**said, "x": ["bored", "bored"]})
    slots = {"x-0": "demo:vote-1", "x-1": "demo:vote-2"}
    judged = tuple(replace(made, rater=slots.get(made.id, made.rater)) for made in votes.judgements)
    made = consensus(replace(votes, judgements=judged), ConsensusRule(rule="dawid-skene"))
    assert {m.clip_id: (m.n_votes, m.dropped) for m in made}["x"] == (0, NO_VOTES)


def test_numbers_have_no_consensus_label():
    votes = replace(votes_of({}), scheme=Scheme("arousal", low=1, high=7))
    with pytest.raises(LabelError, match="scale 'arousal', where values are numbers"):
        consensus(votes, MAJORITY)


@pytest.mark.parametrize("wrong", [{"rule": "vote"}, {"min_votes": 0}, {"min_agreement": 1.5}, {"max_unclear": -0.1}])
def test_a_rule_checks_itself(wrong):
    with pytest.raises(ConfigError, match=f"Settings of consensus: {next(iter(wrong))}"):
        build(ConsensusRule, wrong)


def test_entropy_in_bits():
    assert entropy({"a": 1.0}) == 0
    assert entropy({"a": 0.5, "b": 0.5, "c": 0.0}) == 1
    assert math.isclose(entropy({"a": 0.25, "b": 0.75}), 0.8112781244591328)


SAID = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]), st.lists(st.sampled_from([*MOOD.labels, "?"]), max_size=6), max_size=4
)
RULES = st.builds(
    ConsensusRule,
    rule=st.just("majority"),
    min_votes=st.integers(1, 3),
    min_agreement=st.floats(0, 1),
    drop_unclear=st.booleans(),
    max_unclear=st.floats(0, 1),
)


@given(SAID, RULES)
def test_a_label_is_one_that_somebody_gave(said, rule):
    for made in consensus(votes_of(said), rule):
        given_labels = [label for label in said[made.clip_id] if label != "?"]
        assert (made.label is None) != (made.dropped is None)
        assert made.label is None or made.label in given_labels
        assert (made.n_votes, made.n_unclear) == (len(given_labels), said[made.clip_id].count("?"))
        assert math.isclose(sum(made.votes.values()), 1) if given_labels else not made.votes
        if made.label is not None:
            assert all(
                given_labels.count(made.label) > given_labels.count(other) for other in set(given_labels) - {made.label}
            )
            assert made.agreement >= rule.min_agreement - 1e-9


@given(SAID, RULES, st.randoms())
def test_the_order_of_votes_changes_nothing(said, rule, random):
    votes = votes_of(said)
    shuffled = list(votes.judgements)
    random.shuffle(shuffled)
    other = replace(votes, judgements=tuple(shuffled), clips=dict(reversed(votes.clips.items())))
    assert consensus(other, rule) == consensus(votes, rule)
    assert votes_hash(other) == votes_hash(votes)


def test_the_hash_changes_with_a_vote_a_clip_or_a_decision():
    votes = votes_of({"a": ["calm", "panic"], "b": []})
    others = [
        votes_of({"a": ["calm", "calm"], "b": []}),
        votes_of({"a": ["calm", "panic"]}),
        votes_of({"a": ["calm", "?"], "b": []}),
        votes_of({"a": ["calm", "panic"], "b": []}, {"a": "calm"}),
        votes_of({"a": ["calm", "panic"], "b": []}, {"a": None}),
    ]
    assert len({votes_hash(each) for each in (votes, *others)}) == 6
