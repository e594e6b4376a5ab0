import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_study import short_recipe
from tones import write_folders

from affexion_core.errors import ConfigError, LabelError, ModelError, RightsError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.model_loop import (
    doubt_words,
    doubts_by_clip,
    doubts_of,
    held_out_clips,
    priorities,
    suspect_labels,
)
from affexion_core.labeling.people import add_person, get_person
from affexion_core.labeling.projects import ProjectSettings, create_project, set_priorities
from affexion_core.labeling.votes import load_votes
from affexion_core.run_folder import ScoredClip
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.labels import add_annotations
from affexion_core.store.session import Store, open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.types import Annotation, Run, Scheme
from affexion_core.workspace import open_workspace

TONES = Scheme("tones", ("boredom", "panic", "excitement", "uncertainty"))
PLANTED = 5


def scored(*rows: tuple[str, tuple[float, ...]], labels=("a", "b")) -> list[ScoredClip]:
    return [ScoredClip(f"c{i}", given, labels[int(np.argmax(probs))], probs) for i, (given, probs) in enumerate(rows)]


def test_confident_learning_by_hand():
    # thresholds: a (0.9 + 0.8 + 0.1) / 3 = 0.6; b (0.9 + 0.3) / 2 = 0.6
    rows = scored(("a", (0.9, 0.1)), ("a", (0.8, 0.2)), ("a", (0.1, 0.9)), ("b", (0.1, 0.9)), ("b", (0.7, 0.3)))
    doubts = doubts_of(rows, ("a", "b"))
    assert doubts.thresholds == pytest.approx((0.6, 0.6))
    assert doubts.counts == ((2, 1), (1, 1)) and doubts.n == 5
    assert [(one.clip_id, one.given, one.suggested) for one in doubts.suspects] == [("c2", "a", "b"), ("c4", "b", "a")]
    assert [one.margin for one in doubts.suspects] == pytest.approx([-0.8, -0.4])
    assert (
        doubt_words(doubts.suspects[0])
        == "The model takes it for b (90 %), not a (10 %); it was not trained on this clip."
    )


def test_what_no_label_is_confident_of_counts_nowhere():
    # c1 is predicted b, but below the mean of b
    rows = scored(("a", (0.9, 0.1)), ("a", (0.45, 0.55)), ("b", (0.1, 0.9)), ("b", (0.2, 0.8)))
    doubts = doubts_of(rows, ("a", "b"))
    assert doubts.counts == ((1, 0), (0, 1)) and doubts.suspects == ()


def test_a_label_without_clips_is_never_suggested():
    rows = scored(("a", (0.2, 0.1, 0.7)), ("b", (0.2, 0.1, 0.7)), labels=("a", "b", "c"))
    doubts = doubts_of(rows, ("a", "b", "c"))
    assert np.isnan(doubts.thresholds[2]) and all(one.suggested != "c" for one in doubts.suspects)


PROBS = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda p: tuple(x / sum(p) for x in p))


@given(st.lists(st.tuples(st.sampled_from("abc"), PROBS), min_size=1, max_size=30))
def test_suspects_are_the_cells_off_the_diagonal(rows):
    doubts = doubts_of(scored(*rows, labels=("a", "b", "c")), ("a", "b", "c"))
    counts = np.array(doubts.counts)
    assert len(doubts.suspects) == counts.sum() - counts.trace()
    assert all(one.given != one.suggested for one in doubts.suspects)
    margins = [one.margin for one in doubts.suspects]
    assert margins == sorted(margins)
    assert (
        doubts_of(scored(*rows, labels=("a", "b", "c")), ("a", "b", "c")) == doubts or np.isnan(doubts.thresholds).any()
    )


@dataclasses.dataclass(frozen=True)
class Planted:
    store: Store
    wrong: frozenset[str]
    crossvalidated: Run
    trained: Run


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Planted:
    """Sixty-four tones of four labels by eight speakers, five of them under a wrong label, cross-validated."""
    root: Path = tmp_path_factory.mktemp("planted")
    store = open_store(open_workspace(root / "workspace"))
    import_corpus(store, "folder", write_folders(root / "tones", speakers=8), ImportOptions(dataset="right"))
    items = load_dataset(store, "right").items
    wrong = {items[i].clip.id for i in np.random.default_rng(3).choice(len(items), PLANTED, replace=False)}
    after = {label: TONES.labels[(i + 1) % 4] for i, label in enumerate(TONES.labels)}
    labels = [(item.clip.id, after[item.label] if item.clip.id in wrong else item.label) for item in items]
    save_dataset(store, "planted", "real", TONES, labels)
    dataset, recipe = load_dataset(store, "planted"), short_recipe(30)
    crossvalidated = run_here(store, RunRequest("cv", recipe, dataset, n_folds=4))
    trained = run_here(store, RunRequest("train", short_recipe(4), load_dataset(store, "right")))
    ada = add_person(store, "Ada")
    add_person(store, "Cy")
    create_project(store, ada, "round", TONES, [item.clip.id for item in items], ProjectSettings(overlap=2))
    said = [
        Annotation(f"{id}-{rater}", id, "tones", rater, label, "2026", project="round")
        for id, label in labels[:-4]
        for rater in ("Ada", "Cy")
    ]
    add_annotations(store, said)
    return Planted(store, frozenset(wrong), crossvalidated, trained)


def test_planted_errors_rank_first(planted: Planted):
    # five of sixty-four labels are wrong: doubting at random would hit one in thirteen
    doubts = suspect_labels(planted.crossvalidated)
    ids = [one.clip_id for one in doubts.suspects]
    assert doubts.n == 64 and len(planted.wrong & set(ids)) >= 3
    assert set(ids[:3]) <= planted.wrong and len(set(ids) - planted.wrong) <= 1
    assert list(doubts_by_clip(doubts)) == [one.clip_id for one in doubts.suspects]


def test_only_held_out_predictions_tell(planted: Planted):
    with pytest.raises(ModelError, match="no held-out predictions.*choose a cross-validation"):
        suspect_labels(planted.trained)
    assert held_out_clips(planted.trained) == frozenset()


def test_clips_the_model_disputes_get_priority(planted: Planted):
    chosen = priorities(planted.store, "round", planted.crossvalidated, share=PLANTED / 64)
    top = {id for id, value in chosen.items() if value > 0}
    assert len(top) == PLANTED and len(top & planted.wrong) >= PLANTED - 1
    # the last four clips have not been judged, so no model has a say in them
    assert len(chosen) == 60 and all(0 <= value <= 1 for value in chosen.values())
    ada = get_person(planted.store, "Ada")
    assert set_priorities(planted.store, ada, "round", chosen) == PLANTED
    with pytest.raises(RightsError):
        set_priorities(planted.store, get_person(planted.store, "Cy"), "round", chosen)


def test_uncertainty_looks_at_the_model_alone(planted: Planted):
    chosen = priorities(planted.store, "round", planted.crossvalidated, by="uncertainty", share=1)
    assert len(set(chosen.values())) > 30 and max(chosen.values()) <= 1


def test_what_a_model_repeats_is_no_second_opinion(planted: Planted):
    with pytest.raises(ModelError, match="trained on all 60 judged clips of 'round'.*choose a cross-validation"):
        priorities(planted.store, "round", planted.trained)


def test_a_model_waits_until_people_have_judged(planted: Planted):
    ada, ids = get_person(planted.store, "Ada"), sorted(load_votes(planted.store, "round").clips)
    create_project(planted.store, ada, "later", TONES, ids[:3])
    with pytest.raises(ModelError, match="no say before people have judged"):
        priorities(planted.store, "later", planted.crossvalidated)


def test_what_does_not_fit_is_told(planted: Planted):
    with pytest.raises(ConfigError, match="by = 'luck'"):
        priorities(planted.store, "round", planted.crossvalidated, by="luck")  # type: ignore[arg-type]
    other = dataclasses.replace(planted.crossvalidated, labels=("sad", "panic"))
    with pytest.raises(LabelError, match="they need two labels in common"):
        priorities(planted.store, "round", other)
