"""Learning curve: loss and accuracy per epoch, training and dev side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from affexion_core.plots.theme import SURFACES, Mode, add_reference, percent, template

_PARTS = (("train", "training", "solid"), ("dev", "dev", "dash"))


def plot_learning(
    history: Sequence[Mapping[str, float]], n_labels: int | None = None, mode: Mode = "light"
) -> go.Figure:
    """Draw loss (mean cross-entropy in nats) and accuracy over epochs; CCC instead where no labels are learned.

    Parameters
    ----------
    history
        Rows with ``epoch`` (from 1), ``train_loss``, ``train_accuracy`` and, where a dev part was kept, ``dev_loss``
        and ``dev_accuracy``. Without labels ``dev_ccc`` (and ``train_ccc``, of a model fitted in one step).
    n_labels
        Number of labels, to draw chance; None for no such line.
    mode
        Light or dark.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    figure.update_layout(template=template(mode), meta={"alt": _alt(history)}, height=420)
    second = "accuracy" if not history or "train_accuracy" in history[-1] else "ccc"
    for row, metric in ((1, "loss"), (2, second)):
        for part, words, dash in _PARTS:
            _add_line(figure, history, f"{part}_{metric}", words, dash, row, mode)
    last = max((int(entry["epoch"]) for entry in history), default=1)
    figure.update_yaxes(title="loss (nats)" if second == "accuracy" else "loss", rangemode="tozero", row=1, col=1)
    if second == "accuracy":
        figure.update_yaxes(
            title="accuracy", range=[0, 1.02], tickvals=[0, 0.5, 1], ticktext=["0 %", "50 %", "100 %"], row=2, col=1
        )
    else:
        figure.update_yaxes(title="CCC (mean)", range=[min(0.0, _least(history)) - 0.02, 1.02], row=2, col=1)
    figure.update_xaxes(range=[0.8, last + 0.2], dtick=max(1, round(last / 10)), showgrid=False)
    figure.update_xaxes(title="epoch", row=2, col=1)
    if n_labels is not None and n_labels > 1 and second == "accuracy":
        add_reference(figure, mode, 1 / n_labels, "chance", "y", row=2, col=1, annotation_position="bottom right")
    figure.update_layout(margin={"l": 8, "r": 72, "t": 12, "b": 8}, hovermode="x unified")
    return figure


def _least(history: Sequence[Mapping[str, float]]) -> float:
    return min((row[name] for row in history for name in ("train_ccc", "dev_ccc") if name in row), default=0.0)


def _add_line(
    figure: go.Figure,
    history: Sequence[Mapping[str, float]],
    field: str,
    words: str,
    dash: str,
    row: int,
    mode: Mode,
) -> None:
    points = [(entry["epoch"], entry[field]) for entry in history if entry.get(field) is not None]
    if not points:
        return
    surface = SURFACES[mode]
    colour = surface.mark if dash == "solid" else "#D55E00"
    epochs, values = zip(*points, strict=True)
    value_format = "%{y:.1%}" if field.endswith("accuracy") else "%{y:.3f}"
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="lines+markers",
        name=words,
        line={"color": colour, "dash": dash, "width": 2},
        marker={"size": 5, "symbol": "circle" if dash == "solid" else "circle-open"},
        hovertemplate=value_format,
        row=row,
        col=1,
    )
    figure.add_annotation(
        x=epochs[-1],
        y=values[-1],
        text=words,
        showarrow=False,
        xanchor="left",
        xshift=8,
        font={"color": colour, "size": 13},
        row=row,
        col=1,
    )


def _alt(history: Sequence[Mapping[str, float]]) -> str:
    if not history:
        return "Learning curve without epochs."
    first, last = history[0], history[-1]
    text = f"Learning curve over {len(history)} epochs: training loss from {first['train_loss']:.2f} to "
    text += f"{last['train_loss']:.2f}"
    if "train_accuracy" in last:
        text += f", training accuracy from {percent(first.get('train_accuracy'))} to {percent(last['train_accuracy'])}"
    if last.get("dev_ccc") is not None:
        text += f"; dev CCC at the end {last['dev_ccc']:.2f}"
    if last.get("dev_accuracy") is not None:
        text += f"; dev accuracy at the end {percent(last['dev_accuracy'])}"
    return text + "."
