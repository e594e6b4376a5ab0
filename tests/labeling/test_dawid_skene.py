import itertools
import re

import numpy as np
import pytest

from affexion_core.errors import ConfigError, LabelError
from affexion_core.labeling.raters_model import NoModel, RaterModel, dawid_skene
from affexion_core.labeling.ratings import ratings_of, vote_counts

ACCURACIES = (0.95, 0.9, 0.8, 0.6, 0.25)
LABELS = ("angry", "happy", "neutral", "sad")


def simulated(seed, n_clips, votes_per_clip=5):
    """Five raters, right as often as said and else guessing one of the other labels."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n_clips)
    wrong = (truth[:, None] + rng.integers(1, 4, (n_clips, 5))) % 4
    votes = np.where(rng.random((n_clips, 5)) < ACCURACIES, truth[:, None], wrong)
    asked = np.argsort(rng.random((n_clips, 5)), axis=1)[:, :votes_per_clip]
    rows = [(f"c{c:05}", f"r{r}", LABELS[votes[c, r]]) for c in range(n_clips) for r in asked[c]]
    return truth, ratings_of(rows, LABELS)


def test_ranks_five_raters_and_beats_the_majority_in_every_seed():
    # 1,000 clips: with 300, the shares of right votes themselves stand in another order in about 1 of 100 seeds
    for seed in range(100):
        truth, table = simulated(seed, 1000)
        model = dawid_skene(table)
        assert np.argsort(-model.accuracy).tolist() == [0, 1, 2, 3, 4], seed
        assert model.accuracy == pytest.approx(np.array(ACCURACIES), abs=0.06)
        majority = vote_counts(table).argmax(axis=1)
        assert (model.probs.argmax(axis=1) == truth).mean() > (majority == truth).mean(), seed
        assert model.converged


def test_few_votes_a_clip():
    truth, table = simulated(0, 3000, votes_per_clip=3)
    model = dawid_skene(table)
    assert np.argsort(-model.accuracy).tolist() == [0, 1, 2, 3, 4]
    assert (model.probs.argmax(axis=1) == truth).mean() > (vote_counts(table).argmax(axis=1) == truth).mean() + 0.05
    assert model.n_votes.sum() == 9000


def test_shapes_sums_and_determinism():
    _, table = simulated(3, 200)
    model, again = dawid_skene(table), dawid_skene(table)
    assert model.confusion.shape == (5, 4, 4) and model.probs.shape == (200, 4) and model.priors.shape == (4,)
    for sums in (model.confusion.sum(axis=2), model.probs.sum(axis=1), model.priors.sum()):
        assert np.allclose(sums, 1.0)
    assert (model.confusion > 0).all() and np.isfinite(model.probs).all()
    assert np.array_equal(model.probs, again.probs) and model.n_iterations == again.n_iterations
    assert (model.labels, model.raters, model.clip_ids) == (table.labels, table.raters, table.clip_ids)


def test_rows_of_the_confusion_are_the_true_label():
    rows = []
    for clip in range(120):
        truth = clip % 3
        # r3 calls every 'b' a 'c', and nothing else wrong
        rows += [(f"c{clip:03}", f"r{r}", "abc"[truth]) for r in range(3)]
        rows.append((f"c{clip:03}", "r3", "acc"[truth]))
    model = dawid_skene(ratings_of(rows, "abc"))
    assert model.confusion[3].round(1).tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert model.accuracy[3] == pytest.approx(2 / 3, abs=0.01)


def test_one_round_equals_the_formulas():
    votes = {("c0", "r0"): "a", ("c0", "r1"): "a", ("c0", "r2"): "b", ("c1", "r0"): "b", ("c1", "r2"): "b"}
    model = dawid_skene(ratings_of([(*key, value) for key, value in votes.items()], "ab"), 0.1, max_iterations=1)
    start = {"c0": (2 / 3, 1 / 3), "c1": (0.0, 1.0)}
    priors = np.array([start["c0"][k] + start["c1"][k] + 0.1 for k in (0, 1)])
    confusion = np.full((3, 2, 2), 0.1)
    for ((clip, rater), value), truth in itertools.product(votes.items(), (0, 1)):
        confusion[int(rater[1]), truth, "ab".index(value)] += start[clip][truth]
    confusion /= confusion.sum(axis=2, keepdims=True)
    for row, clip in enumerate(("c0", "c1")):
        joint = priors.copy()
        for (named, rater), value in votes.items():
            if named == clip:
                joint *= confusion[int(rater[1]), :, "ab".index(value)]
        assert model.probs[row] == pytest.approx(joint / joint.sum())
    assert (model.n_iterations, model.converged) == (1, False)


def test_thousands_of_votes_on_a_clip_stay_finite():
    rows = [(f"c{clip}", f"r{r:04}", "ab"[(clip + (r % 10 == 0)) % 2]) for clip in range(3) for r in range(1000)]
    model = dawid_skene(ratings_of(rows, "ab"))
    assert model.probs.argmax(axis=1).tolist() == [0, 1, 0] and np.isfinite(model.probs).all()


def test_the_order_of_raters_and_labels_does_not_matter():
    truth, table = simulated(5, 150)
    rows = [
        (table.clip_ids[c], f"x{4 - r}", LABELS[v])
        for c, r, v in zip(table.clip_index, table.rater_index, table.values, strict=True)
    ]
    one, other = dawid_skene(table), dawid_skene(ratings_of(rows, LABELS[::-1]))
    assert other.accuracy[::-1] == pytest.approx(one.accuracy, abs=1e-9)
    assert other.probs[:, ::-1] == pytest.approx(one.probs, abs=1e-9)


@pytest.mark.parametrize(
    ("rows", "anonymous", "reason"),
    [
        ([], (), "there are no judgements"),
        ([("c1", "ann", "a"), ("c2", "ann", "b")], (), "only one rater is known by name, and .* it takes three"),
        ([("c1", "ann", "a"), ("c1", "bob", "b")], (), "only two raters are known by name, and where two differ"),
        ([("c1", "v1", "a"), ("c1", "v2", "b")], ("v1", "v2"), "the raters are anonymous votes, and nobody's votes"),
        ([("c1", "r1", "a"), ("c2", "r2", "b"), ("c3", "r3", "b")], (), "no clip was judged by two raters"),
        ([("c1", "r1", "a"), ("c1", "r2", "a"), ("c1", "r3", "a")], (), "only one label, 'a', was given"),
    ],
)
def test_what_is_undefined_says_why(rows, anonymous, reason):
    model = dawid_skene(ratings_of(rows, "ab", anonymous))
    assert isinstance(model, NoModel)
    assert re.match(f"undefined, because {reason}", model.reason)


def test_anonymous_votes_beside_people_are_left_out():
    _, table = simulated(1, 100)
    rows = [
        (table.clip_ids[c], table.raters[r], LABELS[v])
        for c, r, v in zip(table.clip_index, table.rater_index, table.values, strict=True)
    ]
    votes = [(clip, "cremad:vote-1", "sad") for clip in (*table.clip_ids, "other")]
    model = dawid_skene(ratings_of(rows + votes, LABELS, ("cremad:vote-1",)))
    assert isinstance(model, RaterModel)
    assert np.array_equal(model.probs, dawid_skene(table).probs) and "other" not in model.clip_ids


def test_mistakes_are_named():
    with pytest.raises(LabelError, match="need labels, but these judgements are numbers"):
        dawid_skene(ratings_of([("c1", "r1", 1.0)]))
    with pytest.raises(ConfigError, match="smoothing = 0 must be above 0"):
        dawid_skene(simulated(0, 10)[1], smoothing=0)
