"""The segments of a recording along time: colour and row say the label, height how probable it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from affexion_core.plots.theme import SURFACES, Mode, label_colour, new_figure

if TYPE_CHECKING:
    from affexion_core.timeline.recognising import Segment


def plot_timeline(
    segments: Sequence[Segment], labels: Sequence[str], mode: Mode, start: float, end: float
) -> go.Figure:
    """Draw segments between ``start`` and ``end`` (s): a lane for each label, bars as high as the label is probable.

    Unsure ones are hatched. A point's ``customdata`` is the segment's place in ``segments``.
    """
    unsure = sum(segment.unsure for segment in segments)
    counts = ", ".join(f"{label} {sum(s.label == label for s in segments)}" for label in labels)
    alt = f"Timeline from {start:.0f} to {end:.0f} s: {len(segments)} segments ({counts}), {unsure} unsure."
    figure = new_figure(mode, alt, height=60 + (46 if len(labels) <= 4 else 32) * len(labels), barmode="overlay")
    for lane, label in enumerate(reversed(labels)):
        own = [(place, segment) for place, segment in enumerate(segments) if segment.label == label]
        figure.add_trace(
            go.Bar(
                x=[(segment.start + segment.end) / 2 for _, segment in own],
                width=[segment.end - segment.start for _, segment in own],
                y=[0.9 * segment.prob for _, segment in own],
                base=lane,
                customdata=[[place, segment.prob * 100, segment.start, segment.end] for place, segment in own],
                marker={
                    "color": label_colour(label),
                    "line": {"color": SURFACES[mode].background, "width": 1},
                    "pattern": {
                        "shape": ["/" if segment.unsure else "" for _, segment in own],
                        # over the label's colour: in its place, which is plotly's default, the bar would be gone
                        "fillmode": "overlay",
                        "fgcolor": SURFACES[mode].background,
                        "size": 6,
                        "solidity": 0.35,
                    },
                },
                hovertemplate=f"{label} %{{customdata[1]:.0f}} %<br>"
                "%{customdata[2]:.1f}–%{customdata[3]:.1f} s<extra></extra>",
                name=label,
            )
        )
    figure.update_xaxes(title_text="seconds", range=[start, end])
    figure.update_yaxes(
        tickvals=[lane + 0.4 for lane in range(len(labels))],
        ticktext=list(reversed(labels)),
        range=[-0.05, len(labels)],
        showgrid=False,
    )
    return figure
