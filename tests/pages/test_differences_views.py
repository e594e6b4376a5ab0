"""The views of differences and shortcuts, below a study of the page Synthetic vs real."""

from streamlit.testing.v1 import AppTest
from tones import write_folders

from affexion_core.ingest.deriving import DeriveRequest, derive_dataset
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import list_jobs
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

SCRIPT = """
from affexion_ui.differences_view import show_differences
from affexion_ui.leaks_view import show_leaks
from affexion_ui.session import current_store
from affexion_ui.shortcuts_view import show_shortcuts
from affexion_core.store.datasets import load_dataset

store = current_store()
show_differences(store, "voices", "people")
show_shortcuts(store, "voices")
show_leaks(store, load_dataset(store, "voices"), load_dataset(store, "people"), "test")
"""


ASKED = {
    "Compare the clips": "differences",
    "Look for shortcuts in voices": "shortcuts",
    "Look for near-duplicates": "leaks",
}


def press(at: AppTest, label: str) -> None:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception


def test_two_sets_are_compared_and_a_clip_of_the_map_is_heard_with_its_neighbour(in_study, words, finish):
    store = in_study.store
    for file in store.workspace.features.glob("near-duplicates-*/*.json"):
        file.unlink()  # the run was measured on these clips, which has compared them
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not at.exception and len(at.get("plotly_chart")) == 0
    for label, kind in ASKED.items():
        press(at, label)
        assert "You can leave this page; it goes on" in words(at)
        finish(store, kind)
        at.run()
    said = words(at)
    assert "UAR" in said and "n = 48" in said and "labels" in said
    assert len(at.get("plotly_chart")) == 4 and len(at.get("bidi_component")) == 2
    assert "A-distance" in said and "No near-duplicate recordings were found" in said
    # who comes back finds what was found, and no button to ask again
    again = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not again.exception and len(again.get("plotly_chart")) == 4 and not again.button
    # the study's recipe is the linear baseline, which has no space of its own
    next(box for box in again.selectbox if box.label == "Network of").set_value(in_study.trained.id).run()
    press(again, "Ask this network")
    finish(store, "network")
    again.run()
    assert not again.exception and "makes no space of its own" in again.error[0].value


def test_a_comparison_can_be_cancelled_where_it_is_shown(in_attentive, words, finish):
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    press(at, "Look for shortcuts in voices")
    at.button("shortcuts-cancel").click().run()
    assert [job.state for job in list_jobs(in_attentive.store, kind="shortcuts")] == ["cancelled"]
    at.run()
    assert "The last search was cancelled; what was measured by then is kept" in words(at)


def test_what_a_network_makes_of_two_sets_is_shown_and_heard(in_attentive, words, finish):
    at = AppTest.from_string(SCRIPT, default_timeout=60)
    at.query_params["network"] = in_attentive.trained.id
    at.run()
    press(at, "Compare the clips")
    finish(in_attentive.store, "differences")
    at.run()
    press(at, "Ask this network")
    finish(in_attentive.store, "network")
    at.run()
    assert not at.exception
    said = words(at)
    assert "in this network" in said and "It was trained on 32 of 32 synthetic clips and 0 of 8 real clips" in said
    assert said.count("A-distance") == 2 and "n = 40" in said
    assert len(at.get("plotly_chart")) == 4 and len(at.get("bidi_component")) == 4
    next(one for one in at.get("button_group") if one.label == "Colour by").set_value("Label").run()
    assert not at.exception and at.query_params["network"] == in_attentive.trained.id


LEAKS = """
from affexion_ui.leaks_view import show_leaks
from affexion_ui.session import current_store
from affexion_core.store.datasets import load_dataset

store = current_store()
show_leaks(store, load_dataset(store, "people"), load_dataset(store, "people-louder"), "test")
"""


def test_near_duplicates_are_named_by_their_words_and_speakers(tmp_path, monkeypatch, finish):
    store = open_store(open_workspace(tmp_path / "workspace"))
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(store.workspace.root))
    import_corpus(store, "folder", write_folders(tmp_path / "c", speakers=1), ImportOptions(dataset="people"))
    derive_dataset(store, DeriveRequest("people", "people-louder", {"gain": {}}, 1, 0, None))
    at = AppTest.from_string(LEAKS, default_timeout=60).run()
    press(at, "Look for near-duplicates")
    finish(store, "leaks")
    at.run()
    pairs = next(box for box in at.selectbox if "near-duplicate" in box.label).options
    ids = [item.clip.id for item in load_dataset(store, "people").items]
    assert pairs and all(" by " in words and words.endswith("% alike") for words in pairs)
    assert not any(id in words for id in ids for words in pairs)
