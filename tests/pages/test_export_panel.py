"""The panels Export and Import labels, mounted on a page of their own."""

import zipfile

import pytest
from streamlit.testing.v1 import AppTest
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.store.labels import find_annotations, load_scheme
from affexion_core.store.session import Store, open_store


def panels():
    import streamlit as st

    from affexion_ui.export_panel import show_export, show_import_labels
    from affexion_ui.layout import shown_errors
    from affexion_ui.session import current_store

    store = current_store()
    with shown_errors():
        with st.container(key="out"):
            show_export(store, "moods")
        with st.container(key="in"):
            show_import_labels(store)


@pytest.fixture
def library(workspace, tmp_path) -> Store:
    store = open_store(workspace)
    import_corpus(store, "folder", write_folders(tmp_path / "corpus", speakers=2), ImportOptions(dataset="moods"))
    add_person(store, "Olga")
    return store


def opened(person: str | None = "Olga") -> AppTest:
    at = AppTest.from_function(panels, default_timeout=30)
    if person:
        at.session_state["person"] = person
    return at.run()


def said(at: AppTest) -> str:
    return "\n".join(str(e.value) for kind in ("markdown", "caption", "warning", "error") for e in at.get(kind))


def upload(at: AppTest, text: str, name: str = "table.csv") -> AppTest:
    at.file_uploader[0].set_value([(name, text.encode(), "text/csv")])
    return at.run()


def test_an_export_is_offered_as_a_file(library):
    at = opened()
    assert not at.exception
    at.checkbox("export-audio").check().run()
    at.button("export-start").click().run()
    assert not at.exception
    assert "16 clips, 16 judgements, 16 labels, 16 recordings" in said(at)
    assert "Licences: not recorded" in said(at)
    file = library.workspace.exports / "moods-csv-audio.zip"
    with zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == 16 + 4 + 2
    # another choice is another file
    at.segmented_control("export-what").set_value("votes").run()
    assert "16 recordings" not in said(at)


@pytest.mark.parametrize(("person", "words"), [(None, "Pick your name first"), ("Anna", "Anna is a rater; exporting")])
def test_only_those_who_may_see_the_panels(person, words, library):
    add_person(library, "Anna")
    at = opened(person)
    assert not at.exception and not at.button
    assert words in said(at).replace("\\", "")


def test_what_would_come_in_is_shown_and_then_comes_in(library):
    at = opened()
    upload(at, "clip,rater,label\npanic/s0/0.wav,Anna,panic\nboredom/s0/0.wav,<b>Ben</b>,boredom\nx.wav,Anna,panic\n")
    assert not at.exception
    assert "**2 judgements** would come in, 1 row can't be used" in said(at)
    facts = dict(at.table[0].value.itertuples(index=False, name=None))
    assert facts["**Clips**"] == "2 found, 1 not found"
    assert facts["**Raters**"] == r"Anna \(new\) 1, \<b\>Ben\</b\> \(new\) 1"
    assert facts["**Scheme**"] == "affexion"
    assert "There is no clip or file 'x.wav' in the library." in at.dataframe[0].value["why"].tolist()
    assert {made.rater for made in find_annotations(library)} == {"corpus:corpus"}
    start = at.button("labels-import-start")
    assert start.label == "Import 2 judgements"
    start.click().run()
    assert not at.exception
    assert "**2 judgements added, 1 row left out** from table.csv" in said(at).replace("\\", "")
    assert {made.rater for made in find_annotations(library)} == {"corpus:corpus", "Anna", "<b>Ben</b>"}
    at.button("labels-import-close").click().run()
    assert "2 judgements added" not in said(at)


def test_labels_outside_the_scheme_are_told_until_they_are_wanted(library):
    at = opened()
    upload(at, "clip,label\npanic/s0/0.wav,fear\n")
    assert "names no rater in any row" in said(at)
    at.text_input("labels-import-rater").set_value("Anna").run()
    at.selectbox("labels-import-dataset").set_value("moods").run()
    assert "the file also has 'fear' (1)" in said(at).replace("\\", "")
    assert not [button for button in at.button if button.key == "labels-import-start"]
    at.checkbox("labels-import-add").check().run()
    assert "**1 judgement** would come in" in said(at)
    assert "fear" not in load_scheme(library, "affexion").labels
    at.button("labels-import-start").click().run()
    assert load_scheme(library, "affexion").labels[-1] == "fear"


def test_what_was_typed_stays_when_the_file_is_bad(library):
    at = opened()
    at = upload(at, "not a table\n", "labels.json")
    assert at.selectbox("labels-import-format").value == "label-studio"
    assert "labels.json is not JSON" in said(at).replace("\\", "")
    at.text_input("labels-import-rater").set_value("Anna").run()
    at.selectbox("labels-import-format").set_value("csv").run()
    assert at.text_input("labels-import-rater").value == "Anna"
    assert "has no column 'clip'" in said(at).replace("\\", "")
