"""The page Datasets, the origin card and taking a clip down."""

import pytest
from tones import write_folders
from votes_workspace import votes_workspace

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.datasets import list_datasets, load_dataset
from affexion_core.store.session import open_store
from affexion_core.store.takedowns import list_tombstones


@pytest.fixture
def two(workspace, tmp_path):
    """A workspace without people, with two datasets of two clips."""
    store = open_store(workspace)
    for name, speaker in (("first", 0), ("second", 1)):
        corpus = write_folders(tmp_path / name, ("panic", "boredom"), 1, 1, first_speaker=speaker)
        import_corpus(store, "folder", corpus, ImportOptions(dataset=name))
    return store


def press(at, key):
    return next(button for button in at.button if button.key and button.key.startswith(key)).click().run()


def test_without_datasets_it_says_what_makes_them(workspace, open_page, words):
    at = open_page("datasets")
    assert not at.exception and "No datasets yet" in words(at)


def test_the_list_and_the_datasheet(two, open_page, words):
    at = open_page("datasets", dataset="second")
    assert not at.exception
    shown = at.dataframe[0].value
    assert list(shown["Name"]) == ["first", "second"] and set(shown["Clips"]) == {2}
    snapshot = load_dataset(two, "second").snapshot()
    assert list(shown["Version"])[1] == snapshot[:8] and snapshot[:16] in words(at)
    assert "#### second" in words(at) and "Datasheet of second" in words(at)
    assert set(shown["Licences"]) == {"not recorded"}


def test_licences_comparison_and_export(two, open_page, words):
    at = open_page("datasets", dataset="first", part="Licences")
    assert not at.exception and "have no licence recorded" in "\n".join(w.value for w in at.warning)
    at = open_page("datasets", dataset="first", part="Compare")
    assert not at.exception and "Only in **first**: 2 clips, 1 speaker" in words(at)
    at = open_page("datasets", dataset="first", part="Export")
    assert not at.exception and "Pick your name first" in words(at)


def test_a_dataset_is_deleted_and_put_back(two, open_page, words):
    before = load_dataset(two, "first")
    at = press(open_page("datasets", dataset="first", part="Delete"), "dataset-delete")
    assert not at.exception and "is deleted" in words(at)
    assert [summary.name for summary in list_datasets(two)] == ["second"]
    at = press(at, "dataset-undo")
    assert not at.exception and load_dataset(two, "first") == before


def test_a_clip_is_taken_down_with_a_reason_alone(two, open_page, words):
    clip = find_clips(two, ClipQuery(limit=1)).rows[0].clip
    at = open_page("library", clip=clip.id)
    known = "".join(e.value.to_string() for e in at.get("table"))
    assert "Came by" in known and clip.sha256 in known.replace(" ", "") and "not recorded" in known
    at.toggle(f"takedown-show-{clip.id}").set_value(True).run()
    assert not at.exception and "datasets that change" in words(at)
    at = press(at, "takedown-go")
    assert "Say why" in words(at) and not list_tombstones(two)
    at.text_input(f"takedown-reason-{clip.id}").set_value("she asked").run()
    at = press(at, "takedown-go")
    assert not at.exception and "Taken down" in words(at)
    assert list_tombstones(two)[0].reason == "she asked"
    assert find_clips(two, ClipQuery()).total == 3


def test_where_people_are_known_only_an_owner_may(workspace, tmp_path, open_page, words):
    votes_workspace(workspace, tmp_path)
    for person, said in ((None, "Pick your name first"), ("Bo", "needs the role owner"), ("Ada", "")):
        at = open_page("datasets", part="Delete")
        if person:
            at.session_state["person"] = person
            at.run()
        assert not at.exception and said in words(at)
        assert any(button.key == "dataset-delete" for button in at.button) == (person == "Ada")
