"""Backups while people work: one moment, nothing lost, put back as it was."""

import hashlib
import json
import threading
import zipfile
from pathlib import Path

import pytest

from affexion_core.backup import back_up, restore
from affexion_core.errors import StoreError
from affexion_core.store.clips import add_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.jobs import add_job
from affexion_core.store.labels import add_annotations, find_annotations, save_scheme
from affexion_core.store.licences import licence_counts
from affexion_core.store.runs import get_run, save_run
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.session import Store, open_store, reading, writing
from affexion_core.types import Annotation, Clip, Provenance, Run, Scheme
from affexion_core.workspace import open_workspace

MOOD = Scheme("mood", ("calm", "panic"))


@pytest.fixture
def full(store: Store) -> Store:
    """A workspace with something of everything, what refers to itself included."""
    folder = store.workspace.runs / "r1"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (store.workspace.audio / "ab").mkdir()
    (store.workspace.audio / "ab" / "ü.wav").write_bytes(bytes(range(256)))
    provenance = Provenance(source="a\nb", parameters={"speed": 1.1, "größe": 3})
    add_clips(store, [Clip(f"c{i}", "audio/ab/ü.wav", "0" * 64, "real", "demo", 0.1 + i, 16000, provenance=provenance)
                      for i in range(5)])  # fmt: skip
    save_dataset(store, "all", "real", MOOD, [(f"c{i}", "calm") for i in range(5)])
    add_annotations(store, [Annotation("z", "c0", "mood", "ann", "calm", "2026-01-01", comment="=1+1 \u2028 \x1f")])
    add_annotations(store, [Annotation("a", "c0", "mood", "ann", "panic", "2026-01-02", replaces="z")])
    add_annotations(store, [Annotation("b", "c0", "mood", "ann", None, "2026-01-03", replaces="a", withdrawn=True)])
    parent = add_job(store, "cv", {"n": 1})
    add_job(store, "fold", {}, parent=parent.id)
    save_run(store, Run("r1", "train", "paper", str(folder), ("calm",), "all", "ff", "2026", summary={"uar": 1 / 3}))
    return store


def emptied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "other") -> Store:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    return open_store(open_workspace(tmp_path / name))


def rows_of(store: Store, tmp_path: Path) -> dict[str, dict[str, object]]:
    """Give every table's number of rows and their hash, as a backup made now states them."""
    again = tmp_path / "again.zip"
    again.unlink(missing_ok=True)
    back_up(store, again)
    with zipfile.ZipFile(again) as archive:
        return json.loads(archive.read("backup.json"))["tables"]


def test_what_comes_back_is_what_was_there(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = back_up(full, tmp_path / "b.zip")
    assert (report.rows["clip"], report.rows["annotation"], report.rows["job"], report.files) == (5, 3, 2, 2)
    other = emptied(tmp_path, monkeypatch)
    assert restore(other, tmp_path / "b.zip").rows == report.rows
    assert rows_of(other, tmp_path) == rows_of(full, tmp_path)
    assert find_annotations(other) == find_annotations(full)
    assert (other.workspace.audio / "ab" / "ü.wav").read_bytes() == bytes(range(256))
    assert Path(get_run(other, "r1").folder) == other.workspace.runs / "r1"
    assert (other.workspace.runs / "r1" / "config.json").is_file()


@pytest.mark.postgres
def test_a_team_moves_to_postgresql(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request) -> None:
    if full.engine.dialect.name != "sqlite":
        pytest.skip("moves from SQLite alone")
    back_up(full, tmp_path / "b.zip")
    monkeypatch.setenv("AFFEXION_DATABASE_URL", request.getfixturevalue("postgres_url"))
    moved = open_store(open_workspace(tmp_path / "moved"))
    restore(moved, tmp_path / "b.zip")
    assert moved.engine.dialect.name == "postgresql"
    assert rows_of(moved, tmp_path) == rows_of(full, tmp_path)


def whole_backups(store: Store, folder: Path, times: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Back up while four writers write in pairs; every archive must come back equal, and hold whole pairs."""
    add_clips(store, [Clip("c", "c.wav", "0" * 64, "real", "demo", 1.0, 16000)])
    save_scheme(store, MOOD)
    stop = threading.Event()

    def write(name: str) -> None:
        n = 0
        while not stop.is_set():
            pair = [Annotation(f"{name}-{n}-{half}", "c", "mood", name, "calm", "2026") for half in "ab"]
            assert add_annotations(store, pair) == 2
            n += 1

    writers = [threading.Thread(target=write, args=(f"w{k}",)) for k in range(4)]
    for writer in writers:
        writer.start()
    try:
        for k in range(times):
            back_up(store, folder / f"{k}.zip")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    for k in range(times):
        other = emptied(folder, monkeypatch, f"restored-{k}")
        restore(other, folder / f"{k}.zip")  # compares the hash of every table
        ids = {made.id for made in find_annotations(other)}
        assert ids == {id[:-1] + half for id in ids for half in "ab"}
        other.engine.dispose()
    return len(ids)


def test_backups_made_while_people_write_are_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert whole_backups(store, tmp_path, 3, monkeypatch) > 2


@pytest.mark.soak
def test_twenty_backups_made_while_people_write_are_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted
) -> None:
    n = whole_backups(store, tmp_path, 20, monkeypatch)
    kind = store.engine.dialect.name
    counted(f"backups while four writers write, {kind}", f"20/20 restored hash-equal; {n:,} labels in the last")


def test_what_cannot_be_restored_is_said(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "b.zip"
    back_up(full, file)
    with pytest.raises(StoreError, match="There is a file .*b.zip already; name another"):
        back_up(full, file)
    with pytest.raises(StoreError, match=r"isn't empty \(.*5 rows in clip.*restore into a new one"):
        restore(full, file)
    other = emptied(tmp_path, monkeypatch)
    for name, change in {
        "damaged": lambda entry, data: data.replace(b"panic", b"PANIC") if "annotation" in entry else data,
        "is no backup": lambda entry, data: b"[]" if entry == "backup.json" else data,
        "newer Affexion": lambda entry, data: data.replace(b'"revision": "0', b'"revision": "9'),
    }.items():
        with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as new:
            for entry in old.namelist():
                new.writestr(entry, change(entry, old.read(entry)))
        with pytest.raises(StoreError, match=name):
            restore(other, tmp_path / f"{name}.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(StoreError, match="can't be restored"):
        restore(other, tmp_path / "text.zip")
    with reading(other) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM clip").scalar() == 0


def test_a_backup_of_an_older_version_gets_the_licences_as_a_column(
    full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(full) as connection:
        connection.execute(clip_table.update().values(provenance={"licence": "CC0"}, licence="CC0"))
    back_up(full, tmp_path / "new.zip")
    with zipfile.ZipFile(tmp_path / "new.zip") as new, zipfile.ZipFile(tmp_path / "old.zip", "w") as old:
        rows = [json.loads(line) for line in new.read("tables/clip.jsonl").splitlines()]
        lines = [json.dumps({name: value for name, value in row.items() if name != "licence"}) + "\n" for row in rows]
        clips = "".join(lines).encode()
        manifest = json.loads(new.read("backup.json")) | {"revision": "0006"}
        manifest["tables"]["clip"]["sha256"] = hashlib.sha256(clips).hexdigest()
        changed = {"tables/clip.jsonl": clips, "backup.json": json.dumps(manifest).encode()}
        for entry in new.namelist():
            old.writestr(entry, changed.get(entry, new.read(entry)))
    other = emptied(tmp_path, monkeypatch)
    restore(other, tmp_path / "old.zip")
    assert licence_counts(other) == {"CC0": 5}
