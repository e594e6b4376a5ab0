"""Tables and folders that other people made."""

import pytest

from affexion_core.errors import LabelError
from affexion_core.exchange import audiofolder
from affexion_core.exchange import csv as tables
from affexion_core.exchange._bundle import Judgement


def test_three_columns_are_enough(tmp_path):
    (tmp_path / "labels.csv").write_text("Clip;Rater;Label\n a.wav ;Anna; panic \n")
    assert tables.read(tmp_path / "labels.csv").judgements == (Judgement("a.wav", "Anna", "panic"),)
    assert tables.read(tmp_path) == tables.read(tmp_path / "labels.csv")


def test_all_columns_are_read(tmp_path):
    header = (
        "clip,rater,label,second,unclear,confidence,intensity,arousal,comment,created,seconds,heard,project,take,flags"
    )
    row = 'a,Anna,panic,calm,,4,2.0,3.5,"one\ntwo",2026-01-01T00:00:00Z,2.5,1,P,1,too fast; not heard'
    (tmp_path / "t.csv").write_text(f"{header},withdrawn,replaces,id\n{row},,r,i\n")
    assert tables.read(tmp_path / "t.csv").judgements == (
        Judgement(
            "a", "Anna", "panic", second="calm", confidence=4, intensity=2, dimensions={"arousal": 3.5},
            comment="one\ntwo", created="2026-01-01T00:00:00Z", seconds=2.5, heard=1.0, project="P", take=1,
            flags=("too fast", "not heard"), replaces="r", id="i",
        ),
    )  # fmt: skip


def test_columns_of_other_tools_are_known(tmp_path):
    (tmp_path / "t.csv").write_text("file_name,annotator,emotion\na.wav,Anna,panic\n")
    assert tables.read(tmp_path / "t.csv").judgements == (Judgement("a.wav", "Anna", "panic"),)


def test_space_counts_where_the_table_was_exported(tmp_path):
    (tmp_path / "t.csv").write_text("clip,rater,label,id\na, Anna,panic ,1\n")
    assert tables.read(tmp_path / "t.csv").judgements == (Judgement("a", " Anna", "panic ", id="1"),)


def test_rows_that_can_not_be_read_are_told_with_their_line(tmp_path):
    rows = [
        "a,Anna,panic,x,",
        ",Anna,panic,,",
        "a,Anna,panic,1.5,",
        "a,An\0na,panic,,",
        "a,Anna,panic,,nan",
        "a,Anna,panic,,",
    ]
    (tmp_path / "t.csv").write_text("\n".join(["clip,rater,label,confidence,valence", *rows]))
    bundle = tables.read(tmp_path / "t.csv")
    assert [(problem.place, problem.reason) for problem in bundle.problems] == [
        ("line 2", "confidence = 'x' is not a number."),
        ("line 3", "It names no clip."),
        ("line 4", "confidence = 1.5 is not a whole number in reach."),
        ("line 5", "The cell rater holds a NUL character, which neither a database nor a table can keep."),
        ("line 6", "valence = 'nan' is not a number."),
    ]
    assert len(bundle.judgements) == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"t.csv": "name,rater\n"}, r"t.csv has no column 'clip'. It has name or rater; rename the one that holds it"),
        ({"a.csv": "clip\n", "b.csv": "clip\n"}, r"holds no about.json, and 2 tables \(a.csv, b.csv\); name the one"),
        ({}, r"holds no about.json, and 0 tables \(no .csv\)"),
        ({"about.json": "{}"}, r"about.json doesn't describe labels exported by Affexion"),
        (
            {"about.json": '{"made_by": "affexion labels", "version": 9}'},
            r"was written in version 9, and this .* reads 1",
        ),
        ({"about.json": '{"made_by": "affexion labels", "version": 1, "schemes": [{}]}'}, r"about.json is incomplete"),
        (
            {"about.json": '{"made_by": "affexion labels", "version": 1, "name": 3}'},
            r"incomplete or damaged \(name is no",
        ),
        ({"about.json": '{"made_by": "affexion labels", "version": 1}'}, r"clips.csv can't be read \(No such file"),
    ],
)
def test_a_folder_of_another_kind_is_refused(files, message, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(LabelError, match=message):
        tables.read(tmp_path)


def test_an_audiofolder_with_metadata_is_read(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label,other\na.wav,panic,1\n,calm,\nb.wav,,\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "metadata.jsonl").write_text('{"file_name": "x/c.wav", "label": "calm"}\n\n')
    bundle = audiofolder.read(tmp_path)
    assert bundle.judgements == (Judgement("test/x/c.wav", None, "calm"), Judgement("train/a.wav", None, "panic"))
    assert [(p.place, p.reason) for p in bundle.problems] == [
        ("metadata.csv, line 3", "It names no file."),
        ("metadata.csv, line 4", "It has no label."),
    ]


def test_label_folders_are_labels(tmp_path):
    for name in ("data/train/panic/a.wav", "panic/s1/a.wav", "calm/b.flac", "stray.wav", "calm/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert audiofolder.read(tmp_path).judgements == (
        Judgement("calm/b.flac", None, "calm"),
        Judgement("data/train/panic/a.wav", None, "panic"),
        Judgement("panic/s1/a.wav", None, "panic"),
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "holds neither metadata.csv nor a folder of recordings for each label"),
        ({"metadata.csv": "name,label\n"}, "metadata.csv has no column 'file_name'. It has label or name"),
        ({"metadata.jsonl": "[1]"}, "metadata.jsonl needs one object a line"),
        ({"metadata.jsonl": "{"}, "metadata.jsonl can't be read as JSON Lines"),
    ],
)
def test_an_audiofolder_without_labels_is_refused(files, message, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(LabelError, match=message):
        audiofolder.read(tmp_path)
