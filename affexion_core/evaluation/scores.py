"""The figures of one set of predictions, each with its interval, and how they are written to JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from affexion_core.errors import LabelError, ModelError

NO_CLIPS = "no clips"
NO_REFERENCE = "no reference clip"


@dataclass(frozen=True)
class Estimate:
    """One figure with its 95 % interval, or the reason why there is none.

    ``value`` lies in [0, 1] (differences: [-1, 1]) and ``low`` <= ``value`` <= ``high``; all three are None where
    the figure is undefined, and ``reason`` then says why. ``n`` counts the clips that the figure rests on.
    ``method`` says in words how the interval was made.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str
    reason: str | None = None

    def __post_init__(self) -> None:
        figures = (self.value, self.low, self.high)
        if any(figure is None for figure in figures):
            if any(figure is not None for figure in figures) or not self.reason:
                raise LabelError("An undefined estimate has no value and no interval, and gives its reason.")
        elif not all(figure is not None and math.isfinite(figure) for figure in figures):
            raise LabelError(f"An estimate needs finite figures, not {figures}; leave it undefined with a reason.")


def undefined(reason: str, n: int = 0) -> Estimate:
    """Make the estimate of a figure that doesn't exist, with the reason in a few words."""
    return Estimate(None, None, None, n, "undefined", reason)


@dataclass(frozen=True)
class ClassScores:
    """Figures of one label; ``n`` counts its reference clips. All undefined where it has none."""

    label: str
    n: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class Scores:
    """All figures of one set of predictions.

    ``n`` clips by ``n_speakers`` known speakers. Macro figures (``uar`` is the macro recall) are plain means over the
    labels that have reference clips. ``confusion[i][j]`` counts the clips of reference ``labels[i]`` predicted as
    ``labels[j]``.
    """

    n: int
    n_speakers: int
    labels: tuple[str, ...]
    accuracy: Estimate
    uar: Estimate
    macro_precision: Estimate
    macro_f1: Estimate
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """Turn scores into JSON-ready values (no NaN; undefined figures are null with a reason)."""
    plain = dataclasses.asdict(scores)
    plain["labels"] = list(scores.labels)
    plain["per_class"] = list(plain["per_class"])
    plain["confusion"] = [list(row) for row in scores.confusion]
    return plain


def scores_from_json(values: Mapping[str, Any]) -> Scores:
    """Read scores back from what `scores_to_json` made.

    Raises
    ------
    ModelError
        If a field is missing or has another shape.
    """
    try:
        return Scores(
            n=int(values["n"]),
            n_speakers=int(values["n_speakers"]),
            labels=tuple(values["labels"]),
            accuracy=estimate_from_json(values["accuracy"]),
            uar=estimate_from_json(values["uar"]),
            macro_precision=estimate_from_json(values["macro_precision"]),
            macro_f1=estimate_from_json(values["macro_f1"]),
            per_class=tuple(_class_from_json(item) for item in values["per_class"]),
            confusion=tuple(tuple(int(count) for count in row) for row in values["confusion"]),
        )
    except (KeyError, TypeError, ValueError, LabelError) as error:
        raise ModelError(f"The stored figures can't be read ({_what(error)}); evaluate the run again.") from error


def estimate_from_json(values: Mapping[str, Any]) -> Estimate:
    """Read one estimate; a missing or unknown field raises `TypeError`."""
    return Estimate(**values)


def _class_from_json(values: Mapping[str, Any]) -> ClassScores:
    figures = {name: estimate_from_json(values[name]) for name in ("precision", "recall", "f1")}
    return ClassScores(label=values["label"], n=int(values["n"]), **figures)


def _what(error: Exception) -> str:
    return f"field {error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
