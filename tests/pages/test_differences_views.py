"""The views of differences and shortcuts, below a study of the page Synthetic vs real."""

from streamlit.testing.v1 import AppTest

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
    assert "No near-duplicate recordings were found" in said
