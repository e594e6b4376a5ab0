import io
import zipfile

import numpy as np
import pytest
import soundfile as sf
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.importing import ImportRequest, do_import, read_request, submit_import
from affexion_core.labeling.people import add_person, set_role
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets
from affexion_core.store.imports import list_imports
from affexion_core.store.jobs import list_jobs
from affexion_core.store.labels import find_annotations
from affexion_core.store.session import open_store


def n_clips(workspace) -> int:
    return find_clips(open_store(workspace), ClipQuery()).total


def in_folder(at, path):
    return at.text_input("import-path").set_value(str(path)).run()


def said(at) -> str:
    kinds = ("markdown", "caption", "error", "success", "info")
    return "\n".join(str(e.value) for kind in kinds for e in at.get(kind)).replace("\\", "")


def packed(root) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(p for p in root.rglob("*") if p.is_file()):
            archive.write(path, path.relative_to(root))
    return file.getvalue()


def test_a_folder_is_seen_first_then_imported_then_undone(workspace, tmp_path, open_page):
    corpus = write_folders(tmp_path / "corpus", labels=("panic", "boredom"), speakers=2)
    (corpus / "panic" / "broken.wav").write_bytes(b"RIFF but no sound")
    at = in_folder(open_page("import_clips", way="folder"), corpus)
    assert not at.exception
    assert "**8 new recordings**, 4.8 s · 1 rejected" in said(at) and n_clips(workspace) == 0
    rows = at.dataframe[0].value
    assert list(rows["File"])[0] == "panic/broken.wav" and "is not a sound file" in rows["Note"][0]
    at.button("import-start").click().run()
    assert not at.exception
    assert "8 clips added, 1 file rejected" in said(at) and n_clips(workspace) == 8
    store = open_store(workspace)
    (batch,) = list_imports(store)
    assert "8 clips into corpus, 1 rejected, done" in said(at)
    at.segmented_control("import-way").set_value("record").run()
    assert not at.exception
    at.button(f"import-undo-{batch.id}").click().run()
    assert "8 clips and 8 labels taken out again" in said(at) and "undone" in said(at)
    assert n_clips(workspace) == 0 and not list_datasets(store)


@pytest.mark.parametrize(
    ("path", "message"), [("/no/such/folder", "There is no folder or file"), (".", "doesn't look like")]
)
def test_a_bad_path_is_told_and_kept(path, message, workspace, tmp_path, open_page, monkeypatch):
    at = open_page("import_clips", way="folder")
    monkeypatch.chdir(tmp_path)
    in_folder(at, path)
    assert not at.exception and message in at.error[0].value.replace("\\", "")
    assert at.text_input("import-path").value == path


def test_dropped_files_of_one_label_with_any_name(workspace, tmp_path, open_page):
    folder = write_folders(tmp_path / "corpus", labels=("panic",), speakers=1, takes=2) / "panic" / "s0"
    at = open_page("import_clips")
    uploads = [("take.wav", (folder / f"{i}.wav").read_bytes(), "audio/wav") for i in (0, 1)]
    at.file_uploader[0].set_value([*uploads, ("empty.wav", b"", "audio/wav")]).run()
    assert "2 new recordings" in said(at) and "1 rejected" in said(at)
    at.text_input("import-label").set_value("../../outside").run()
    at.text_input("import-speaker").set_value("anna").run()
    at.button("import-start").click().run()
    assert not at.exception and "2 clips added, 1 file rejected" in said(at)
    rows = find_clips(open_store(workspace), ClipQuery()).rows
    assert [dict(row.labels) for row in rows] == [{"uploads": "../../outside"}] * 2
    assert {row.clip.speaker for row in rows} == {"uploads:anna"}
    assert sorted(row.clip.attributes["recording"] for row in rows) == ["take-2.wav", "take.wav"]
    assert not (tmp_path / "outside").exists()


def test_an_archive_brings_its_labels_and_a_hostile_one_nothing(workspace, tmp_path, open_page):
    corpus = write_folders(tmp_path / "corpus", labels=("panic", "boredom"), speakers=1)
    at = open_page("import_clips")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../evil.wav", b"x")
    at.file_uploader[0].set_value([("evil.zip", bomb.getvalue(), "application/zip")]).run()
    assert not at.exception and "leads elsewhere" in at.error[0].value
    at.file_uploader[0].set_value([("speech.zip", packed(corpus), "application/zip")]).run()
    assert "Labels: boredom 2, panic 2" in said(at)
    at.button("import-start").click().run()
    assert not at.exception and n_clips(workspace) == 4


def test_too_much_at_once_is_said(workspace, open_page, monkeypatch):
    monkeypatch.setattr("affexion_ui.import_staging.MOST_FILES", 1)
    at = open_page("import_clips")
    at.file_uploader[0].set_value([(f"{i}.wav", b"x", "audio/wav") for i in range(2)]).run()
    assert not at.exception and "2 files were dropped; at most 1 at once" in at.error[0].value


def test_a_table_with_other_column_names(workspace, tmp_path, open_page):
    sf.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 8_000), 16_000)
    at = open_page("import_clips", way="table")
    at.file_uploader[0].set_value([("speech.csv", b"Datei;Gefuehl\na.wav;panic\nb.wav;panic\n", "text/csv")])
    at.file_uploader[1].set_value([("a.wav", (tmp_path / "a.wav").read_bytes(), "audio/wav")]).run()
    assert "Say which column names the recordings" in at.error[0].value
    at.selectbox("import-column-file").set_value("Datei").run()
    at.selectbox("import-column-label").set_value("Gefuehl").run()
    assert "**1 new recording**" in said(at) and "1 rejected" in said(at) and "Labels: panic 1" in said(at)
    at.button("import-start").click().run()
    assert not at.exception and [d.name for d in list_datasets(open_store(workspace))] == ["speech"]


def test_a_corpus_needs_its_licence_accepted(workspace, tmp_path, open_page):
    folder = tmp_path / "Actor_01"
    folder.mkdir()
    sf.write(folder / "03-01-06-01-02-01-12.wav", np.random.default_rng(0).normal(0, 0.1, 8_000), 16_000)
    at = open_page("import_clips", way="corpus")
    at.selectbox("import-corpus").set_value("ravdess").run()
    in_folder(at, tmp_path)
    assert "CC BY-NC-SA 4.0" in said(at) and "Accept the licence" in said(at)
    at.checkbox("import-accept-ravdess").check().run()
    assert "1 new recording" in said(at) and "fearful 1" in said(at)


def test_many_come_in_by_a_job_that_keeps_copies_of_uploads(workspace, tmp_path, open_page, monkeypatch):
    monkeypatch.setattr("affexion_ui.import_run.MOST_HERE", 3)
    started = []
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", started.append)
    corpus = write_folders(tmp_path / "corpus", labels=("panic",), speakers=2)
    at = open_page("import_clips")
    at.file_uploader[0].set_value([("speech.zip", packed(corpus), "application/zip")]).run()
    at.button("import-start").click().run()
    assert not at.exception and len(started) == 1
    store = open_store(workspace)
    (job,) = list_jobs(store, kind="import")
    assert any(button.key == f"import-cancel-{job.id}" for button in at.button)
    told: list[tuple[int, int]] = []
    do_import(store, job, lambda done, total, what: told.append((done, total)))
    assert told[-1] == (4, 4) and n_clips(workspace) == 4
    assert not (workspace.root / job.spec["folder"] / "files").exists()
    assert read_request(store, job).dataset == "uploads"


def test_a_queued_import_says_what_it_is_to_do(workspace, tmp_path):
    store = open_store(workspace)
    corpus = write_folders(tmp_path / "corpus", labels=("panic",), speakers=1)
    request = ImportRequest("folder", str(corpus), dataset="voices", person="Olga")
    job = submit_import(store, request)
    assert read_request(store, job) == request
    do_import(store, job, lambda *_: None)
    do_import(store, job, lambda *_: None)  # again, as after a crash: nothing twice
    assert n_clips(workspace) == 2 and {batch.person for batch in list_imports(store)} == {"Olga"}


def test_only_who_may_label_brings_clips_in(workspace, open_page):
    store = open_store(workspace)
    owner = add_person(store, "Olga")
    add_person(store, "Vera")
    set_role(store, owner, "Vera", "viewer")
    at = open_page("import_clips")
    at.session_state["person"] = "Vera"
    at.run()
    assert "needs the role of a rater" in said(at) and not at.file_uploader


def test_labels_made_elsewhere_come_in_here(workspace, tmp_path, open_page):
    store = open_store(workspace)
    import_corpus(store, "folder", write_folders(tmp_path / "corpus", speakers=1), ImportOptions(dataset="moods"))
    add_person(store, "Olga")
    at = open_page("import_clips", way="labels")
    at.session_state["person"] = "Olga"
    at.run()
    rows = f"clip,rater,label\n{find_clips(store, ClipQuery()).rows[0].clip.id},Zoe,panic\n"
    at.file_uploader[0].set_value([("labels.csv", rows.encode(), "text/csv")]).run()
    at.button("labels-import-start").click().run()
    assert not at.exception and not at.error
    assert [made.value for made in find_annotations(store, rater="Zoe")] == ["panic"]
