import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.exchange._cells import unescaped
from affexion_core.timeline.exports import csv_text, textgrid_text, webvtt_text
from affexion_core.timeline.recognising import Segment, Timeline

LABELS = ("panic", 'say "so" & <run>')


def segment(start, end, p, unsure=False):
    return Segment(start, end, (start, end), LABELS[0 if p >= 0.5 else 1], (p, 1 - p), unsure)


EXAMPLE = Timeline(
    "=cmd.wav", 3700.5, LABELS, (segment(0.5, 2.0, 0.62), segment(2.0, 3.25, 0.41, True), segment(3661.2, 3700.5, 0.9))
)


def read_textgrid(text):
    """Parse Praat's long format strictly; gives the end and {tier: [(xmin, xmax, text)]}."""
    head = re.match(
        r'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = (\S+) \nxmax = (\S+) \n'
        r"tiers\? <exists> \nsize = (\d+) \nitem \[\]: \n",
        text,
    )
    assert head
    end, tiers = float(head[2]), {}
    for part in re.split(r"    item \[\d+\]:\n", text[head.end() :])[1:]:
        top = re.match(
            r'        class = "IntervalTier" \n        name = "(.*)" \n        xmin = (\S+) \n        xmax = (\S+) \n'
            r"        intervals: size = (\d+) \n",
            part,
        )
        assert top and float(top[3]) == end
        found = re.findall(
            r"        intervals \[(\d+)\]:\n            xmin = (\S+) \n            xmax = (\S+) \n"
            r'            text = "((?:[^"]|"")*)" \n',
            part[top.end() :],
        )
        assert [int(row[0]) for row in found] == list(range(1, int(top[4]) + 1))
        tiers[top[1]] = [(float(a), float(b), words.replace('""', '"')) for _, a, b, words in found]
    assert len(tiers) == int(head[3])
    return end, tiers


def test_a_textgrid_covers_the_recording_with_what_was_heard():
    end, tiers = read_textgrid(textgrid_text(EXAMPLE))
    assert end == 3700.5
    assert tiers["label"] == [
        (0, 0.5, ""),
        (0.5, 2.0, "panic"),
        (2.0, 3.25, 'say "so" & <run>'),
        (3.25, 3661.2, ""),
        (3661.2, 3700.5, "panic"),
    ]
    assert [row[2] for row in tiers["unsure"]] == ["", "", "unsure", "", ""]
    assert tiers["probability"][1] == (0.5, 2.0, "0.620")


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0.05, 40)), max_size=8), st.floats(0, 3000))
def test_a_textgrid_has_no_holes(parts, rest):
    at, found = 0.0, []
    for pause, length in parts:
        found.append(segment(at + pause, at + pause + length, 0.7))
        at += pause + length
    _, tiers = read_textgrid(textgrid_text(Timeline("a", at + rest + 0.1, LABELS, tuple(found))))
    for rows in tiers.values():
        assert rows[0][0] == 0
        assert all(one[1] == two[0] for one, two in zip(rows, rows[1:], strict=False))
        assert all(a < b for a, b, _ in rows)


def test_webvtt_is_as_the_standard_wants():
    blocks = webvtt_text(EXAMPLE).rstrip("\n").split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1] == "00:00:00.500 --> 00:00:02.000\npanic 62 %"
    assert blocks[2] == '00:00:02.000 --> 00:00:03.250\nsay "so" &amp; &lt;run&gt; 59 %, unsure'
    assert blocks[3].startswith("01:01:01.200 --> 01:01:40.500\n")


def test_csv_runs_nothing_in_a_spreadsheet():
    text = csv_text(EXAMPLE)
    assert text.startswith("\ufefffile,start,end,label,unsure,p_panic,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0]["file"] == "'=cmd.wav" and unescaped(rows[0]["file"]) == "=cmd.wav"
    assert [row["unsure"] for row in rows] == ["false", "true", "false"]
    assert float(rows[1]["p_panic"]) == pytest.approx(0.41)


def test_a_recording_without_speech_is_written_too():
    empty = Timeline("a.wav", 12.0, LABELS, ())
    assert read_textgrid(textgrid_text(empty))[1]["label"] == [(0, 12.0, "")]
    assert webvtt_text(empty) == "WEBVTT\n"
    assert len(csv_text(empty).splitlines()) == 1
