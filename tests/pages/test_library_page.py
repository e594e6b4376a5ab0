import pytest
from tones import write_folders

from affexion_core.audio.decode import load_audio
from affexion_core.ingest.importing import import_corpus
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_ui.player import _waveform_rows


def table(at):
    return next(frame.value for frame in at.dataframe if "Says" in frame.value.columns)


def test_an_empty_library_says_how_to_fill_it(workspace, open_page, words):
    at = open_page("library")
    assert not at.exception
    assert "No clips yet" in words(at)


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
    assert chosen.id in "".join(e.value.to_string() for e in at.get("table"))


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
    import_corpus(open_store(workspace), "folder", write_folders(tmp_path / "corpus", labels=("panic",), speakers=1))
    at = open_page("library")
    for file in workspace.audio.rglob("*.wav"):
        file.unlink()
    at.run()
    assert "does not exist" in words(at)
    assert len(table(at)) == 2
