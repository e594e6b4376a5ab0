from affexion_core.plots.theme import label_colour
from affexion_core.plots.timeline import plot_timeline
from affexion_core.timeline.recognising import Segment


def segment(start, end, label, prob, unsure):
    probs = (prob, 1 - prob) if label == "panic" else (1 - prob, prob)
    return Segment(start, end, (start, end), label, probs, unsure)


def test_each_segment_is_a_bar_in_the_lane_of_its_label():
    segments = [
        segment(1, 3, "panic", 0.8, False),
        segment(4, 5, "boredom", 0.6, True),
        segment(6, 9, "panic", 1, True),
    ]
    figure = plot_timeline(segments, ("panic", "boredom"), "light", 0, 10)
    bars = {trace.name: trace for trace in figure.data}
    assert list(bars["panic"].x) == [2, 7.5] and list(bars["panic"].width) == [2, 3] and bars["panic"].base == 1
    assert list(bars["boredom"].x) == [4.5] and bars["boredom"].base == 0
    assert [point[0] for point in bars["panic"].customdata] == [0, 2]
    assert figure.layout.meta["alt"] == "Timeline from 0 to 10 s: 3 segments (panic 2, boredom 1), 2 unsure."


def test_unsure_bars_are_hatched_over_the_colour_of_their_label():
    for mode in ("light", "dark"):
        figure = plot_timeline([segment(4, 5, "boredom", 0.6, True)], ("panic", "boredom"), mode, 0, 10)
        marker = next(trace for trace in figure.data if trace.name == "boredom").marker
        # the hatching has the colour of the page: in the place of the bar's own colour it can't be seen
        assert marker.pattern.shape == ("/",) and marker.pattern.fillmode == "overlay"
        assert marker.color == label_colour("boredom") != marker.pattern.fgcolor
