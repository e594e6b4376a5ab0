"""Readers of free layouts: label folders, manifests, AudioFolder."""

import csv as tables
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affexion_core.corpora import audiofolder, csv, folder
from affexion_core.corpora._item import CorpusItem, ScanOptions
from affexion_core.errors import CorpusError

PLAIN = ScanOptions()


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def scan_text(root: Path, text: str, options: ScanOptions = PLAIN, name: str = "m.csv") -> list[CorpusItem]:
    touch(root, "a.wav", "b.wav")
    (root / name).write_text(text, encoding="utf-8")
    return list(csv.scan(root / name, options))


def test_folder_reads_labels_and_speakers(tmp_path: Path) -> None:
    root = touch(
        tmp_path / "voices", "loose.wav", "boredom/1.mp3", "panic/anna/1.wav", "panic/anna/day2/2.ogg", "x.txt"
    )
    items = list(folder.scan(root, ScanOptions(language="de")))
    assert [(i.file.name, i.label, i.speaker) for i in items] == [
        ("1.mp3", "boredom", None),
        ("loose.wav", None, None),
        ("1.wav", "panic", "voices:anna"),
        ("2.ogg", "panic", "voices:anna"),
    ]
    assert {i.language for i in items} == {"de"}
    assert next(iter(folder.scan(root / "panic", ScanOptions(name="mine")))).corpus == "mine"


def test_csv_reads_every_column(tmp_path: Path) -> None:
    first, second = scan_text(
        tmp_path,
        "file,label,speaker,language,text,start,end,origin,corpus,licence,source,split,intensity\n"
        'a.wav,panic,anna,de,"Help, now!",0.5,2,Synthetic,calls,CC0-1.0,https://example.org,test,strong\n'
        "b.wav,,calls:ben,,,,,,,,,,\n",
    )
    assert first == CorpusItem(
        file=tmp_path / "a.wav",
        corpus="calls",
        label="panic",
        speaker="calls:anna",
        language="de",
        transcript="Help, now!",
        start=0.5,
        end=2.0,
        origin="synthetic",
        attributes={"intensity": "strong"},
        split="test",
        provenance=first.provenance,
    )
    assert (first.provenance.licence, first.provenance.source) == ("CC0-1.0", "https://example.org")
    assert (second.corpus, second.label, second.speaker, second.attributes) == ("m", None, "calls:ben", {})


@pytest.mark.parametrize(("delimiter", "name"), [("\t", "m.tsv"), (";", "m.csv"), (",", "m.csv")])
def test_csv_tells_the_delimiter_and_survives_a_byte_order_mark(delimiter: str, name: str, tmp_path: Path) -> None:
    text = "\ufefffile,label\r\na.wav,panic\r\n\r\n".replace(",", delimiter)
    (item,) = scan_text(tmp_path, text, name=name)
    assert (item.file, item.label) == (tmp_path / "a.wav", "panic")


def test_csv_takes_a_column_mapping(tmp_path: Path) -> None:
    text = "clip,emotion,label\na.wav,panic,7\n"
    (item,) = scan_text(tmp_path, text, ScanOptions(columns={"file": "clip", "label": "emotion"}))
    assert (item.file.name, item.label, item.attributes) == ("a.wav", "panic", {"label": "7"})


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", {}, r"m\.csv is empty; it needs a header row"),
        ("clip,label\na.wav,x\n", {}, r"no column 'file'\. It has clip or label; say which one"),
        ("file,label\na.wav,x\n", {"label": "mood"}, r"no column 'mood' for label\. It has file or label\."),
        (
            "file,label\na.wav,x\n",
            {"mood": "label"},
            r"no field 'mood' .* Choose arousal, corpus, dominance, end, file",
        ),
        ("file,label,label\na.wav,x,y\n", {}, r"has the column 'label' twice; keep one"),
        ("file,label\na.wav,x,y\n", {}, r"line 2: 3 cells under 2 columns; put quotes"),
        ('file,label\na.wav,"x\n', {}, r"can't be read as a table: unexpected end of data"),
    ],
)
def test_csv_says_what_is_wrong_with_a_table(text: str, columns: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=message):
        scan_text(tmp_path, text, ScanOptions(columns=columns))


def test_csv_refuses_other_encodings(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes("file,label\na.wav,Ärger\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"m\.csv is not UTF-8 text; save it as UTF-8"):
        list(csv.scan(tmp_path / "m.csv", ScanOptions()))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("nix.wav,,,", "There is no such file; paths count from the folder of the table."),
        (",,,", None),
        ("  ,,,real", "Its row names no file."),
        ("a.wav,soon,,", "start = 'soon' is not a number of seconds."),
        ("a.wav,3,2,", "The span from 3.0 s to 2.0 s is not one; it needs 0 <= start < end."),
        ("a.wav,nan,2,", "The span from nan s to 2.0 s is not one; it needs 0 <= start < end."),
        ("a.wav,-1,,", "The span from -1.0 s to None s is not one; it needs 0 <= start < end."),
        ("a.wav,,inf,", "The span from None s to inf s is not one; it needs 0 <= start < end."),
        ("a.wav,,,fake", "Origin = 'fake' is neither real nor synthetic."),
    ],
)
def test_csv_reports_a_bad_row_and_goes_on(row: str, problem: str | None, tmp_path: Path) -> None:
    items = scan_text(tmp_path, f"file,start,end,origin\n{row}\nb.wav,,,real\n")
    assert [item.problem for item in items] == ([None] if problem is None else [problem, None])


def test_csv_finds_the_manifest_of_a_folder(tmp_path: Path) -> None:
    root = touch(tmp_path / "calls", "a.wav")
    (root / "manifest.csv").write_text("file,speaker\na.wav,anna\n")
    for path in (root, root / "manifest.csv"):
        (item,) = csv.scan(path, ScanOptions())
        assert (item.corpus, item.speaker) == ("calls", "calls:anna")


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5), delimiter=st.sampled_from(",;\t"))
def test_csv_gives_back_any_text(
    rows: list[tuple[str, str, str]], delimiter: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = touch(tmp_path_factory.mktemp("text"), "a.wav")
    with (root / "m.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = tables.writer(stream, delimiter=delimiter)
        writer.writerow(["file", "label", "transcript", "mood"])
        writer.writerows(["a.wav", *row] for row in rows)
    items = list(csv.scan(root / "m.csv", ScanOptions()))
    assert [(i.label or "", i.transcript or "", i.attributes.get("mood", "")) for i in items] == rows


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_audiofolder_reads_metadata_of_each_part(kind: str, tmp_path: Path) -> None:
    touch(tmp_path, "data/train/a.wav", "data/validation/sub/b.wav")
    for part, name in (("train", "a.wav"), ("validation", "sub/b.wav")):
        row = {"file_name": name, "label": "panic", "text": "Help!", "n": 3, "note": None}
        text = json.dumps(row) + "\n" if kind == "jsonl" else f"file_name,label,text,n,note\n{name},panic,Help!,3,\n"
        (tmp_path / "data" / part / f"metadata.{kind}").write_text(text)
    items = list(audiofolder.scan(tmp_path, ScanOptions(name="hub")))
    assert [(i.file.name, i.label, i.transcript, i.split, i.attributes) for i in items] == [
        ("a.wav", "panic", "Help!", "train", {"n": "3"}),
        ("b.wav", "panic", "Help!", "dev", {"n": "3"}),
    ]
    assert not any(i.problem for i in items)


def test_audiofolder_tells_the_part_by_metadata_at_the_top(tmp_path: Path) -> None:
    touch(tmp_path, "test/a.wav", "b.wav")
    (tmp_path / "metadata.csv").write_text("file_name,label\ntest/a.wav,panic\nb.wav,boredom\n")
    assert [(i.label, i.split) for i in audiofolder.scan(tmp_path, ScanOptions())] == [
        ("panic", "test"),
        ("boredom", None),
    ]


def test_audiofolder_without_metadata_reads_label_folders(tmp_path: Path) -> None:
    touch(tmp_path, "train/panic/a.wav", "test/boredom/b.wav", "panic/c.wav")
    assert [(i.label, i.split) for i in audiofolder.scan(tmp_path, ScanOptions())] == [
        ("panic", None),
        ("boredom", "test"),
        ("panic", "train"),
    ]


def test_audiofolder_refuses_broken_json_lines(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (tmp_path / "metadata.jsonl").write_text('["a.wav"]\n')
    with pytest.raises(CorpusError, match=r'needs one JSON object a line, such as \{"file_name"'):
        audiofolder.scan(tmp_path, ScanOptions())
    (tmp_path / "metadata.jsonl").write_text("{\n")
    with pytest.raises(CorpusError, match=r"metadata\.jsonl can't be read as a table"):
        audiofolder.scan(tmp_path, ScanOptions())
