import pytest
from sqlalchemy import event

from affexion_core.errors import LabelError, NotFoundError, StoreError
from affexion_core.labeling.versions import delete_version
from affexion_core.store.clips import add_clips, get_clip
from affexion_core.store.datasets import (
    DatasetPapers,
    SavedDataset,
    dataset_papers,
    list_datasets,
    load_dataset,
    save_dataset,
    save_datasheet,
)
from affexion_core.store.labels import add_annotations, find_annotations, load_scheme
from affexion_core.store.session import Store
from affexion_core.types import Annotation, Clip, Scheme

MOOD = Scheme("mood", ("calm", "panic"))
RANGE = Scheme("valence", low=1, high=7)


@pytest.fixture
def library(store: Store) -> Store:
    clips = [
        Clip(f"c{i}", f"{i}.wav", f"{i}" * 64, "real", "demo", 1.25 * i, 16000, speaker=f"demo:{i % 2}" if i else None)
        for i in range(5)
    ]
    add_clips(store, [*clips, Clip("tts", "t.wav", "9" * 64, "synthetic", "tts", 1.0, 24000, speaker="tts:alloy")])
    return store


def test_a_dataset_comes_back_as_saved(library: Store) -> None:
    items = [("c3", "panic"), ("c1", "calm"), ("c2", "panic")]
    saved = save_dataset(library, "day one", "real", MOOD, items, label_map="demo-to-mood", description="A first try.")
    assert saved == SavedDataset(added=3, present=0)
    loaded = load_dataset(library, "day one")
    assert (loaded.name, loaded.origin, loaded.scheme) == ("day one", "real", MOOD)
    assert (loaded.label_map, loaded.description) == ("demo-to-mood", "A first try.")
    assert [(item.clip.id, item.label) for item in loaded.items] == sorted(items)
    assert loaded.items[0].clip == get_clip(library, "c1")
    assert load_scheme(library, "mood") == MOOD


def test_saving_again_extends(library: Store) -> None:
    save_dataset(library, "d", "real", MOOD, [("c1", "calm")], label_map="m", description="first")
    before = load_dataset(library, "d").snapshot()
    assert save_dataset(library, "d", "real", MOOD, [("c1", "calm")]) == SavedDataset(added=0, present=1)
    assert load_dataset(library, "d").snapshot() == before
    again = save_dataset(library, "d", "real", MOOD, [("c2", "panic"), ("c1", "calm"), ("c2", "panic")])
    assert again == SavedDataset(added=1, present=1)
    loaded = load_dataset(library, "d")
    assert (loaded.label_map, loaded.description, len(loaded.items)) == ("m", "first", 2)
    save_dataset(library, "d", "real", MOOD, [], description="second")
    assert load_dataset(library, "d").description == "second"


def test_labels_are_added_at_the_end_and_never_move(library: Store) -> None:
    save_dataset(library, "d", "real", MOOD, [("c1", "calm")])
    save_dataset(library, "other", "real", MOOD, [("c1", "calm")])
    grown = Scheme("mood", ("boredom", "panic", "calm"))
    save_dataset(library, "d", "real", grown, [("c2", "boredom")])
    assert load_dataset(library, "d").scheme.labels == ("calm", "panic", "boredom")
    # another dataset of the same scheme keeps its classes
    assert load_dataset(library, "other").scheme.labels == ("calm", "panic")


def test_numbers_as_labels(library: Store) -> None:
    save_dataset(library, "v", "real", RANGE, [("c1", "6.5"), ("c2", "1")])
    assert load_dataset(library, "v").scheme == RANGE
    assert list_datasets(library)[0].labels == {"1": 1, "6.5": 1}
    for wrong in ("7.5", "nan", "good"):
        with pytest.raises(
            LabelError, match=f"Clip c3: '{wrong}' isn't in scheme 'valence'; choose a number from 1 to 7"
        ):
            save_dataset(library, "v", "real", RANGE, [("c3", wrong)])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"items": [("c2", "calm"), ("c1", "panic")]}, LabelError, "Clip c1 has the label 'calm' in dataset 'd', not"),
        ({"items": [("c2", "calm"), ("c2", "panic")]}, LabelError, "Clip c2 would get two labels in dataset 'd'"),
        ({"items": [("c2", "joy")]}, LabelError, "Clip c2: 'joy' isn't in scheme 'mood'; choose calm, panic"),
        ({"scheme": Scheme("six", ("calm",)), "items": [("c2", "calm")]}, LabelError, "has the scheme 'mood'"),
        ({"scheme": Scheme("mood", (), 0, 1), "items": [("c2", "1")]}, LabelError, "has the scheme 'mood'"),
        ({"label_map": "n"}, LabelError, "came through the map 'm', not 'n'"),
        ({"items": [("c2", "calm"), ("zz", "calm")]}, NotFoundError, "No clip zz in the workspace, which has 6 clips"),
        ({"items": [("c2", "calm"), ("tts", "calm")]}, StoreError, "1 of the clips .* synthetic, the first tts"),
        ({"origin": "synthetic", "items": [("tts", "calm")]}, StoreError, "Dataset 'd' is real; synthetic clips go"),
        ({"origin": "martian"}, StoreError, "can't have the origin 'martian'; choose real or synthetic"),
        ({"name": " "}, StoreError, "needs a name"),
    ],
)  # fmt: skip
def test_what_does_not_fit_changes_nothing(library: Store, change: dict, error: type, message: str) -> None:
    save_dataset(library, "d", "real", MOOD, [("c1", "calm")], label_map="m")
    before = load_dataset(library, "d")
    values = {"name": "d", "origin": "real", "scheme": MOOD, "items": [("c2", "calm")], "label_map": "m"} | change
    with pytest.raises(error, match=message):
        save_dataset(library, **values)
    assert load_dataset(library, "d") == before
    assert len(list_datasets(library)) == 1


def test_a_dataset_refused_is_not_created(library: Store) -> None:
    with pytest.raises(NotFoundError):
        save_dataset(library, "new", "real", MOOD, [("c1", "calm"), ("zz", "calm")])
    assert list_datasets(library) == ()


def test_the_list_counts(library: Store) -> None:
    save_dataset(library, "b", "real", MOOD, [("c0", "panic"), ("c1", "panic"), ("c2", "panic"), ("c3", "panic")])
    save_dataset(library, "a", "synthetic", MOOD, [("tts", "calm")], description="One voice.")
    save_dataset(library, "B", "real", MOOD, [])
    empty, first, second = list_datasets(library)  # capitals first, as Python sorts
    assert (empty.name, empty.n, empty.speakers, empty.duration) == ("B", 0, 0, 0.0)
    assert (first.name, first.origin, first.n, first.description) == ("a", "synthetic", 1, "One voice.")
    assert (second.n, second.speakers, second.duration) == (4, 2, 7.5)
    assert list(second.labels.items()) == [("calm", 0), ("panic", 4)]
    assert second.created.endswith("+00:00") and second.scheme == "mood"


def test_the_list_takes_as_many_queries_for_many_as_for_one(library: Store) -> None:
    asked: list[str] = []
    event.listen(library.engine, "before_cursor_execute", lambda c, cur, sql, *_: asked.append(sql))
    counts = []
    for names in (["d0"], [f"d{i}" for i in range(1, 15)]):
        for name in names:
            save_dataset(library, name, "real", MOOD, [("c1", "calm"), ("c2", "panic")])
        asked.clear()
        list_datasets(library)
        counts.append(sum(sql.startswith("SELECT") for sql in asked))
    assert counts == [3, 3]


def test_deleting_keeps_clips_and_annotations(library: Store) -> None:
    save_dataset(library, "d", "real", MOOD, [("c1", "calm")])
    save_dataset(library, "e", "real", MOOD, [("c1", "panic")])
    add_annotations(library, [Annotation("a1", "c1", "mood", "ann", "calm", "2026-01-01")])
    delete_version(library, "d")
    assert [d.name for d in list_datasets(library)] == ["e"]
    assert load_dataset(library, "e").items[0].clip == get_clip(library, "c1")
    assert len(find_annotations(library)) == 1
    # the name is free again, for another origin too
    save_dataset(library, "d", "synthetic", MOOD, [("tts", "calm")])


def test_an_unknown_name_lists_what_there_is(library: Store) -> None:
    with pytest.raises(NotFoundError, match="There is no dataset 'x' in the workspace; choose nothing yet"):
        load_dataset(library, "x")
    save_dataset(library, "d", "real", MOOD, [])
    with pytest.raises(NotFoundError, match="no dataset 'x' in the workspace; choose d"):
        delete_version(library, "x")


def test_votes_and_recipe_stay_with_the_dataset(library: Store) -> None:
    votes = {"c1": {"calm": 0.75, "panic": 0.25}, "c2": {"panic": 1.0}}
    items = [("c1", "calm"), ("c2", "panic"), ("c3", "calm")]
    recipe = {"source": "round", "rule": {"rule": "majority"}}
    save_dataset(library, "made", "real", MOOD, items, votes=votes, recipe=recipe)
    assert [item.votes for item in load_dataset(library, "made").items] == [votes["c1"], votes["c2"], None]
    assert dataset_papers(library, "made") == DatasetPapers(recipe, None)
    plain = save_dataset(library, "plain", "real", MOOD, items)
    assert plain.added == 3
    assert load_dataset(library, "plain").snapshot() != load_dataset(library, "made").snapshot()
    assert dataset_papers(library, "plain") == DatasetPapers(None, None)
    # again adds nothing; other votes or another recipe are another dataset
    assert save_dataset(library, "made", "real", MOOD, items, votes=votes, recipe=recipe).present == 3
    with pytest.raises(LabelError, match="c1 has other votes in dataset 'made'"):
        save_dataset(library, "made", "real", MOOD, items, votes={"c1": {"calm": 1.0}})
    with pytest.raises(LabelError, match="'made' was made of votes in another way"):
        save_dataset(library, "made", "real", MOOD, items, recipe={"source": "other"})


def test_a_datasheet_is_kept_as_edited(library: Store) -> None:
    save_dataset(library, "made", "real", MOOD, [("c1", "calm")], datasheet="# First")
    save_datasheet(library, "made", "# Edited: ü")
    save_dataset(library, "made", "real", MOOD, [("c2", "calm")])
    assert dataset_papers(library, "made").datasheet == "# Edited: ü"
    save_datasheet(library, "made", None)
    assert dataset_papers(library, "made").datasheet is None
    with pytest.raises(NotFoundError, match="no dataset 'gone'"):
        save_datasheet(library, "gone", "text")


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ({"joy": 1.0}, "'joy' isn't in scheme 'mood'"),
        ({"calm": 0.5}, "sum to 1"),
        ({"calm": 1.5, "panic": -0.5}, "between 0 and 1"),
        ({"calm": float("nan")}, "sum to 1"),
    ],
)
def test_votes_are_shares_of_labels(votes: dict[str, float], message: str, library: Store) -> None:
    with pytest.raises(LabelError, match=message):
        save_dataset(library, "d", "real", MOOD, [("c1", "calm")], votes={"c1": votes})
    assert list_datasets(library) == ()
