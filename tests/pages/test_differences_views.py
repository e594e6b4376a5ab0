"""The views of differences and shortcuts, below a study of the page Synthetic vs real."""

from streamlit.testing.v1 import AppTest
from tones import write_folders

from affexion_core.ingest.deriving import DeriveRequest, derive_dataset
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.datasets import load_dataset
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


def test_two_sets_are_compared_and_a_clip_of_the_map_is_heard_with_its_neighbour(in_study, words):
    at = AppTest.from_string(SCRIPT, default_timeout=60).run()
    assert not at.exception and len(at.get("plotly_chart")) == 0
    for label in ("Compare the clips", "Look for shortcuts in voices", "Look for near-duplicates"):
        next(button for button in at.button if button.label == label).click().run()
        assert not at.exception
    said = words(at)
    assert "UAR" in said and "n = 48" in said and "labels" in said
    assert len(at.get("plotly_chart")) == 4 and len(at.get("bidi_component")) == 2
    assert "A-distance" in said
    # the study's recipe is the linear baseline, which has no space of its own
    next(box for box in at.selectbox if box.label == "Network of").set_value(in_study.trained.id).run()
    assert not at.exception and "makes no space of its own" in at.error[0].value
    assert "No near-duplicate recordings were found" in said


def test_what_a_network_makes_of_two_sets_is_shown_and_heard(in_attentive, words):
    at = AppTest.from_string(SCRIPT, default_timeout=60)
    at.query_params["network"] = in_attentive.trained.id
    at.run()
    next(button for button in at.button if button.label == "Compare the clips").click().run()
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


def test_near_duplicates_are_named_by_their_words_and_speakers(tmp_path, monkeypatch):
    store = open_store(open_workspace(tmp_path / "workspace"))
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(store.workspace.root))
    import_corpus(store, "folder", write_folders(tmp_path / "c", speakers=1), ImportOptions(dataset="people"))
    derive_dataset(store, DeriveRequest("people", "people-louder", {"gain": {}}, 1, 0, None))
    at = AppTest.from_string(LEAKS, default_timeout=60).run()
    next(button for button in at.button if button.label == "Look for near-duplicates").click().run()
    assert not at.exception
    pairs = next(box for box in at.selectbox if "near-duplicate" in box.label).options
    ids = [item.clip.id for item in load_dataset(store, "people").items]
    assert pairs and all(" by " in words and words.endswith("% alike") for words in pairs)
    assert not any(id in words for id in ids for words in pairs)
