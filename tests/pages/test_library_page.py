import numpy as np
import pytest
import soundfile as sf
from tones import write_folders

from affexion_core.audio.decode import load_audio
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets
from affexion_core.store.labels import find_annotations
from affexion_core.store.session import open_store
from affexion_ui.player import _waveform_rows


def table(at):
    return next(frame.value for frame in at.dataframe if "Says" in frame.value.columns)


def test_an_empty_library_says_how_to_fill_it(workspace, open_page, words):
    at = open_page("library")
    assert not at.exception
    assert "No clips yet" in words(at)
    at.button("import-first").click().run()
    assert at.button("import-start")


def test_clips_show_with_human_names_and_a_player(in_study, open_page, words):
    at = open_page("library")
    assert not at.exception
    shown = table(at)
    assert len(shown) == 48
    assert list(shown.columns) == ["Label", "Says", "Speaker", "Length", "Origin"]
    assert set(shown["Origin"]) == {"real", "synthetic"}
    assert len(at.get("bidi_component")) == 1
    assert "48 clips" in words(at)


def test_the_waveform_can_be_saved_as_it_was_recorded(in_study):
    clip = find_clips(in_study.store, ClipQuery(limit=1)).rows[0].clip
    rows = _waveform_rows(in_study.store.workspace, clip)
    recorded = load_audio(in_study.store.workspace.clip_path(clip)).signal
    assert max(row["highest"] for row in rows) == pytest.approx(recorded.max())
    assert 0 < rows[1]["seconds"] < rows[-1]["seconds"] < clip.duration


def test_filters_narrow_the_table(in_study, open_page):
    at = open_page("library")
    at.selectbox("dataset").set_value("people").run()
    at.selectbox("label").set_value("panic").run()
    assert len(table(at)) == 4
    at.selectbox("from").set_value("people:s5").run()
    assert set(table(at)["Speaker"]) == {"people s5"}


def test_an_address_shows_the_same_clips_again(in_study, open_page):
    rows = find_clips(in_study.store, ClipQuery(dataset="voices", label="boredom", order="added", descending=True)).rows
    chosen = rows[3].clip
    at = open_page("library", dataset="voices", label="boredom", clip=chosen.id)
    assert len(table(at)) == 8
    assert at.session_state[at.dataframe[0].key]["selection"]["rows"] == [3]
    assert chosen.id in "".join(str(e.value) for e in at.get("table"))


def test_search_without_a_hit_offers_to_clear(in_study, open_page, words):
    at = open_page("library")
    at.text_input("q").set_value("no such words").run()
    assert "No clip fits these filters" in words(at)
    next(button for button in at.button if button.label == "Clear filters").click().run()
    assert len(table(at)) == 48


def test_an_unknown_dataset_in_the_address_is_no_crash(in_study, open_page):
    at = open_page("library", dataset="gone", label="panic")
    assert not at.exception
    assert len(table(at)) == 12


def test_a_missing_file_is_told_and_the_rest_goes_on(workspace, tmp_path, open_page, words):
    at = open_page("library")
    import_folder(at, write_folders(tmp_path / "corpus", labels=("panic",), speakers=1))
    for file in workspace.audio.rglob("*.wav"):
        file.unlink()
    at.run()
    assert "does not exist" in words(at)
    assert len(table(at)) == 2


def import_folder(at, path):
    at.session_state["importing"] = True
    at.run()
    at.text_input("import-path").set_value(str(path)).run()
    at.button("import-start").click().run()
    return at


def test_a_folder_is_imported_and_reported(workspace, tmp_path, open_page, words):
    corpus = write_folders(tmp_path / "corpus", labels=("panic", "boredom"), speakers=2)
    (corpus / "panic" / "broken.wav").write_bytes(b"RIFF but no sound")
    at = open_page("library")
    import_folder(at, corpus)
    assert not at.exception
    said = words(at)
    assert "8 clips added, 1 file rejected" in said
    assert len(table(at)) == 8
    rejected = next(frame.value for frame in at.dataframe if "reason" in frame.value.columns)
    assert list(rejected["file"]) == ["panic/broken.wav"]
    store = open_store(workspace)
    assert find_clips(store, ClipQuery()).total == 8
    assert [dataset.name for dataset in list_datasets(store)] == ["corpus"]


def test_looking_first_imports_nothing(workspace, tmp_path, open_page):
    corpus = write_folders(tmp_path / "corpus", labels=("panic",), speakers=2)
    at = open_page("library")
    at.session_state["importing"] = True
    at.run()
    at.text_input("import-path").set_value(str(corpus)).run()
    at.button("import-look").click().run()
    assert "4 recordings by 2 known speakers: panic 4" in at.info[0].value
    assert find_clips(open_store(workspace), ClipQuery()).total == 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "Nothing is chosen yet"),
        ("/no/such/folder", "There is no folder or file"),
        (".", "doesn't look like"),
    ],
)
def test_a_bad_path_is_told_and_kept(path, message, workspace, tmp_path, open_page, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = open_page("library")
    import_folder(at, path)
    assert not at.exception
    assert message in at.error[0].value.replace("\\", "")
    assert at.text_input("import-path").value == path


def test_labels_made_elsewhere_come_in_through_the_import_panel(workspace, tmp_path, open_page):
    store = open_store(workspace)
    import_corpus(store, "folder", write_folders(tmp_path / "corpus", speakers=1), ImportOptions(dataset="moods"))
    add_person(store, "Olga")
    at = open_page("library")
    at.session_state["person"] = "Olga"
    at.session_state["importing"] = True
    at.session_state["import-from"] = "Labels made elsewhere"
    at.run()
    rows = f"clip,rater,label\n{find_clips(store, ClipQuery()).rows[0].clip.id},Zoe,panic\n"
    at.file_uploader[0].set_value([("labels.csv", rows.encode(), "text/csv")]).run()
    at.button("labels-import-start").click().run()
    assert not at.exception and not at.error
    assert [made.value for made in find_annotations(store, rater="Zoe")] == ["panic"]


def test_uploaded_files_become_clips_of_one_label(workspace, tmp_path, open_page, words):
    file = write_folders(tmp_path / "corpus", labels=("panic",), speakers=1, takes=2) / "panic" / "s0"
    at = open_page("library")
    at.session_state["importing"] = True
    at.session_state["import-from"] = "Upload recordings"
    at.run()
    # two files of the same name must both arrive; the third is no sound
    sf.write(tmp_path / "silence.wav", np.zeros(0), 16000)
    uploads = [("take.wav", (file / f"{i}.wav").read_bytes(), "audio/wav") for i in (0, 1)]
    at.file_uploader("import-files").set_value([*uploads, ("empty.wav", b"", "audio/wav")]).run()
    at.text_input("import-label").set_value("panic").run()
    at.button("import-start").click().run()
    assert not at.exception
    assert "2 clips added, 1 file rejected" in words(at)
    rows = find_clips(open_store(workspace), ClipQuery()).rows
    assert [dict(row.labels) for row in rows] == [{"uploads": "panic"}] * 2


@pytest.mark.parametrize("label", ["../../outside", "a/b", ".hidden", "x\\y"])
def test_a_label_can_not_leave_its_folder(label, workspace, tmp_path, open_page):
    at = open_page("library")
    at.session_state["importing"] = True
    at.session_state["import-from"] = "Upload recordings"
    at.run()
    at.file_uploader("import-files").set_value([("a.wav", b"RIFF", "audio/wav")]).run()
    at.text_input("import-label").set_value(label).run()
    at.button("import-start").click().run()
    assert "can't be used" in at.error[0].value
    assert find_clips(open_store(workspace), ClipQuery()).total == 0


def test_how_the_labels_of_a_dataset_sound(in_study, open_page, words, monkeypatch):
    at = open_page("library")
    assert not [toggle for toggle in at.toggle if toggle.key == "label-sounds"]
    at = open_page("library", dataset="people")
    at.toggle("label-sounds").set_value(True).run()
    assert "16 clips are not measured yet" in words(at)
    at.button("measure-sounds").click().run()
    assert not at.exception
    assert "16 clips. Largest sample, share of full scale: mean" in words(at)
    at.segmented_control("label-sound").set_value("Clip length").run()
    assert not at.exception and "Length of the clip, s" in words(at)
