"""A clip that is taken down is gone: its sound, features, labels and exports; what it was in is named."""

import json
import random
import time
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from tones import write_folders

from affexion_core.discovery import load_plugin
from affexion_core.errors import NotFoundError, RightsError, StoreError
from affexion_core.extraction import FrontEnd, features_of
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.ingest.preview import preview_import
from affexion_core.ingest.takedown import lift_takedown, preview_takedown, take_down
from affexion_core.labeling.exporting import export_zip
from affexion_core.labeling.people import add_person, set_role
from affexion_core.store.clips import add_clips, get_clip, known_clips
from affexion_core.store.datasets import load_dataset, save_dataset
from affexion_core.store.schema import metadata
from affexion_core.store.session import Store, open_store, reading
from affexion_core.store.takedowns import list_tombstones
from affexion_core.types import Clip, Scheme, clip_id
from affexion_core.workspace import open_workspace


def brought(store: Store, tmp_path: Path) -> tuple[str, ...]:
    import_corpus(store, "folder", write_folders(tmp_path / "people", ("panic", "boredom"), speakers=1, takes=2))
    return tuple(item.clip.id for item in load_dataset(store, "people").items)


def traces_of(store: Store, needle: str) -> list[str]:
    """Say where a text still stands: in any row but a tombstone, in any file's name, in any file."""
    with reading(store) as connection:
        rows = [
            table.name
            for table in metadata.sorted_tables
            if table.name != "clip_tombstone"
            for row in connection.execute(select(table)).all()
            if needle in repr(row)
        ]
    root = store.workspace.root
    folders = [root / name for name in ("audio", "features", "exports")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return rows + [str(path) for path in files if needle in path.name or needle.encode() in path.read_bytes()]


def test_all_of_a_clip_goes_and_the_others_stay(store: Store, tmp_path: Path) -> None:
    ids = brought(store, tmp_path)
    clip, workspace = get_clip(store, ids[0]), store.workspace
    plugin = load_plugin("features", "mfcc")
    clips = [item.clip for item in load_dataset(store, "people").items]
    features_of(workspace, clips, FrontEnd("mfcc", plugin.Config()))
    (workspace.features / "levels-1.json").write_text(json.dumps({id: [1.0] for id in ids}))
    export_zip(store, "people", "csv", audio=True)
    found = preview_takedown(store, [clip.id])
    assert not found.done and found.datasets == {"people": 1} and len(found.exports) == 1
    assert known_clips(store, ids) == set(ids)
    report = take_down(store, [clip.id], "consent withdrawn")
    assert report.done and report.clips == (clip.id,) and report.n_judgements == 1
    assert report.n_files >= 3  # recording, features, export
    assert traces_of(store, clip.id) == traces_of(store, clip.sha256) == []
    assert known_clips(store, ids) == set(ids[1:])
    assert json.loads((workspace.features / "levels-1.json").read_text()).keys() == set(ids[1:])
    assert len(list(workspace.audio.rglob("*.wav"))) == 3
    (tombstone,) = list_tombstones(store)
    assert (tombstone.clip_id, tombstone.sha256, tombstone.reason) == (clip.id, clip.sha256, "consent withdrawn")
    assert tombstone.judgements is None and tombstone.report["datasets"] == {"people": 1}


def test_it_does_not_come_back_until_that_is_lifted(store: Store, tmp_path: Path) -> None:
    ids = brought(store, tmp_path)
    clip = get_clip(store, ids[0])
    take_down(store, [clip.id], "The speaker asked.", keep_judgements=True)
    assert list_tombstones(store)[0].judgements[0]["rater"] == "corpus:people"
    (seen,) = (row for row in preview_import(store, "folder", tmp_path / "people").rows if row.state == "rejected")
    report = import_corpus(store, "folder", tmp_path / "people")
    assert report.added == 0 and len(report.rejected) == 1
    assert seen.reason == report.rejected[0].reason
    assert "was taken down on 2" in report.rejected[0].reason and "The speaker asked." in report.rejected[0].reason
    assert traces_of(store, clip.sha256) == []
    with pytest.raises(StoreError, match="was taken down"):
        add_clips(store, [clip])
    with pytest.raises(StoreError, match="Say why"):
        lift_takedown(store, clip.id, " ")
    assert lift_takedown(store, clip.id, "it was another person").lifted
    with pytest.raises(StoreError, match="was lifted already"):
        lift_takedown(store, clip.id, "again")
    assert import_corpus(store, "folder", tmp_path / "people").added == 1


def test_a_part_of_a_recording_takes_the_whole_or_stays(store: Store, tmp_path: Path) -> None:
    (id, *_) = brought(store, tmp_path)
    whole = get_clip(store, id)
    part = Clip(**{**vars(whole), "id": clip_id(whole.sha256, 0.0, 0.3), "start": 0.0, "end": 0.3})
    add_clips(store, [part])
    with pytest.raises(StoreError, match="holds other clips .1, the first"):
        take_down(store, [part.id], "a name is said")
    assert known_clips(store, [id, part.id]) == {id, part.id}
    report = take_down(store, [part.id], "a name is said", whole_recording=True)
    assert report.clips == tuple(sorted((id, part.id))) and report.parts == (id,)
    lift_takedown(store, part.id, "mistaken")
    add_clips(store, [whole])


def test_files_used_in_place_are_named_and_left_alone(store: Store, tmp_path: Path) -> None:
    corpus = write_folders(tmp_path / "people", ("panic",), speakers=1, takes=1)
    import_corpus(store, "folder", corpus, ImportOptions(in_place=True))
    (item,) = load_dataset(store, "people").items
    report = take_down(store, [item.clip.id], "no licence")
    assert report.outside == (item.clip.file,) and Path(item.clip.file).is_file()


def test_only_owners_may_and_a_reason_is_needed(store: Store, tmp_path: Path) -> None:
    ids = brought(store, tmp_path)
    ada, bo = add_person(store, "Ada"), add_person(store, "Bo")
    for role in ("viewer", "rater", "adjudicator"):
        bo = set_role(store, ada, "Bo", role)
        with pytest.raises(RightsError, match="taking clips down needs the role owner"):
            take_down(store, [ids[0]], "I want to", bo)
        with pytest.raises(RightsError):
            lift_takedown(store, ids[0], "I want to", bo)
    with pytest.raises(StoreError, match="Say why"):
        take_down(store, [ids[0]], "  ", ada)
    with pytest.raises(NotFoundError, match="no clip 'gone'"):
        take_down(store, ["gone"], "why not", ada)
    assert known_clips(store, ids) == set(ids)
    take_down(store, [ids[0]], "asked to", ada)
    assert list_tombstones(store)[0].person == "Ada"


def test_one_that_was_killed_is_finished_by_doing_it_again(store: Store, tmp_path: Path) -> None:
    ids = brought(store, tmp_path)
    clip = get_clip(store, ids[0])
    sound = store.workspace.clip_path(clip).read_bytes()
    take_down(store, [clip.id], "asked to")
    store.workspace.clip_path(clip).write_bytes(sound)
    assert take_down(store, [clip.id], "asked to").done
    assert traces_of(store, clip.sha256) == []


def test_one_of_ten_thousand_takes_less_than_five_seconds(tmp_path: Path, monkeypatch, counted) -> None:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    store = open_store(open_workspace(tmp_path / "crowd"))
    dice = random.Random(1)
    contents = [f"{dice.getrandbits(256):064x}" for _ in range(10_000)]
    made = [
        Clip(sha[:16], f"audio/{sha[:2]}/{sha}.wav", sha, "real", "crowd", 1.0, 16000, speaker=f"crowd:{i % 99}")
        for i, sha in enumerate(contents)
    ]
    add_clips(store, made)
    save_dataset(
        store, "crowd", "real", Scheme("two", ("a", "b")), [(clip.id, "ab"[i % 2]) for i, clip in enumerate(made)]
    )
    for run in range(10):
        rows = [{"clip_id": clip.id, "part": "train" if run % 2 else "test", "text": "x" * 40} for clip in made]
        folder = store.workspace.runs / f"run-{run}"
        folder.mkdir()
        (folder / "split.json").write_text(json.dumps({"clips": rows}))
    folder = store.workspace.features / "mfcc-0"
    for clip in made[::10]:
        (folder / clip.id[:2]).mkdir(parents=True, exist_ok=True)
        np.save(folder / clip.id[:2] / f"{clip.id}.npy", np.zeros((1, 1), np.float32))
    begun = time.perf_counter()
    report = take_down(store, [made[0].id], "asked to")
    seconds = time.perf_counter() - begun
    assert report.learned == tuple(f"run-{i}" for i in (1, 3, 5, 7, 9))
    assert report.measured == tuple(f"run-{i}" for i in (0, 2, 4, 6, 8))
    assert seconds < 5
    counted("takedown of a clip among 10,000, with 10 runs", f"{seconds:.2f} s")
