"""Imports as wholes: looked at first, undone in one step, and whole whenever they are killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from tones import write_folders

from affexion_core.errors import CorpusError, NotFoundError, StoreError
from affexion_core.ingest import batches
from affexion_core.ingest.batches import importing, undo_import
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.ingest.preview import STATES, Preview, preview_import
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets, load_dataset, save_dataset
from affexion_core.store.imports import get_import, list_imports
from affexion_core.store.labels import add_annotations, find_annotations
from affexion_core.store.schema import metadata
from affexion_core.store.session import Store, open_store, reading
from affexion_core.types import Annotation, Scheme
from affexion_core.workspace import Workspace


def contents(store: Store) -> dict[str, object]:
    """All rows but those of imports and schemes, and all files of recordings."""
    with reading(store) as connection:
        tables = [table for table in metadata.sorted_tables if table.name not in ("import_batch", "scheme")]
        rows: dict[str, object] = {t.name: sorted(map(repr, connection.execute(select(t)).all())) for t in tables}
    return {**rows, "files": sorted(p.name for p in store.workspace.audio.rglob("*") if p.is_file())}


def counts(preview: Preview) -> dict[str, int]:
    return {state: preview.count(state) for state in STATES if preview.count(state)}


def test_a_preview_says_what_comes_in_and_writes_nothing(store: Store, tmp_path: Path) -> None:
    corpus = write_folders(tmp_path / "voices", labels=("panic", "boredom"), speakers=2, takes=1)
    import_corpus(store, "folder", corpus / "panic" / "s0", ImportOptions(dataset="loose"))
    (corpus / "panic" / "broken.wav").write_bytes(b"RIFF but no sound")
    (corpus / "panic" / "copy.wav").write_bytes((corpus / "panic" / "s1" / "0.wav").read_bytes())
    (corpus / "boredom" / "other.wav").write_bytes((corpus / "panic" / "s1" / "0.wav").read_bytes())
    (corpus / "boredom" / "third.wav").write_bytes((corpus / "boredom" / "other.wav").read_bytes())
    before, n_imports = contents(store), len(list_imports(store))
    opened: dict = {}
    found = preview_import(store, "folder", corpus, before=opened)
    assert counts(found) == {"new": 3, "in library": 1, "twice": 1, "rejected": 3}
    assert found.n_coming == 3 and found.seconds == pytest.approx(1.8)
    assert (found.dataset, found.origin, found.speakers) == ("voices", "real", 2)
    reasons = {row.file: row.reason for row in found.rows if row.state == "rejected"}
    assert "is not a sound file" in reasons["panic/broken.wav"] and len(opened) == 8
    assert contents(store) == before and len(list_imports(store)) == n_imports
    report = import_corpus(store, "folder", corpus)
    assert (report.added, len(report.rejected)) == (3, 3)
    assert {label: n for label, n in report.labels.items() if n} == {"panic": 1, "boredom": 3}


def test_a_preview_of_many_opens_the_first(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("affexion_core.ingest.preview.MOST_OPENED", 3)
    corpus = write_folders(tmp_path / "voices", labels=("panic",), speakers=3)
    found = preview_import(store, "folder", corpus)
    assert counts(found) == {"new": 3, "not opened": 3} and found.n_coming == 6


def test_undoing_leaves_what_was_there(store: Store, tmp_path: Path) -> None:
    first = write_folders(tmp_path / "first", labels=("panic",), speakers=1)
    import_corpus(store, "folder", first, ImportOptions(dataset="all"))
    before = contents(store)
    both = write_folders(tmp_path / "both", labels=("panic", "boredom"), speakers=2)
    report = import_corpus(store, "folder", both, ImportOptions(dataset="all"), person="Olga")
    assert (report.added, report.present) == (6, 2)
    batch = get_import(store, report.import_id)
    assert (batch.state, batch.n_clips, batch.person, batch.report["added"]) == ("done", 6, "Olga", 6)
    taken = undo_import(store, report.import_id)
    assert (taken.n_clips, taken.n_members, len(taken.sha256)) == (6, 6, 6)
    after = contents(store)
    assert {k: v for k, v in after.items() if k != "dataset"} == {k: v for k, v in before.items() if k != "dataset"}
    assert get_import(store, report.import_id).state == "undone"
    with pytest.raises(StoreError, match="undone already"):
        undo_import(store, report.import_id)
    assert import_corpus(store, "folder", both, ImportOptions(dataset="all")).added == 6


def test_a_dataset_goes_with_the_import_that_made_it(store: Store, tmp_path: Path) -> None:
    report = import_corpus(store, "folder", write_folders(tmp_path / "voices", speakers=1))
    undo_import(store, report.import_id)
    assert not list_datasets(store) and find_clips(store, ClipQuery()).total == 0 and not find_annotations(store)
    with pytest.raises(NotFoundError, match="the newest are"):
        get_import(store, "gone")


def test_peoples_work_is_never_undone_with_it(store: Store, tmp_path: Path) -> None:
    report = import_corpus(store, "folder", write_folders(tmp_path / "voices", labels=("panic",), speakers=1))
    clip = find_clips(store, ClipQuery()).rows[0].clip
    before = contents(store)
    add_annotations(store, [Annotation("a", clip.id, "affexion", "Zoe", "panic", "2026-01-01T00:00:00+00:00")])
    save_dataset(store, "mine", "real", Scheme("affexion", ("panic",)), [(clip.id, "panic")])
    with pytest.raises(StoreError, match="judged 1 times, 1 places in other datasets.*Nothing was changed"):
        undo_import(store, report.import_id)
    assert contents(store)["files"] == before["files"] and load_dataset(store, "voices").items


def test_nothing_is_undone_while_something_comes_in(store: Store, tmp_path: Path) -> None:
    report = import_corpus(store, "folder", write_folders(tmp_path / "voices", labels=("panic",), speakers=1))
    coming = importing(store, "folder", "elsewhere", "others", None)
    with coming, pytest.raises(StoreError, match="An import is going on"):
        undo_import(store, report.import_id)
    assert undo_import(store, report.import_id).n_clips == 2


def test_an_import_of_nothing_leaves_no_trace(store: Store, tmp_path: Path) -> None:
    (tmp_path / "voices" / "panic").mkdir(parents=True)
    (tmp_path / "voices" / "panic" / "a.wav").write_text("no sound")
    with pytest.raises(CorpusError, match="can be used"):
        import_corpus(store, "folder", tmp_path / "voices")
    assert not list_imports(store)


def test_a_stopped_import_goes_on_under_its_id_or_is_undone(store: Store, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("affexion_core.ingest.importing.BATCH", 2)
    corpus = write_folders(tmp_path / "voices", labels=("panic",), speakers=3)

    def stop(done: int, total: int, what: str) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, "folder", corpus, progress=stop)
    (batch,) = list_imports(store)
    assert (batch.state, batch.n_clips) == ("unfinished", 4)
    report = import_corpus(store, "folder", corpus)
    assert (report.added, report.present, report.import_id) == (2, 4, batch.id)
    (batch,) = list_imports(store)
    assert (batch.state, batch.n_clips) == ("done", 6)
    assert undo_import(store, batch.id).n_clips == 6


IMPORT = """
import sys
from pathlib import Path
import affexion_core.ingest.importing as importing
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace
importing.BATCH = 4
store = open_store(open_workspace(sys.argv[1]))
print("begins", flush=True)
importing.import_corpus(store, "folder", Path(sys.argv[2]))
print("done", flush=True)
"""


def killed(workspace: Workspace, corpus: Path, seconds: float) -> bool:
    """Kill an import so long after its beginning, and check that the library is whole; False if it was done before."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(workspace.root), str(corpus)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "begins\n"
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    was_done = "done" in process.stdout.read()
    process.wait()
    store = open_store(workspace)
    for row in find_clips(store, ClipQuery(limit=None)).rows:
        assert workspace.clip_path(row.clip).is_file()
    assert len([batch for batch in list_imports(store) if batch.state == "unfinished"]) <= 1
    store.engine.dispose()
    return not was_done


def kill_imports(workspace: Workspace, corpus: Path, n: int) -> int:
    """Kill imports at random moments, some of a fresh workspace; count those that were under way."""
    rng, hits = random.Random(n), 0
    for number in range(n):
        hit = killed(workspace, corpus, rng.uniform(0.0, 2.0))
        hits += hit
        if not hit or number % 5 == 4:  # there is nothing left to bring in, or now and then: begin anew
            store = open_store(workspace)
            for batch in list_imports(store):
                undo_import(store, batch.id)
            with store.engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM import_batch")
            store.engine.dispose()
    return hits


def check_completes(workspace: Workspace, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A last import completes, and no copy without a clip is left."""
    for part in workspace.audio.rglob("*.part"):
        os.utime(part, (0, 0))
    store = open_store(workspace)
    report = import_corpus(store, "folder", corpus)
    assert report.added + report.present == 24 and len(load_dataset(store, "voices").items) == 24
    shas = {row.clip.sha256 for row in find_clips(store, ClipQuery(limit=None)).rows}
    assert {file.stem for file in workspace.audio.rglob("*") if file.is_file()} == shas
    monkeypatch.setattr(batches, "OLD_SECONDS", 0.0)
    undo_import(store, report.import_id)
    assert not [file for file in workspace.audio.rglob("*") if file.is_file()]


def test_a_killed_import_leaves_the_library_whole(workspace: Workspace, tmp_path: Path, monkeypatch) -> None:
    corpus = write_folders(tmp_path / "voices", labels=("panic", "boredom"), speakers=4, takes=3)
    kill_imports(workspace, corpus, 2)
    check_completes(workspace, corpus, monkeypatch)


@pytest.mark.soak
def test_fifty_killed_imports(workspace: Workspace, tmp_path: Path, monkeypatch, counted) -> None:
    corpus = write_folders(tmp_path / "voices", labels=("panic", "boredom"), speakers=4, takes=3)
    hits = kill_imports(workspace, corpus, 50)
    check_completes(workspace, corpus, monkeypatch)
    counted("imports killed at random moments", f"50, {hits} of them under way: 0 clips without a file, all complete")
