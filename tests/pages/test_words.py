import pytest

from affexion_core.evaluation.scores import Estimate, undefined
from affexion_core.types import Clip, Run
from affexion_ui.figures import csv_bytes
from affexion_ui.theme import escape_markdown
from affexion_ui.words import (
    clip_title,
    count,
    counted,
    duration,
    estimate_words,
    run_title,
    span_words,
    stamp_parts,
    value_words,
)


def estimate(value, low, high, n=52):
    return Estimate(value, low, high, n, "bootstrap")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (estimate(0.4531, 0.3312, 0.5917), "45 % (33–59, n = 52)"),
        (estimate(0.9812, 0.9744, 0.9861, 7000), "98.1 % (97.4–98.6, n = 7000)"),
        (estimate(1.0, 0.93, 1.0, 12345), "100 % (93–100, n = 12\u202f345)"),
        (undefined("no reference clip"), "undefined: no reference clip (n = 0)"),
        (undefined("undefined, because no clip was repeated"), "undefined, because no clip was repeated (n = 0)"),
    ],
)
def test_figures_are_rounded_to_what_their_interval_supports(made, words):
    assert estimate_words(made) == words


def test_value_and_span_stand_apart():
    assert value_words(estimate(0.4531, 0.3312, 0.5917)) == "45 %"
    assert span_words(estimate(0.4531, 0.3312, 0.5917)) == "33–59, n = 52"
    assert (value_words(undefined("no clips")), span_words(undefined("no clips"))) == ("undefined", "no clips, n = 0")


def test_counts_and_durations():
    assert (counted(1, "clip"), counted(0, "clip"), count(9999)) == ("1 clip", "0 clips", "9999")
    assert (duration(3.24), duration(245), duration(7380)) == ("3.2 s", "4 min 05 s", "2 h 03 min")


def make_clip(**known):
    return Clip("0123456789abcdef", "audio/01/0123.wav", "0" * 64, "real", "emodb", 2.0, 16000, **known)


def test_a_clip_is_named_by_what_a_person_knows():
    assert clip_title(make_clip(transcript=" Heute abend. ", speaker="emodb:03")) == "“Heute abend.”"
    assert clip_title(make_clip(transcript="x" * 90), 10) == "“xxxxxxxxx…”"
    assert clip_title(make_clip(speaker="emodb:03")) == "03, emodb clip 012345"


def test_a_run_is_named_in_words():
    run = Run("r1", "cv", "linear", "/x", ("a", "b"), "voices", "0" * 64, "2026-11-20T16:52:00")
    assert run_title(run) == "Linear baseline, cross-validated on voices, 20 Nov 2026, 16:52"


def test_stamps_split_into_state_and_detail():
    assert stamp_parts("clean") == ("clean", "")
    assert stamp_parts("leaky: shares 1 text ('a: b')") == ("leaky", "shares 1 text ('a: b')")


def test_data_is_never_read_as_markdown():
    for payload in ("<script>alert(1)</script>", "**bold**", "[x](javascript:1)", ":red[x]", "$x$", "`c`"):
        escaped = escape_markdown(payload)
        assert escaped.replace("\\", "") == payload
        for mark in "<*[:$`":
            assert all(escaped[i - 1] == "\\" for i, c in enumerate(escaped) if c == mark)


def test_cells_that_a_spreadsheet_would_run_are_neutralised():
    rows = [{"file": "=HYPERLINK(1)", "value": -0.5}, {"file": "plain, with comma", "value": None}]
    assert csv_bytes(rows).decode() == '\ufefffile,value\n\'=HYPERLINK(1),-0.5\n"plain, with comma",\n'
    assert csv_bytes([]) == b"\xef\xbb\xbf\n"
