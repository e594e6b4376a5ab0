import csv

import pandas as pd
import pytest
from bundles import NASTY
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.errors import LabelError
from affexion_core.exchange._cells import escaped, read_table, unescaped, write_table

RISKY = ("=", "+", "-", "@", "\t", "\r")


@given(st.text())
def test_escaping_is_undone_exactly_and_leaves_nothing_to_run(text):
    assert unescaped(escaped(text)) == text
    assert not escaped(text).startswith(RISKY)


def test_only_what_could_run_is_touched():
    assert [escaped(t) for t in ("=1+1", "+49", "-", "@x", "\t=1", "'tis", "a=1", "", "1")] == [
        *("'=1+1", "'+49", "'-", "'@x", "'\t=1", "''tis", "a=1", "", "1")
    ]
    # what somebody else wrote with an apostrophe stays
    assert unescaped("'tis") == "'tis" and unescaped("'") == "'"


def test_numbers_stay_numbers(tmp_path):
    write_table(tmp_path / "t.csv", ["a", "b"], [{"a": -0.25, "b": 3}, {"a": 1e-7, "b": None}])
    assert (tmp_path / "t.csv").read_bytes() == b"\xef\xbb\xbfa,b\r\n-0.25,3\r\n1e-07,\r\n"


def test_pandas_reads_what_was_written(tmp_path):
    write_table(tmp_path / "t.csv", ["text"], [{"text": text} for text in NASTY])
    read = pd.read_csv(tmp_path / "t.csv", keep_default_na=False, dtype=str)["text"]
    assert [unescaped(cell) for cell in read] == list(NASTY)


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        (b"clip,label\na,x\n", [(2, {"clip": "a", "label": "x"})]),
        (b"\xef\xbb\xbfclip;label\r\na;x,y\r\n", [(2, {"clip": "a", "label": "x,y"})]),
        (b"clip\tlabel\na\tx\n", [(2, {"clip": "a", "label": "x"})]),
        (b"clip|label\na|x\n", [(2, {"clip": "a", "label": "x"})]),
        ("clip;label\nä;x\n".encode("utf-16"), [(2, {"clip": "ä", "label": "x"})]),
        (b'clip,label\n"a\nb",x\n\n,\nc,y\n', [(2, {"clip": "a\nb", "label": "x"}), (6, {"clip": "c", "label": "y"})]),
        (b"clip,label\na\n", [(2, {"clip": "a"})]),
        (b"clip\na\n", [(2, {"clip": "a"})]),
    ],
)
def test_tables_of_many_makers_are_read_with_their_lines(data, rows, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    assert list(read_table(tmp_path / "t.csv")[1]) == rows


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"t.csv is empty; it needs a row of column names such as clip,rater,label"),
        (b"\n\n", r"t.csv is empty"),
        (b"clip,clip\n", r"t.csv has the column 'clip' twice; keep one"),
        (b"clip,label\na,b,c\n", r"t.csv, line 2: 3 cells under 2 columns; put quotes around text"),
        (b"clip,label\nok,x\n\xe4,y\n", r"t.csv is not UTF-8 text \(line 3\); save it as CSV UTF-8"),
        (b'clip,label\n"a,x\n', r"t.csv, line 2, can't be read as a table"),
        (b'clip,label\n"a"b,x\n', r"t.csv, line 2, can't be read as a table"),
    ],
)
def test_a_bad_table_is_refused_in_a_sentence(data, message, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(LabelError, match=message):
        list(read_table(tmp_path / "t.csv")[1])


def test_long_cells_are_read(tmp_path):
    write_table(tmp_path / "t.csv", ["text"], [{"text": "x" * 300_000}])
    assert len(list(read_table(tmp_path / "t.csv")[1])[0][1]["text"]) == 300_000
    assert csv.field_size_limit() >= 10_000_000
