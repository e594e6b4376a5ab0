import pytest
from hypothesis import given
from hypothesis import strategies as st

from affexion_core.config import build
from affexion_core.errors import ConfigError
from affexion_core.timeline.segments import TimelineSettings, Window, joined, windows_of

USUAL = TimelineSettings()


@st.composite
def speech(draw):
    """Stretches in order, apart from each other."""
    at, spans = 0.0, []
    for pause, length in draw(st.lists(st.tuples(st.floats(0.05, 5), st.floats(0.1, 60)), max_size=12)):
        spans.append((at + pause, at + pause + length))
        at += pause + length
    return tuple(spans)


@given(speech(), st.floats(1, 10), st.floats(0, 0.8))
def test_windows_answer_for_every_moment_of_speech_once(spans, window, overlap):
    settings = TimelineSettings(window=window, overlap=overlap)
    found = windows_of(spans, settings)
    for first, second in zip(found, found[1:], strict=False):
        assert first.end <= second.start + 1e-9
    grouped = joined(spans, settings)
    assert sum(w.end - w.start for w in found) == pytest.approx(sum(end - start for start, end in grouped))
    for each in found:
        assert each.start < each.end
        assert each.heard[0] <= each.start + 1e-9 and each.end <= each.heard[1] + 1e-9
        assert each.heard[1] - each.heard[0] <= 1.5 * window + 1e-9


@given(speech())
def test_joining_loses_no_speech(spans):
    grouped = joined(spans, USUAL)
    assert all(any(a <= start and end <= b for a, b in grouped) for start, end in spans)
    assert all(one[1] < two[0] for one, two in zip(grouped, grouped[1:], strict=False))


def test_long_speech_is_heard_in_overlapping_windows():
    found = windows_of([(10.0, 18.0)], USUAL)
    assert [w.heard for w in found] == [(10.0, 14.0), (12.0, 16.0), (14.0, 18.0)]
    assert [(w.start, w.end) for w in found] == [(10.0, 13.0), (13.0, 15.0), (15.0, 18.0)]
    assert windows_of([(0.0, 6.0)], USUAL) == (Window(0.0, 6.0, (0.0, 6.0)),)
    assert len(windows_of([(0.0, 6.1)], USUAL)) > 1


def test_short_speech_joins_the_nearer_neighbour():
    assert joined([(0.0, 2.0), (2.9, 3.3), (3.8, 5.0)], USUAL) == ((0.0, 2.0), (2.9, 5.0))
    assert joined([(0.0, 0.4), (0.8, 1.0)], USUAL) == ((0.0, 1.0),)
    alone = ((0.0, 0.5), (3.0, 6.9))
    assert joined(alone, USUAL) == alone  # the pause is too long
    full = ((0.0, 0.5), (1.0, 4.9))
    assert joined(full, USUAL) == full  # together longer than a window
    assert joined((), USUAL) == ()


def test_settings_out_of_range_are_named():
    with pytest.raises(ConfigError, match=r"overlap = 1"):
        build(TimelineSettings, {"overlap": 1.0})
    assert USUAL.window == 4.0
