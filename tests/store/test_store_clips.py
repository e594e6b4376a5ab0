import dataclasses
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select

from affexion_core.errors import ConfigError, NotFoundError, StoreError
from affexion_core.store.clips import ClipQuery, add_clips, facets, fill_clips, find_clips, get_clip, get_clips
from affexion_core.store.datasets import save_dataset
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.session import Store, reading, writing
from affexion_core.types import Clip, Provenance, Scheme

MOOD = Scheme("mood", ("calm", "panic"))


def clip(id: str, **changes) -> Clip:
    values = {"file": f"audio/{id}.wav", "sha256": id * 8, "origin": "real", "corpus": "demo", "duration": 1.5,
              "sampling_rate": 16000} | changes  # fmt: skip
    return Clip(id, **values)


@pytest.fixture
def library(store: Store) -> Store:
    add_clips(
        store,
        [
            clip("c1", speaker="demo:Ann", language="en", transcript="Say 100% now", duration=3.0),
            clip("c2", speaker="demo:bob", language="de", transcript="Das ist GROSS_artig", duration=1.0),
            clip("c3", speaker="demo:Ann", language="en", transcript="Nothing", duration=2.0),
            clip("c4", origin="synthetic", corpus="tts", speaker="tts:alloy", file="audio/Äpfel.wav", duration=2.0),
        ],
    )
    save_dataset(store, "people", "real", MOOD, [("c1", "panic"), ("c2", "calm"), ("c3", "calm")])
    save_dataset(store, "few", "real", MOOD, [("c1", "calm")])
    return store


def found(store: Store, **query) -> list[str]:
    page = find_clips(store, ClipQuery(**query))
    assert page.total >= len(page.rows)
    return [row.clip.id for row in page.rows]


# --- adding and getting ---

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
some_float = st.floats(allow_nan=False, allow_infinity=False)
provenances = st.builds(
    Provenance,
    source=st.none() | text,
    licence=st.none() | text,
    citation=st.none() | text,
    retrieved=st.none() | text,
    generator=st.none() | text,
    voice=st.none() | text,
    prompt=st.none() | text,
    seed=st.none() | st.integers(),
    intended_label=st.none() | text,
    parameters=st.dictionaries(text, text | st.integers() | some_float, max_size=3),
)
clips = st.builds(
    Clip,
    id=text,
    file=text,
    sha256=text,
    origin=st.sampled_from(["real", "synthetic"]),
    corpus=text,
    duration=some_float,
    sampling_rate=st.integers(1, 2**31 - 1),
    channels=st.integers(1, 64),
    start=st.none() | some_float,
    end=st.none() | some_float,
    speaker=st.none() | text,
    language=st.none() | text,
    transcript=st.none() | text,
    attributes=st.dictionaries(text, text, max_size=3),
    provenance=provenances,
)
_numbers = itertools.count()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=clips)
def test_any_clip_comes_back_as_it_went_in(sqlite_store: Store, made: Clip) -> None:
    made = dataclasses.replace(made, id=f"{made.id}{next(_numbers)}")  # new in each example
    assert add_clips(sqlite_store, [made]).added == (made.id,)
    assert get_clip(sqlite_store, made.id) == made


def test_a_full_clip_on_both_databases(store: Store) -> None:
    made = clip(
        "c1",
        start=0.1,
        end=1.6000000000000003,
        speaker="crème:Åsa",
        transcript="Grüße, 世界 🙂\n'; DROP TABLE clip; --",
        attributes={"intensity": "strong", "": "ü\x00"},
        provenance=Provenance(seed=2**80, parameters={"temperature": 0.1, "voice": "x", "n": 3}),
    )
    add_clips(store, [made])
    assert get_clip(store, "c1") == made


def test_adding_again_adds_and_changes_nothing(store: Store) -> None:
    first = add_clips(store, [clip("b"), clip("a"), clip("b")])
    assert (first.added, first.present) == (("b", "a"), ())
    again = add_clips(store, [clip("c"), clip("a", corpus="other")])
    assert (again.added, again.present) == (("c",), ("a",))
    assert get_clip(store, "a").corpus == "demo"
    assert add_clips(store, []).added == ()


def test_a_wrong_origin_is_refused_before_anything_is_saved(store: Store) -> None:
    with pytest.raises(ConfigError, match="Clip b has the origin 'martian'; choose real or synthetic"):
        add_clips(store, [clip("a"), clip("b", origin="martian")])
    assert found(store) == []


def test_provenance_that_is_no_json_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="The provenance of clip a can't be stored as JSON"):
        add_clips(store, [clip("a", provenance=Provenance(parameters={"temperature": float("inf")}))])
    assert found(store) == []


def test_clips_come_in_the_order_asked(library: Store) -> None:
    assert [c.id for c in get_clips(library, ["c3", "c1", "c3"])] == ["c3", "c1", "c3"]
    assert get_clips(library, []) == ()


def test_a_missing_clip_is_named(library: Store) -> None:
    with pytest.raises(NotFoundError, match="No clip x1 in the workspace, which has 4 clips"):
        get_clip(library, "x1")
    with pytest.raises(NotFoundError, match="No clip x1, x2, x3 and 2 more"):
        get_clips(library, ["c1", "x1", "x2", "x3", "x4", "x5"])


# --- filling in ---


def test_what_is_missing_is_filled_in(store: Store) -> None:
    add_clips(store, [clip("a", provenance=Provenance(source="https://example.org"), attributes={"gender": "female"})])
    known = clip(
        "a",
        file="elsewhere.wav",
        corpus="other",
        duration=9.0,
        speaker="demo:åsa",
        language="swe",
        transcript="Hjälp!",
        attributes={"gender": "male", "intensity": "strong"},
        provenance=Provenance(source="other", licence="CC0", seed=0, parameters={"temperature": 0.5}),
    )
    assert fill_clips(store, [known]) == 1
    assert get_clip(store, "a") == dataclasses.replace(
        clip("a", speaker="demo:åsa", language="swe", transcript="Hjälp!"),
        attributes={"gender": "female", "intensity": "strong"},
        provenance=Provenance("https://example.org", "CC0", seed=0, parameters={"temperature": 0.5}),
    )
    assert found(store, text="HJÄLP") == found(store, text="ÅSA") == found(store, text="audio/a") == ["a"]
    assert fill_clips(store, [known]) == 0


def test_what_is_known_is_never_overwritten(store: Store) -> None:
    full = clip(
        "a", speaker="demo:åsa", language="swe", transcript="Hjälp!", attributes={"gender": "female"},
        provenance=Provenance("s", "l", "c", "2026", "g", "v", "p", 0, "panic", {"temperature": 0.0}),
    )  # fmt: skip
    add_clips(store, [full])
    other = clip(
        "a", speaker="demo:bo", language="deu", transcript="Hilfe!", attributes={"gender": "male"},
        provenance=Provenance("S", "L", "C", "1999", "G", "V", "P", 7, "calm", {"temperature": 1.0, "top_p": 0.9}),
    )  # fmt: skip
    assert fill_clips(store, [other, clip("a")]) == 0
    assert get_clip(store, "a") == full


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=clips, told=clips)
def test_any_filling_only_adds_and_is_done_once(sqlite_store: Store, known: Clip, told: Clip) -> None:
    known = dataclasses.replace(known, id=f"{known.id}{next(_numbers)}")
    told = dataclasses.replace(told, id=known.id, origin=known.origin)
    add_clips(sqlite_store, [known])
    changed = fill_clips(sqlite_store, [told])
    filled = get_clip(sqlite_store, known.id)
    assert (changed == 1) == (filled != known)
    for before, after, new in ((known, filled, told), (known.provenance, filled.provenance, told.provenance)):
        for name in vars(before).keys() - {"attributes", "provenance"}:
            value = getattr(before, name)
            known_before = value.strip() if isinstance(value, str) else value not in (None, {})
            assert getattr(after, name) in ((value,) if known_before else (value, getattr(new, name)))
    assert filled.attributes.keys() >= known.attributes.keys()
    assert fill_clips(sqlite_store, [told]) == 0


def test_an_empty_text_is_nothing_known(store: Store) -> None:
    add_clips(store, [clip("a", speaker="", transcript=" ", attributes={"gender": ""}), clip("b", language="deu")])
    empty = clip("b", speaker="", transcript=" ", attributes={"gender": ""}, language="")
    assert fill_clips(store, [clip("a", speaker="x", transcript="Yes", attributes={"gender": "male"}), empty]) == 1
    assert get_clip(store, "a") == clip("a", speaker="x", transcript="Yes", attributes={"gender": "male"})
    assert get_clip(store, "b") == clip("b", language="deu")


def test_the_first_to_know_wins_and_strangers_are_passed_over(store: Store) -> None:
    add_clips(store, [clip("a"), clip("b", origin="synthetic")])
    told = [
        clip("a", speaker="first"),
        clip("a", speaker="second", language="deu"),
        clip("b", speaker="a person"),
        clip("c", speaker="not there"),
    ]
    assert fill_clips(store, told) == 1
    assert get_clip(store, "a") == clip("a", speaker="first", language="deu")
    assert get_clip(store, "b").speaker is None
    assert found(store) == ["a", "b"]
    assert fill_clips(store, []) == 0


def test_filling_keeps_what_a_later_version_wrote(store: Store) -> None:
    add_clips(store, [clip("a")])
    with writing(store) as connection:
        connection.execute(clip_table.update().values(provenance={"watermark": "x"}))
    fill_clips(store, [clip("a", provenance=Provenance(licence="CC0"))])
    with reading(store) as connection:
        assert connection.scalar(select(clip_table.c.provenance)) == {"watermark": "x", "licence": "CC0"}


def test_filling_takes_two_statements_for_any_number_and_is_all_or_nothing(store: Store) -> None:
    ids = [f"{i:04d}" for i in range(2000)]
    add_clips(store, [clip(id) for id in ids])
    told = [clip(id, transcript=f"text {id}") for id in ids]
    unfit = clip("0001", provenance=Provenance(parameters={"t": float("nan")}))
    with pytest.raises(StoreError, match="The provenance of clip 0001 can't be stored as JSON"):
        fill_clips(store, [*told, unfit])
    assert found(store, text="text") == []
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: statements.append(args[2].split()[0]))
    assert fill_clips(store, told) == 2000
    assert [word for word in statements if word != "BEGIN"] == ["SELECT", "UPDATE"]
    assert [made.transcript for made in get_clips(store, ids)] == [f"text {id}" for id in ids]


# --- finding ---


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["c1", "c2", "c3", "c4"]),
        ({"origin": "synthetic"}, ["c4"]),
        ({"corpus": "demo", "language": "en"}, ["c1", "c3"]),
        ({"speaker": "demo:bob"}, ["c2"]),
        ({"dataset": "people", "label": "calm"}, ["c2", "c3"]),
        ({"dataset": "few"}, ["c1"]),
        ({"label": "calm"}, ["c1", "c2", "c3"]),
        ({"label": "bored"}, []),
        ({"text": "nothing"}, ["c3"]),
        ({"text": " ANN "}, ["c1", "c3"]),
        ({"text": "ÄPFEL"}, ["c4"]),
        ({"text": "A\u0308pfel"}, ["c4"]),  # the same letter in two characters, as macOS writes file names
        ({"text": "großs"}, []),
        ({"text": "groß_"}, ["c2"]),
        ({"text": "0%"}, ["c1"]),
        ({"text": "%"}, ["c1"]),
        ({"text": "S_I"}, []),
        ({"text": "' OR 1=1"}, []),
        ({"text": "  "}, ["c1", "c2", "c3", "c4"]),
        ({"dataset": "people", "text": "ann", "label": "panic", "origin": "real"}, ["c1"]),
    ],
)
def test_what_is_found(library: Store, query: dict, expected: list[str]) -> None:
    assert found(library, **query) == expected
    assert find_clips(library, ClipQuery(**query, limit=1)).total == len(expected)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"descending": True}, ["c4", "c3", "c2", "c1"]),
        ({"order": "duration"}, ["c2", "c3", "c4", "c1"]),
        ({"order": "duration", "descending": True}, ["c1", "c4", "c3", "c2"]),
        # by code point, capitals first, as Python sorts; unknown values last both ways
        ({"order": "speaker"}, ["c1", "c3", "c2", "c4"]),
        ({"order": "language"}, ["c2", "c1", "c3", "c4"]),
        ({"order": "language", "descending": True}, ["c3", "c1", "c2", "c4"]),
        ({"order": "file"}, ["c1", "c2", "c3", "c4"]),
        ({"dataset": "people", "order": "label"}, ["c2", "c3", "c1"]),
        ({"limit": 2, "offset": 1}, ["c2", "c3"]),
        ({"limit": None, "offset": 2}, ["c3", "c4"]),
        ({"limit": 0}, []),
        ({"offset": 9}, []),
    ],
)
def test_in_what_order(library: Store, query: dict, expected: list[str]) -> None:
    assert found(library, **query) == expected


def test_rows_carry_the_labels_of_all_datasets(library: Store) -> None:
    rows = find_clips(library, ClipQuery(dataset="few")).rows + find_clips(library, ClipQuery(speaker="tts:alloy")).rows
    assert [row.labels for row in rows] == [{"few": "calm", "people": "panic"}, {}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"order": "id; DROP"}, "'id; DROP'; choose added, corpus, duration, file, id, label, language"),
        ({"order": "label"}, "needs a dataset"),
        ({"origin": "martian"}, "no origin 'martian'; choose real or synthetic"),
        ({"offset": -1}, "can't be negative"),
    ],
)
def test_questions_that_make_no_sense(query: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ClipQuery(**query)


def test_an_unknown_dataset_is_named(library: Store) -> None:
    with pytest.raises(NotFoundError, match="no dataset 'pepole' in the workspace; choose few or people"):
        find_clips(library, ClipQuery(dataset="pepole"))
    with pytest.raises(NotFoundError, match="no dataset 'pepole'"):
        facets(library, "pepole")


def test_facets(library: Store) -> None:
    assert facets(library) == {
        "origin": {"real": 3, "synthetic": 1},
        "corpus": {"demo": 3, "tts": 1},
        "speaker": {"demo:Ann": 2, "demo:bob": 1, "tts:alloy": 1},
        "language": {"de": 1, "en": 2},
        "label": {"calm": 3, "panic": 1},  # c1 is in both, with another label in each
    }
    assert facets(library, "few") == {
        "origin": {"real": 1},
        "corpus": {"demo": 1},
        "speaker": {"demo:Ann": 1},
        "language": {"en": 1},
        "label": {"calm": 1},
    }


def test_number_of_queries(library: Store) -> None:
    asked: list[str] = []
    event.listen(library.engine, "before_cursor_execute", lambda c, cur, sql, *_: asked.append(sql))

    def selects() -> int:
        n = sum(sql.startswith(("SELECT", "WITH")) for sql in asked)
        asked.clear()
        return n

    find_clips(library, ClipQuery(dataset="people", label="calm", order="speaker"))
    assert selects() == 3
    find_clips(library, ClipQuery(dataset="people", label="calm", text="a", order="speaker"))
    assert selects() == 2
    facets(library)
    assert selects() == 2
