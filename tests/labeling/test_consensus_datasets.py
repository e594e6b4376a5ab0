import shutil
from pathlib import Path

import pytest

from affexion_core.errors import LabelError, NotFoundError, RightsError, StoreError
from affexion_core.ingest.importing import import_corpus
from affexion_core.labeling.consensus import ConsensusRule, save_consensus, summarise_consensus
from affexion_core.labeling.datasheet import datasheet_of, generate_datasheet
from affexion_core.labeling.decisions import decide
from affexion_core.labeling.people import add_person, get_person
from affexion_core.labeling.projects import create_project
from affexion_core.labeling.votes import load_votes
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import dataset_papers, list_datasets, load_dataset, save_dataset, save_datasheet
from affexion_core.store.labels import add_annotations, save_scheme
from affexion_core.store.session import Store, open_store
from affexion_core.types import Annotation, Clip, Provenance, Scheme
from affexion_core.workspace import Workspace

MOOD = Scheme("mood", ("calm", "panic"))
MAJORITY = ConsensusRule(rule="majority")
SAID = {"c0": ["calm", "calm", "panic"], "c1": ["panic", "panic"], "c2": ["calm", "panic"], "c3": []}


@pytest.fixture
def library(store: Store) -> Store:
    licence = Provenance(licence="CC BY | 4.0", source="https://example.org/[x](y)")
    clips = [Clip(f"c{i}", f"{i}.wav", "0" * 64, "real", "demo", 1.5, 16000, provenance=licence) for i in range(4)]
    add_clips(store, clips)
    ada = add_person(store, "Ada")
    create_project(store, ada, "round", MOOD, [clip.id for clip in clips])
    made = [
        Annotation(f"{id}-{i}", id, "mood", f"Rater {i}", label, f"2026-01-01T00:00:{i:02d}Z", project="round")
        for id, labels in SAID.items()
        for i, label in enumerate(labels)
    ]
    add_annotations(store, made)
    return store


def test_a_dataset_of_votes_keeps_shares_and_how_it_was_made(library: Store) -> None:
    report = save_consensus(library, None, "round", "round-1", MAJORITY)
    assert (report.kept, report.clips, dict(report.dropped)) == (2, 4, {"nobody judged it": 1, "a tie": 1})
    assert (report.dataset, report.origin, report.added) == ("round-1", "real", 2)
    dataset = load_dataset(library, "round-1")
    assert {item.clip.id: (item.label, item.votes) for item in dataset.items} == {
        "c0": ("calm", {"calm": 2 / 3, "panic": 1 / 3}),
        "c1": ("panic", {"panic": 1.0}),
    }
    assert report.dataset_hash == dataset.snapshot()
    recipe = dataset_papers(library, "round-1").recipe
    assert recipe is not None
    assert (recipe["source"], recipe["rule"]["rule"], recipe["raters"]) == ("round", "majority", 3)
    assert recipe["votes_hash"] == report.votes_hash
    assert recipe["agreement"]["alpha_nominal"]["n"] == 3


def test_saving_the_same_again_changes_nothing_and_another_needs_a_name(library: Store) -> None:
    first = save_consensus(library, None, "round", "v", MAJORITY)
    again = save_consensus(library, None, "round", "v", MAJORITY)
    assert (again.added, again.dataset_hash) == (0, first.dataset_hash)
    with pytest.raises(LabelError, match="dataset 'v' already, made in another way.*such as 'v-2'"):
        save_consensus(library, None, "round", "v", ConsensusRule(rule="majority", min_votes=3))
    add_annotations(library, [Annotation("new", "c2", "mood", "Rater 9", "calm", "2026-02", project="round")])
    with pytest.raises(LabelError, match="or of other votes"):
        save_consensus(library, None, "round", "v", MAJORITY)
    assert save_consensus(library, None, "round", "v-2", MAJORITY).kept == 3
    assert len(load_dataset(library, "v").items) == 2


def test_decided_clips_keep_no_shares(library: Store) -> None:
    ada = get_person(library, "Ada")
    decide(library, ada, "round", "c2", "panic", "trembling")
    decide(library, ada, "round", "c0", None, "two people")
    save_consensus(library, ada, "round", "v", ConsensusRule())
    votes = {item.clip.id: (item.label, item.votes) for item in load_dataset(library, "v").items}
    assert votes == {"c1": ("panic", {"panic": 1.0}), "c2": ("panic", None)}
    # what was decided in the project is known of the dataset made of it
    assert load_votes(library, "v").decisions["c2"].label == "panic"


def test_what_can_not_be_saved_is_told(library: Store) -> None:
    cy = add_person(library, "Cy", "rater")
    with pytest.raises(RightsError, match="adjudicating needs the role"):
        save_consensus(library, cy, "round", "v", MAJORITY)
    with pytest.raises(NotFoundError, match="no project or dataset 'gone'"):
        save_consensus(library, None, "gone", "v", MAJORITY)
    with pytest.raises(StoreError, match="'round' is the name of a project"):
        save_consensus(library, None, "round", "round", MAJORITY)
    with pytest.raises(LabelError, match=r"leaves none of the 4 clips of 'round' \(1: nobody judged it, 3: too few"):
        save_consensus(library, None, "round", "v", ConsensusRule(rule="majority", min_votes=9))
    assert list_datasets(library) == ()


def test_origins_are_never_mixed(library: Store) -> None:
    add_clips(library, [Clip("tts", "t.wav", "0" * 64, "synthetic", "tts", 1.0, 16000)])
    ada = get_person(library, "Ada")
    create_project(library, ada, "both", MOOD, ["c0", "tts"])
    said = [
        Annotation(f"b-{id}", id, "mood", "Ada", "calm", "2026", project="both") for id in ("c0", "tts")
    ]  # fmt: skip
    add_annotations(library, said)
    with pytest.raises(StoreError, match="choose one origin"):
        save_consensus(library, None, "both", "v", MAJORITY)
    report = save_consensus(library, None, "both", "v", MAJORITY, origin="synthetic")
    assert (report.clips, report.kept, report.origin) == (1, 1, "synthetic")


def test_a_datasheet_says_what_is_known_and_names_no_rater(library: Store) -> None:
    report = save_consensus(library, get_person(library, "Ada"), "round", "round-1", MAJORITY)
    sheet = generate_datasheet(library, "round-1")
    assert "7 judgements of 4 clips by 3 raters" in sheet
    assert "| kept | 2 |" in sheet and "| left out: a tie | 1 |" in sheet
    assert "the label with most votes; it needs at least 1 vote" in sheet
    assert f"`{report.dataset_hash}`" in sheet and f"`{report.votes_hash}`" in sheet
    assert "Rater" not in sheet and "Ada" not in sheet
    # data can't break out of its cell or become a link
    assert r"CC BY \| 4.0" in sheet and "[x](y)" not in sheet
    assert datasheet_of(library, "round-1") == sheet
    save_datasheet(library, "round-1", "# Mine")
    assert datasheet_of(library, "round-1") == "# Mine"


@pytest.fixture(scope="module")
def few_of_cremad(shared_audio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty recordings of CREMA-D with its manifest, which has the votes."""
    folder = tmp_path_factory.mktemp("cremad")
    (folder / "AudioWAV").mkdir()
    for file in sorted((shared_audio / "cremad" / "AudioWAV").iterdir())[:30]:
        (folder / "AudioWAV" / file.name).symlink_to(file)
    shutil.copy(shared_audio / "cremad" / "manifest.csv", folder)
    return folder


def test_what_listeners_of_cremad_heard_becomes_a_dataset(few_of_cremad: Path, workspace: Workspace) -> None:
    store = open_store(workspace)
    import_corpus(store, "cremad", few_of_cremad)
    votes = load_votes(store, "cremad")
    assert votes.anonymous and len(votes.clips) == 30
    report = save_consensus(store, None, "cremad", "heard", MAJORITY)
    assert report.kept + sum(report.dropped.values()) == 30
    assert report.kept > 20 and report.entropy is not None and report.entropy > 0.3
    # one row of the manifest: of nine listeners to 1001_DFA_ANG_XX six heard anger, two disgust, one nothing
    first = next(c for c in votes.clips.values() if (c.speaker, c.attributes["sentence"]) == ("cremad:1001", "DFA"))
    shares = {item.clip.id: item.votes for item in load_dataset(store, "heard").items}[first.id]
    assert shares == {"ANG": 6 / 9, "DIS": 2 / 9, "NEU": 1 / 9}
    intended = {item.clip.id: item.label for item in load_dataset(store, "cremad").items}
    heard = {item.clip.id: item.label for item in load_dataset(store, "heard").items}
    assert any(intended[id] != label for id, label in heard.items())
    sheet = generate_datasheet(store, "heard")
    assert "by raters whose number isn't known" in sheet and "ODbL-1.0" in sheet
    assert "undefined" not in sheet
    assert summarise_consensus(votes, MAJORITY).kept == report.kept


def test_raters_numbers_become_their_mean_beside_the_label(library: Store) -> None:
    save_scheme(library, Scheme("arousal", low=1.0, high=7.0))
    said = {"c0": [2.0, 3.0, 7.0], "c1": [5.0], "c2": [1.0]}
    add_annotations(library, [
        Annotation(f"{id}-{i}/arousal", id, "arousal", f"Rater {i}", value, "2026-01-02T00:00:00Z", project="round")
        for id, values in said.items()
        for i, value in enumerate(values)
    ])  # fmt: skip
    save_consensus(library, None, "round", "round-1", MAJORITY)
    dataset = load_dataset(library, "round-1")
    # c2 has a number, but no label to stand beside
    assert {item.clip.id: item.values for item in dataset.items} == {"c0": {"arousal": 4.0}, "c1": {"arousal": 5.0}}
    assert dataset.dimensions == (Scheme("arousal", low=1.0, high=7.0),)
    agreement = dataset_papers(library, "round-1").recipe["agreement"]
    assert set(agreement["dimensions"]) == {"arousal"}


def test_values_are_filled_in_once_and_never_change(library: Store) -> None:
    scale = Scheme("arousal", low=1.0, high=7.0)
    save_scheme(library, scale)
    save_dataset(library, "numbers", "real", MOOD, [("c0", "calm"), ("c1", "panic")])
    plain = load_dataset(library, "numbers").snapshot()
    save_dataset(library, "numbers", "real", MOOD, [("c0", "calm")], values={"c0": {"arousal": 2}})
    filled = load_dataset(library, "numbers")
    assert filled.snapshot() != plain and [item.values for item in filled.items] == [{"arousal": 2.0}, None]
    for values, words in (
        ({"arousal": 3}, "other values in dataset 'numbers' \\(arousal 2, not arousal 3\\)"),
        ({"arousal": 9}, "Clip c0, arousal: 9 isn't in scheme 'arousal'; choose a number from 1 to 7"),
        ({"tension": 1}, "'tension', which is no dimension"),
    ):
        with pytest.raises(LabelError, match=words):
            save_dataset(library, "numbers", "real", MOOD, [("c0", "calm")], values={"c0": values})
    assert load_dataset(library, "numbers").snapshot() == filled.snapshot()
