"""Learning curves of several runs or folds over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from affexion_core.plots.theme import Mode, percent, template

History = Sequence[Mapping[str, float]]

# Tones of Tol's "muted" and "light" schemes that no label has, and a marker of its own for each.
_TONES: Mapping[Mode, tuple[str, ...]] = {
    "light": ("#332288", "#117733", "#882255", "#42627E", "#7A5C00", "#007B82", "#A0522D"),
    "dark": ("#A99BFF", "#66CC88", "#EE88AA", "#8FB3D1", "#E2C04F", "#5CC8D0", "#E0A080"),
}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "pentagon")
# Names at the ends of lines keep this share of the axis between them.
_ROOM = 0.085
# Longer curves are drawn without a mark at each epoch.
_MARKED = 25


def plot_curves(curves: Mapping[str, History], mode: Mode = "light") -> go.Figure:
    """Draw loss and accuracy over epochs, training solid and dev dashed, named at the ends of the lines.

    Where none of them learned labels, CCC stands in the place of accuracy.

    Parameters
    ----------
    curves
        Name -> rows as of `plot_learning`. Seven have a colour of their own; more share them.
    mode
        Light or dark.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    figure.update_layout(template=template(mode), meta={"alt": _alt(curves)}, height=440)
    known = {name: history for name, history in curves.items() if history}
    last = max((int(history[-1]["epoch"]) for history in known.values()), default=1)
    second = "accuracy" if not known or _values(known, "accuracy") else "ccc"
    for metric, row in (("loss", 1), (second, 2)):
        top = max(_values(known, metric), default=1.0) if metric == "loss" else 1.0
        places = _spread(_ends(known, metric), top)
        for number, (name, history) in enumerate(known.items()):
            _add(figure, name, history, number, (metric, row), mode)
            if name in places:
                _name_end(figure, name, int(history[-1]["epoch"]), places[name], number, row, mode)
    figure.update_yaxes(title="loss (nats)" if second == "accuracy" else "loss", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="CCC (mean)", row=2, col=1)
    if second == "accuracy":
        figure.update_yaxes(
            title="accuracy", range=[0, 1.04], tickvals=[0, 0.5, 1], ticktext=["0 %", "50 %", "100 %"], row=2, col=1
        )
    figure.update_xaxes(range=[0.8, last + 0.2], dtick=max(1, round(last / 10)), showgrid=False)
    figure.update_xaxes(title="epoch", row=2, col=1)
    longest = max((len(name) for name in known), default=0)
    figure.update_layout(margin={"l": 8, "r": 24 + min(150, 7 * longest), "t": 12, "b": 8})
    return figure


def _ends(curves: Mapping[str, History], metric: str) -> dict[str, float]:
    """Give where each name's line ends: the training one, else the dev one; names with neither are left out."""
    found = {name: history[-1] for name, history in curves.items()}
    ends = {name: row.get(f"train_{metric}", row.get(f"dev_{metric}")) for name, row in found.items()}
    return {name: value for name, value in ends.items() if value is not None}


def _values(curves: Mapping[str, History], metric: str) -> list[float]:
    parts = (f"train_{metric}", f"dev_{metric}")
    return [row[part] for history in curves.values() for row in history for part in parts if row.get(part) is not None]


def _add(figure: go.Figure, name: str, history: History, number: int, place: tuple[str, int], mode: Mode) -> None:
    metric, row = place
    for part, dash in (("train", "solid"), ("dev", "dash")):
        points = [(entry["epoch"], entry[f"{part}_{metric}"]) for entry in history if entry.get(f"{part}_{metric}")
                  is not None]  # fmt: skip
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        words = "%{y:.1%}" if metric == "accuracy" else "%{y:.3f}"
        symbol = _SYMBOLS[number % len(_SYMBOLS)]
        figure.add_scatter(
            x=epochs,
            y=values,
            mode="lines+markers" if len(points) <= _MARKED else "lines",
            name=f"{name}, {'training' if part == 'train' else 'dev'}",
            line={"color": tone(number, mode), "dash": dash, "width": 2},
            marker={"size": 6, "symbol": symbol if part == "train" else f"{symbol}-open"},
            hovertemplate=f"epoch %{{x}}: {words}",
            row=row,
            col=1,
        )


def _name_end(figure: go.Figure, name: str, epoch: int, y: float, number: int, row: int, mode: Mode) -> None:
    shown = name if len(name) <= 22 else f"{name[:21]}…"
    font = {"color": tone(number, mode), "size": 13}
    figure.add_annotation(
        x=epoch, y=y, text=shown, showarrow=False, xanchor="left", xshift=8, font=font, row=row, col=1
    )


def tone(number: int, mode: Mode) -> str:
    """Colour of the run or fold drawn as ``number`` (from 0)."""
    tones = _TONES[mode]
    return tones[number % len(tones)]


def _spread(ends: Mapping[str, float], top: float) -> dict[str, float]:
    """Move names apart that would stand on each other, up from the lowest, then down again from ``top``."""
    room = top * _ROOM
    ordered = sorted(ends, key=lambda name: ends[name])
    places: dict[str, float] = {}
    free = float("-inf")
    for name in ordered:
        places[name] = max(ends[name], free)
        free = places[name] + room
    free = top
    for name in reversed(ordered):
        places[name] = min(places[name], free)
        free = places[name] - room
    return places


def mean_history(histories: Sequence[History]) -> tuple[dict[str, float], ...]:
    """Average the histories of folds epoch by epoch, over the epochs that all of them have."""
    shared = min((len(history) for history in histories), default=0)
    rows = []
    for index in range(shared):
        names = set.intersection(*(set(history[index]) for history in histories))
        rows.append({name: sum(history[index][name] for history in histories) / len(histories) for name in names})
    return tuple(rows)


def curve_rows(curves: Mapping[str, History]) -> list[dict[str, float | str]]:
    """One row a name and epoch for the data file."""
    columns = sorted({column for history in curves.values() for row in history for column in row} - {"epoch"})
    return [
        {"name": name, "epoch": row["epoch"], **{column: row.get(column, "") for column in columns}}
        for name, history in curves.items()
        for row in history
    ]


def _alt(curves: Mapping[str, History]) -> str:
    parts = [
        f"{name} ends at loss {history[-1]['train_loss']:.2f}"
        + (f", accuracy {percent(history[-1]['train_accuracy'])}" if "train_accuracy" in history[-1] else "")
        for name, history in curves.items()
        if history
    ]
    return "Learning curves: " + ("; ".join(parts) or "none yet") + "."
