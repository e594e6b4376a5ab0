"""What listeners reach: by hand on a few clips, and on simulated ones whose rate is known."""

import numpy as np
import pytest

from affexion_core.evaluation.listeners import score_listeners, vote_overlap


def test_figures_are_those_worked_out_by_hand():
    votes = [{"joy": 3, "sorrow": 1}, {"joy": 1, "sorrow": 1}, {"sorrow": 2, "fear": 1}, {"fear": 1}]
    found = score_listeners(votes, ["joy", "joy", "sorrow", "joy"])
    assert (found.n, found.n_votes, found.n_choices) == (3, 9, 3)
    assert found.uar.value == pytest.approx(((3 / 4 + 1 / 2) / 2 + 2 / 3) / 2)
    assert found.majority.value == pytest.approx(((1 + 1 / 2) / 2 + 1) / 2)
    # a vote for joy is with the others' 2 : 1, the one for sorrow against 3; 1 : 1 never; 2 : 1 leaves a tie, and none
    assert found.agreement.value == pytest.approx((3 / 4 + 0 + 2 * 0.5 / 3) / 3)
    shares = np.array([[0, 0.75, 0.25], [0, 0.5, 0.5], [1 / 3, 0, 2 / 3]])
    assert found.mean_overlap.value == pytest.approx(np.minimum(shares, shares.mean(axis=0)).sum(axis=1).mean())
    assert score_listeners([{"joy": 1}], ["joy"]) is None


def test_votes_are_not_held_against_labels_made_of_them():
    votes = [{"joy": 3, "sorrow": 1}, {"sorrow": 2, "fear": 1}]
    found = score_listeners(votes, ["joy", "sorrow"], labels_are_votes=True)
    assert found.uar.value == pytest.approx((3 / 4 + 1 / 3) / 2)
    assert found.majority.value is None and found.majority.reason == "the labels are the majority"


def test_a_known_rate_lies_in_the_interval_which_draws_speakers():
    draw, votes, reference, speakers = np.random.default_rng(0), [], [], []
    for clip in range(400):
        rate = 0.5 + 0.3 * ((clip // 20) % 2)  # speakers differ in how well they are heard
        right = int(draw.binomial(9, rate))
        votes.append({label: n for label, n in (("joy", right), ("fear", 9 - right)) if n})
        reference.append("joy")
        speakers.append(f"s{clip // 20}")
    found = score_listeners(votes, reference, speakers)
    assert found.uar.low < 0.65 < found.uar.high and found.uar.method == "bootstrap over 20 speakers"
    alone = score_listeners(votes, reference)
    assert found.uar.high - found.uar.low > 2 * (alone.uar.high - alone.uar.low)
    assert found.majority.value > found.uar.value


def test_probabilities_overlap_with_votes_between_nothing_and_all():
    shares = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert vote_overlap(shares, shares).value == 1
    assert vote_overlap(shares[:, ::-1], shares).value == pytest.approx(0.5)
    assert vote_overlap(np.array([[0.7, 0.3], [0.7, 0.3]]), shares).value == pytest.approx(0.75)
    assert vote_overlap(shares[:0], shares[:0]).reason == "no clip has votes"
