"""Datasets as versions: what differs between two, one deleted and put back, and what licences say."""

import json
from pathlib import Path

import pytest
from tones import write_folders

from affexion_core.corpora._item import CorpusInfo
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import NotFoundError, RightsError, StoreError
from affexion_core.ingest.importing import import_corpus
from affexion_core.ingest.takedown import take_down
from affexion_core.labeling.people import add_person, set_role
from affexion_core.labeling.versions import compare_datasets, delete_version, edit_datasheet, put_version_back
from affexion_core.licences import OTHER, UNKNOWN, licence_of, licence_warnings, licences_in
from affexion_core.store.clips import add_clips
from affexion_core.store.dataset_rows import TakenDataset
from affexion_core.store.datasets import dataset_papers, list_datasets, load_dataset, save_dataset
from affexion_core.store.licences import dataset_licences
from affexion_core.store.session import Store
from affexion_core.types import Clip, Provenance, Scheme

SCHEME = Scheme("two", ("calm", "tense"))


def made(n: int, licence: str | None = None, first: int = 0) -> list[Clip]:
    return [
        Clip(f"{i:016x}", f"audio/{i}.wav", f"{i:064x}", "real", "c", 1.0, 16000, speaker=f"c:{i % 3}",
             provenance=Provenance(licence=licence))
        for i in range(first, first + n)
    ]  # fmt: skip


def test_a_comparison_says_what_differs(store: Store) -> None:
    clips = made(6)
    add_clips(store, clips)
    ids = [clip.id for clip in clips]
    save_dataset(store, "a", "real", SCHEME, [(id, "calm") for id in ids[:4]])
    save_dataset(store, "b", "real", SCHEME, [(ids[1], "tense"), *((id, "calm") for id in (ids[2], ids[3], ids[5]))],
                 votes={ids[3]: {"calm": 0.6, "tense": 0.4}})  # fmt: skip
    found = compare_datasets(store, "a", "b")
    assert (found.only_a, found.only_b) == ((ids[0],), (ids[5],))
    assert [(change.clip_id, change.a, change.b) for change in found.changed] == [(ids[1], "calm", "tense")]
    assert (found.n_a, found.n_b, found.same, found.other_votes) == (4, 4, 2, 1)
    assert found.labels == {"calm": (4, 3), "tense": (0, 1)}
    assert found.speakers_only_a == () and found.hash_a != found.hash_b
    same = compare_datasets(store, "a", "a")
    assert same.hash_a == same.hash_b and same.same == 4 and not (same.only_a or same.changed)
    with pytest.raises(NotFoundError, match="choose a or b"):
        compare_datasets(store, "a", "c")


def test_a_deleted_dataset_can_be_put_back_as_it_was(store: Store, tmp_path: Path) -> None:
    import_corpus(store, "folder", write_folders(tmp_path / "people", ("panic", "boredom"), speakers=1, takes=2))
    edit_datasheet(store, "people", "# Ours")
    before, papers, summary = load_dataset(store, "people"), dataset_papers(store, "people"), list_datasets(store)
    taken = delete_version(store, "people")
    assert isinstance(taken, TakenDataset) and list_datasets(store) == ()
    assert put_version_back(store, taken) == 4
    assert (load_dataset(store, "people"), dataset_papers(store, "people")) == (before, papers)
    assert list_datasets(store) == summary
    with pytest.raises(StoreError, match="a dataset 'people' again"):
        put_version_back(store, taken)
    taken = delete_version(store, "people")
    take_down(store, [before.items[0].clip.id], "asked to")
    assert put_version_back(store, taken) == 3


def test_who_may_edit_and_delete(store: Store) -> None:
    add_clips(store, made(1))
    save_dataset(store, "a", "real", SCHEME, [(made(1)[0].id, "calm")])
    ada, bo = add_person(store, "Ada"), add_person(store, "Bo")
    with pytest.raises(RightsError, match="editing datasheets"):
        edit_datasheet(store, "a", "mine", bo)
    bo = set_role(store, ada, "Bo", "adjudicator")
    edit_datasheet(store, "a", "mine", bo)
    with pytest.raises(RightsError, match="deleting datasets needs the role owner"):
        delete_version(store, "a", bo)
    put_version_back(store, delete_version(store, "a", ada), ada)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY-NC-SA 4.0", "CC BY-NC-SA"), ("cc-by-nc-4.0", "CC BY-NC"), ("CC-BY-4.0", "CC BY"),
        ("Creative Commons Attribution license (reuse allowed)", "CC BY"), ("CC_BY_SA_3.0", "CC BY-SA"),
        ("CC0-1.0 (audEERING/audb listing)", "CC0"), ("ODbL 1.0 (database), DbCL 1.0 (contents)", "ODbL"),
        ("CC BY-NC-ND 4.0", "CC BY-NC-ND"), ("fair use", "fair use"), ("non-commercial", "non-commercial"),
        ("kept with the speaker's consent for this workspace", "consent for this workspace"),
        ("Standard YouTube License", "all rights reserved"), (None, UNKNOWN), ("", UNKNOWN), (" unknown ", UNKNOWN),
        ("MIT-like words of our own", OTHER), ("\0=1+1<script>", OTHER),
    ],
)  # fmt: skip
def test_a_licence_is_known_however_it_is_written(text: str | None, name: str) -> None:
    assert licence_of(text).name == name


def test_the_licences_of_known_corpora_are_in_the_table() -> None:
    for name in plugin_names("corpora"):
        info: CorpusInfo = load_plugin("corpora", name).INFO
        assert licence_of(info.licence).name != OTHER, info.licence
    assert all(licence_of(text).allows for text in ("CC-BY-4.0", "a licence of ours", None))


def test_licences_are_counted_and_mixing_is_warned_of(store: Store) -> None:
    clips = [*made(3, "CC BY-NC-SA 4.0"), *made(2, "ODbL 1.0", 3), *made(4, None, 5)]
    add_clips(store, clips)
    save_dataset(store, "a", "real", SCHEME, [(clip.id, "calm") for clip in clips[:5]])
    counts = licences_in(store)
    assert [(held.text, held.licence.name, held.n) for held in counts] == [
        (None, UNKNOWN, 4), ("CC BY-NC-SA 4.0", "CC BY-NC-SA", 3), ("ODbL 1.0", "ODbL", 2),
    ]  # fmt: skip
    assert dataset_licences(store) == {"a": {"CC BY-NC-SA 4.0": 3, "ODbL 1.0": 2}}
    warnings = "\n".join(licence_warnings(counts))
    assert "4 of 9 clips have no licence recorded" in warnings and "3 of 9 clips may not be used to earn" in warnings
    assert "CC BY-NC-SA and ODbL each want" in warnings
    assert licence_warnings(licences_in(store, "a"))[0].startswith("3 of 5 clips may not be used to earn money")
    json.dumps([dict(vars(held.licence)) for held in counts])
