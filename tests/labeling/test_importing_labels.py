"""Labels made elsewhere: found clips, schemes, raters; what can't be used is told, and nothing is half done."""

import json
import os
from pathlib import Path

import pytest
from tones import write_folders
from travelling import AROUSAL, another, contents, fill, recordings_of

from affexion_core.errors import AffexionError, ConfigError, CorpusError, LabelError, RightsError, StoreError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.exporting import export_labels
from affexion_core.labeling.importing_labels import LabelImportOptions, import_labels, preview_labels
from affexion_core.labeling.people import add_person
from affexion_core.labeling.votes import load_votes
from affexion_core.store.clips import ClipQuery, add_clips, find_clips
from affexion_core.store.datasets import list_datasets, load_dataset, save_dataset
from affexion_core.store.labels import find_annotations, load_scheme, save_scheme
from affexion_core.store.session import Store
from affexion_core.types import Clip, Scheme

SCHEME = Scheme("mood", ("calm", "panic"))


def clip(id: str, file: str, **more) -> Clip:
    values = {"origin": "real", "corpus": "demo", "duration": 1.0, "sampling_rate": 16000}
    return Clip(id=id, file=f"audio/{id}.wav", sha256=id * 64, attributes={"file_name": file}, **{**values, **more})


@pytest.fixture
def library(store: Store) -> Store:
    """Four clips, three of them in the dataset ``demo``."""
    clips = [clip("a", "panic/s1/0.wav"), clip("b", "panic/s2/0.wav"), clip("c", "calm/1.wav"), clip("d", "calm/2.wav")]
    add_clips(store, clips)
    save_dataset(store, "demo", "real", SCHEME, [("a", "panic"), ("b", "panic"), ("c", "calm")])
    return store


def bring(store: Store, tmp_path: Path, text: str, name: str = "moods.csv", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return import_labels(store, tmp_path / name, "csv", LabelImportOptions(**options))


def test_a_table_of_three_columns_comes_in_once(library, tmp_path):
    text = "clip,rater,label\na,Anna,panic\n1.wav,Anna,calm\na,Ben,calm\n"
    report = bring(library, tmp_path, text, dataset="demo")
    assert (report.added, report.present, report.rejected) == (3, 0, ())
    assert (report.dataset, report.scheme, report.dataset_made) == ("demo", "mood", False)
    assert report.raters == {"Anna": 2, "Ben": 1} and report.new_raters == ("Anna", "Ben")
    assert [
        (a.clip_id, a.rater, a.value) for a in sorted(find_annotations(library), key=lambda a: (a.clip_id, a.rater))
    ] == [
        ("a", "Anna", "panic"),
        ("a", "Ben", "calm"),
        ("c", "Anna", "calm"),
    ]
    again = bring(library, tmp_path, text, dataset="demo")
    assert (again.added, again.present, again.new_raters) == (0, 3, ())
    assert len(find_annotations(library)) == 3
    assert len(load_votes(library, "demo").judgements) == 3


def test_ids_come_from_content_in_any_order_and_layout(library, tmp_path):
    bring(library, tmp_path, "clip,rater,label\na,Anna,panic\nc,Anna,calm\n", scheme="mood")
    report = bring(library, tmp_path, "label;clip;rater\ncalm;calm/1.wav;Anna\npanic;s1/0.wav;Anna\n", scheme="mood")
    assert (report.added, report.present) == (0, 2)


def test_a_changed_row_counts_instead_of_the_old_one(library, tmp_path):
    bring(library, tmp_path, "clip,rater,label\na,Anna,panic\n", dataset="demo")
    bring(library, tmp_path, "clip,rater,label\na,Anna,calm\n", dataset="demo")
    assert [made.value for made in load_votes(library, "demo").judgements] == ["calm"]


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("a", "a"),
        ("calm/1.wav", "c"),
        ("1.wav", "c"),
        ("1", "c"),
        ("C:\\data\\calm\\1.wav", "c"),
        ("/somewhere/else/calm/1.wav", "c"),
        ("./calm/1.wav", "c"),
        ("s1/0.wav", "a"),
        ("audio/demo-b.wav", "b"),
        ("demo-b.wav", "b"),
        ("audio/d.wav", "d"),
    ],
)
def test_clips_are_found_by_id_or_name(name, id, library, tmp_path):
    report = bring(library, tmp_path, f"clip,rater,label\n{name},Anna,calm\n", scheme="mood")
    assert report.rejected == ()
    assert [made.clip_id for made in find_annotations(library)] == [id]


def test_a_name_of_several_clips_is_refused_and_they_are_named(library, tmp_path):
    with pytest.raises(LabelError) as told:
        bring(library, tmp_path, "clip,rater,label\n0.wav,Anna,calm\n", scheme="mood")
    assert str(told.value) == (
        "'0.wav' is the name of 2 clips: panic/s1/0.wav (a), panic/s2/0.wav (b). Write the folder before the name, or "
        "the clip's id instead."
    )
    assert find_annotations(library) == ()


def test_rows_that_can_not_be_used_are_told_and_the_others_come_in(library, tmp_path):
    rows = [
        "clip,rater,label,unclear,confidence,created,project,take,second,arousal,heard",
        "a,Anna,panic,,3,,,,,,",
        "gone.wav,Anna,panic,,,,,,,,",
        "a,,panic,,,,,,,,",
        "b,Anna,,,,,,,,,",
        "b,Anna,panic,noise,,,,,,,",
        "b,Anna,panic,,9,,,,,,",
        "b,Anna,panic,,,yesterday,,,,,",
        "b,Anna,panic,,,,P,,,,",
        "b,Anna,panic,,,,,7,,,",
        "b,Anna,panic,,,,,,,9,",
        "b,Anna,panic,,,,,,,,-1",
        "a,Anna,calm,,,,,,,,",
        "c,Anna,,noise,,2026-01-01,,,,,1",
        "d,Anna,,,,,,,,4.5,",
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    save_scheme(library, AROUSAL)
    report = import_labels(library, tmp_path / "t.csv", "csv", LabelImportOptions(scheme="mood"))
    assert [(held.place, held.reason) for held in report.rejected] == [
        ("line 3", "There is no clip or file 'gone.wav' in the library."),
        ("line 4", "It names no rater."),
        ("line 5", "It says nothing; it needs a label, or why the clip is unclear."),
        ("line 6", "It must say one thing: a label, why the clip is unclear, or that a judgement is withdrawn."),
        ("line 7", "confidence = 9 isn't one of 1 to 5."),
        ("line 8", "created = 'yesterday' is not a time such as 2026-01-31T12:00:00Z."),
        ("line 9", "There is no project 'P' in the workspace."),
        ("line 10", "take = 7 is neither 0 (the first judgement) nor 1 (a repeat)."),
        ("line 11", "Arousal: 9.0 isn't in scheme 'arousal'; choose a number from 1 to 7."),
        ("line 12", "heard = -1 can't be; it is a number from 0."),
        (
            "line 13",
            "Anna judges this clip twice, in other words; keep one row, or give the times in a column created.",
        ),
    ]
    assert report.added == 3 and report.unmatched == ("gone.wav",)
    said = {(a.clip_id, a.scheme): a.value or a.unclear for a in find_annotations(library)}
    assert said == {("a", "mood"): "panic", ("c", "mood"): "noise", ("d", "arousal"): 4.5}
    assert next(a.created for a in find_annotations(library) if a.clip_id == "c") == "2026-01-01T00:00:00.000000+00:00"


def test_a_file_of_which_no_row_can_be_used_is_an_error(library, tmp_path):
    with pytest.raises(LabelError, match=r"No row of moods.csv can be used. line 2: There is no clip or file 'x'"):
        bring(library, tmp_path, "clip,rater,label\nx,Anna,panic\n", scheme="mood")
    with pytest.raises(LabelError, match="moods.csv holds no judgements; there is nothing to import"):
        bring(library, tmp_path, "clip,rater,label\n")


def test_clips_outside_the_dataset_are_rejected(library, tmp_path):
    report = bring(library, tmp_path, "clip,rater,label\na,Anna,panic\nd,Anna,calm\n", dataset="demo")
    assert [held.reason for held in report.rejected] == ["There is no clip or file 'd' in dataset 'demo'."]


def test_labels_outside_the_scheme_are_refused_or_added(library, tmp_path):
    text = "clip,rater,label\na,Anna,panic\nb,Anna,fear\nc,Anna,fear\n"
    with pytest.raises(LabelError) as told:
        bring(library, tmp_path, text, dataset="demo")
    assert str(told.value) == (
        "Scheme 'mood' allows calm, panic; the file also has 'fear' (2). Correct them, choose another scheme, or add "
        "them to the scheme."
    )
    assert told.value.change == ("scheme", "add_labels")
    assert find_annotations(library) == ()
    report = bring(library, tmp_path, text, dataset="demo", add_labels=True)
    assert report.added == 3 and report.new_labels == {"mood": ("fear",)}
    assert load_scheme(library, "mood").labels == ("calm", "panic", "fear")
    assert load_votes(library, "demo").scheme.labels == ("calm", "panic", "fear")


def test_a_dataset_is_made_of_the_most_frequent_labels(library, tmp_path):
    rows = ["a,1,panic", "a,2,calm", "a,3,panic", "b,1,panic", "b,2,calm", "c,1,calm", "d,1,"]
    text = "clip,rater,label,unclear\n" + "\n".join(f"{row},{'noise' if row == 'd,1,' else ''}" for row in rows)
    report = bring(library, tmp_path, text, dataset="new", scheme="mood")
    assert report.dataset_made
    assert report.notes == (
        "Dataset new was made of these clips, 3 in all, each with its most frequent label (among equals, the first in "
        "the scheme's order). 1 clip has no label and stayed out.",
    )
    made = load_dataset(library, "new")
    assert {item.clip.id: item.label for item in made.items} == {"a": "panic", "b": "calm", "c": "calm"}
    assert made.items[0].votes == {"panic": 2 / 3, "calm": 1 / 3}
    assert made.origin == "real" and made.scheme == SCHEME


def test_a_dataset_never_mixes_origins(library, tmp_path):
    add_clips(library, [clip("e", "e.wav", origin="synthetic")])
    with pytest.raises(StoreError, match="of real people and of synthetic voices; a dataset never mixes the two"):
        bring(library, tmp_path, "clip,rater,label\na,Anna,panic\ne,Anna,calm\n", dataset="new", scheme="mood")
    assert find_annotations(library) == ()


def test_the_scheme_is_found_or_made(library, tmp_path):
    text = "clip,rater,label\na,Anna,panic\nb,Anna,calm\n"
    assert bring(library, tmp_path, text).scheme == "mood"
    save_scheme(library, Scheme("wider", ("calm", "panic", "fear")))
    with pytest.raises(
        LabelError, match="The labels calm or panic are in the schemes mood, wider; choose the one"
    ) as told:
        bring(library, tmp_path, text)
    assert told.value.change == ("scheme",)
    report = bring(library, tmp_path, "clip,rater,label\na,Anna,zen\nb,Anna,awe\n", name="my own  set.csv")
    assert report.scheme == "my own set" and report.new_schemes == ("my own set",)
    assert load_scheme(library, "my own set").labels == ("awe", "zen")
    # of the schemes that ship, the signals alone hold both
    report = bring(library, tmp_path, "clip,rater,label\na,Anna,boredom\nb,Anna,uncertainty\n")
    assert report.scheme == "affexion" and load_scheme(library, "affexion").labels[0] == "boredom"
    # and two of them this one: the file gets a scheme of its own, under a name that is free
    assert bring(library, tmp_path, "clip,rater,label\na,Anna,disgust\n", name="mood.csv").scheme == "mood-2"
    with pytest.raises(LabelError, match="There is no scheme 'nope'; choose affexion, arousal"):
        bring(library, tmp_path, text, scheme="nope")


def test_a_rater_is_given_where_the_file_names_none(library, tmp_path):
    text = "clip,label\na,panic\n"
    with pytest.raises(LabelError, match="moods.csv names no rater in any row; say whose judgements") as told:
        bring(library, tmp_path, text, scheme="mood")
    assert told.value.change == ("rater",)
    assert bring(library, tmp_path, text, scheme="mood", rater="Anna").raters == {"Anna": 1}


def test_corrections_must_lead_somewhere(library, tmp_path):
    rows = [
        "id,clip,rater,label,replaces",
        "1,a,Anna,panic,",
        "2,a,Anna,calm,1",
        "3,a,Anna,panic,1",  # replaced already
        "4,b,Anna,calm,gone",
        "5,b,Anna,calm,4",  # of what was rejected
        "6,b,Ben,calm,1",
        "7,c,Anna,calm,8",
        "8,c,Anna,panic,7",  # round
        "9,c,Ben,calm,9",
        "1,a,Ben,calm,",  # the id is taken
        "2,a,Anna,calm,1",  # again
    ]
    report = bring(library, tmp_path, "\n".join(rows), scheme="mood")
    reasons = {held.place: held.reason for held in report.rejected}
    assert reasons == {
        "line 4": "The judgement '1' that it replaces has been replaced already.",
        "line 5": "The judgement 'gone' that it replaces is neither in the file nor in the workspace.",
        "line 6": "The judgement '4' that it replaces is neither in the file nor in the workspace.",
        "line 7": "The judgement '1' that it replaces has been replaced already.",
        "line 8": "It is a correction of itself, by a detour.",
        "line 9": "It is a correction of itself, by a detour.",
        "line 10": "It is a correction of itself, by a detour.",
        "line 11": "Its id '1' is that of another judgement.",
    }
    assert (report.added, report.present) == (2, 1)
    again = bring(library, tmp_path, "\n".join(rows[:3]), scheme="mood")
    assert (again.added, again.present, again.rejected) == (0, 2, ())
    other = bring(library, tmp_path, "id,clip,rater,label,replaces\n2,b,Anna,calm,\n1,a,Anna,panic,\n", scheme="mood")
    assert [held.reason for held in other.rejected] == ["Its id '2' is that of another judgement."]


def test_looking_first_writes_nothing_and_tells_the_same(library, tmp_path):
    (tmp_path / "t.csv").write_text("clip,rater,label\na,Anna,panic\nb,Anna,fear\nx,Anna,calm\n")
    options = LabelImportOptions(dataset="new", scheme="mood", add_labels=True)
    before = preview_labels(library, tmp_path / "t.csv", "csv", options)
    assert find_annotations(library) == ()
    assert [summary.name for summary in list_datasets(library)] == ["demo"]
    assert load_scheme(library, "mood") == SCHEME
    assert import_labels(library, tmp_path / "t.csv", "csv", options) == before
    assert before.added == 2 and before.new_labels == {"mood": ("fear",)} and before.unmatched == ("x",)


def test_all_comes_in_or_nothing(library, tmp_path, monkeypatch):
    """A failure in the last step takes back what the first ones wrote."""
    from affexion_core.store import exchange

    def fails(*_args):
        raise LabelError("The dataset was changed meanwhile.")

    monkeypatch.setattr(exchange, "put_dataset", fails)
    text = "clip,rater,label\na,Anna,zen\nb,Anna,awe\n"
    with pytest.raises(LabelError, match="changed meanwhile"):
        bring(library, tmp_path, text, dataset="new")
    assert find_annotations(library) == ()
    with pytest.raises(AffexionError):
        load_scheme(library, "moods")


def test_who_may_import(library, tmp_path):
    owner = add_person(library, "Olga")
    rater = add_person(library, "Anna", by=owner)
    (tmp_path / "t.csv").write_text("clip,rater,label\na,Anna,panic\n")
    with pytest.raises(RightsError, match="Anna is a rater; managing projects needs the role owner"):
        import_labels(library, tmp_path / "t.csv", "csv", LabelImportOptions(scheme="mood"), by=rater)
    assert import_labels(library, tmp_path / "t.csv", "csv", LabelImportOptions(scheme="mood"), by=owner).added == 1


def test_wrong_requests_are_told(library, tmp_path):
    with pytest.raises(LabelError, match="There is no file or folder .*nope.csv; check the name"):
        import_labels(library, tmp_path / "nope.csv", "csv")
    with pytest.raises(
        ConfigError, match="There is no format 'xml'; choose audformat, audiofolder, csv or label-studio"
    ):
        import_labels(library, tmp_path, "xml")
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(CorpusError, match="x.zip is damaged or no zip archive"):
        import_labels(library, tmp_path / "x.zip", "csv")


def hostile(tmp_path: Path, sqlite_store: Store, change) -> Path:
    """Export two recordings, and change what clips.csv says of them."""
    recordings_of(sqlite_store, 2)
    export_labels(sqlite_store, "demo", "csv", tmp_path / "sent", audio=True)
    table = tmp_path / "sent" / "clips.csv"
    table.write_bytes(change(table.read_bytes().decode("utf-8-sig")).encode())
    return tmp_path / "sent"


def test_a_file_outside_the_folder_is_never_read(sqlite_store, tmp_path):
    secret = tmp_path / "secret.wav"
    for name in ("../secret.wav", str(secret), "audio/link.wav"):
        folder = hostile(
            tmp_path / name.replace("/", "_"), another(tmp_path, name.replace("/", "-")), lambda text: text
        )
        first = next(file for file in sorted((folder / "audio").iterdir()))
        secret.write_bytes(first.read_bytes())
        table = folder / "clips.csv"
        table.write_text(table.read_text().replace(f"audio/{first.name}", name))
        first.unlink()
        if name == "audio/link.wav":
            os.symlink(secret, folder / "audio" / "link.wav")
        store = another(tmp_path, "into" + name.replace("/", "-"))
        report = import_labels(store, folder, "csv")
        assert [held.reason for held in report.rejected if "leads out" in held.reason] == [
            f"The file {name!r} leads out of the folder; it is not read."
        ]
        assert find_clips(store, ClipQuery()).total == 1


def test_a_recording_must_be_the_one_that_was_exported(sqlite_store, tmp_path):
    folder = hostile(tmp_path, sqlite_store, lambda text: text)
    file = sorted((folder / "audio").iterdir())[0]
    file.write_bytes(file.read_bytes() + b"x")
    store = another(tmp_path)
    report = import_labels(store, folder, "csv")
    assert any("isn't the recording that was exported" in held.reason for held in report.rejected)
    assert report.clips_added == 1


def test_an_id_must_belong_to_its_recording(sqlite_store, tmp_path):
    first = recordings_of(sqlite_store, 2)[0].id
    export_labels(sqlite_store, "demo", "csv", tmp_path / "sent", audio=True)
    for table in ("clips.csv", "labels.csv"):
        file = tmp_path / "sent" / table
        file.write_bytes(file.read_bytes().replace(f"\n{first},".encode(), b"\n0123456789abcdef,"))
    report = import_labels(another(tmp_path), tmp_path / "sent", "csv")
    assert any("'0123456789abcdef' of" in held.reason and "doesn't belong" in held.reason for held in report.rejected)


def test_looking_first_copies_no_recording(sqlite_store, tmp_path):
    folder = hostile(tmp_path, sqlite_store, lambda text: text)
    store = another(tmp_path)
    before = preview_labels(store, folder, "csv", LabelImportOptions(dataset="demo"))
    assert before.clips_added == 2 and contents(store.workspace.audio) == {}
    assert import_labels(store, folder, "csv", LabelImportOptions(dataset="demo")) == before
    assert len(contents(store.workspace.audio)) == 2


def test_a_hostile_project_can_not_come_in(sqlite_store, tmp_path):
    fill(sqlite_store, 5, clips=3)
    export_labels(sqlite_store, "demo", "csv", tmp_path / "sent")
    about = tmp_path / "sent" / "about.json"
    values = json.loads(about.read_text())
    card = {"name": "evil", "scheme": "mood", "created": "x", "created_by": "x", "gold": {}}
    for settings, message in (({"overlap": -1}, "overlap = -1"), ({"nope": 1}, "there is no setting 'nope'")):
        about.write_text(json.dumps(values | {"projects": [card | {"settings": settings}]}))
        with pytest.raises(ConfigError, match=message):
            import_labels(sqlite_store, tmp_path / "sent", "csv")
    about.write_text(json.dumps(values | {"projects": [card | {"settings": {}, "name": "demo"}]}))
    with pytest.raises(LabelError, match="project 'demo' has the name of a dataset"):
        import_labels(sqlite_store, tmp_path / "sent", "csv")


def test_clips_are_found_by_the_names_they_were_imported_with(sqlite_store, tmp_path):
    import_corpus(sqlite_store, "folder", write_folders(tmp_path / "corpus", speakers=2), ImportOptions(dataset="demo"))
    text = "clip,rater,label\npanic/s0/0.wav,Anna,panic\nboredom/s1/1.wav,Anna,boredom\n"
    assert bring(sqlite_store, tmp_path, text, dataset="demo").added == 2
    with pytest.raises(LabelError, match=r"'0.wav' is the name of 8 clips: boredom/s0/0.wav \(.*and 4 more. Write the"):
        bring(sqlite_store, tmp_path, "clip,rater,label\n0.wav,Anna,panic\n", dataset="demo")
