"""Figures over draws, with intervals that know that the draws answered the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affexion_core.evaluation.intervals import bootstrap, percentile_limits, sampling_units
from affexion_core.evaluation.metrics import label_indices, macro_figures, score
from affexion_core.evaluation.paired import compare
from affexion_core.evaluation.scores import Estimate, Scores, estimate_from_json
from affexion_core.types import Clip

# The answers of one draw: predicted label by clip id.
Draw = Mapping[str, str]


@dataclass(frozen=True)
class Figures:
    """Accuracy and UAR, the mean over draws; ``accuracies`` and ``uars`` are those of each draw, None if undefined.

    The intervals draw speakers (clips where none are known), each with its answers in all draws, so that ``n`` counts
    clips, not answers. They say nothing of other draws: that is what the single figures show.
    """

    accuracy: Estimate
    uar: Estimate
    accuracies: tuple[float | None, ...]
    uars: tuple[float | None, ...]


@dataclass(frozen=True)
class Effect:
    """What changes from one thing to another on the same clips and draws: accuracy and UAR, in [-1, 1].

    Positive where the first is better; ``accuracies`` and ``uars`` are the changes draw by draw.
    """

    accuracy: Estimate
    uar: Estimate
    accuracies: tuple[float | None, ...]
    uars: tuple[float | None, ...]

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` where the interval of the UAR leaves out 0, else ``open``."""
        low, high = self.uar.low, self.uar.high
        if low is None or high is None or low <= 0 <= high:
            return "open"
        return "better" if low > 0 else "worse"


def figures_over(draws: Sequence[Draw], reference: Draw, clips: Mapping[str, Clip], labels: Sequence[str]) -> Figures:
    """Mean figures of draws that all answered the clips of ``reference`` (label by clip id)."""
    ids = sorted(reference)
    n_labels, truth = len(labels), label_indices([reference[id] for id in ids], labels, "reference")
    cells = np.concatenate(
        [truth * n_labels + label_indices([draw[id] for id in ids], labels, "predicted") for draw in draws]
    )
    patterns, counts, method = sampling_units(cells, n_labels**2, units(ids, clips) * len(draws))
    values = _both((counts @ patterns)[None], n_labels)[0]
    samples = bootstrap(patterns, counts, lambda tables: _both(tables, n_labels), 1000, 0)
    singles = [_scores(draw, reference, ids, clips, labels) for draw in draws]
    found: list[Estimate] = []
    for place, name in enumerate(("accuracy", "uar")):
        limits = percentile_limits(samples[:, place], float(values[place]))
        # where all resamples agree, one draw has an interval all the same
        alike: Estimate = getattr(singles[0], name)
        found.append(
            Estimate(float(values[place]), *limits, len(ids), method)
            if limits
            else replace(alike, value=float(values[place]))
        )
    return Figures(found[0], found[1], tuple(s.accuracy.value for s in singles), tuple(s.uar.value for s in singles))


def _both(tables: np.ndarray, n_labels: int) -> np.ndarray:
    """Accuracy and UAR of confusion matrices row by row, ``(n, 2)``."""
    confusion = tables.reshape(len(tables), n_labels, n_labels)
    accuracy = np.trace(confusion, axis1=1, axis2=2) / confusion.sum(axis=(1, 2))
    return np.stack([accuracy, macro_figures(tables, n_labels)[:, 0]], axis=1)


def _scores(
    draw: Draw, reference: Draw, ids: Sequence[str], clips: Mapping[str, Clip], labels: Sequence[str]
) -> Scores:
    return score(
        [reference[id] for id in ids],
        [draw[id] for id in ids],
        labels,
        [clips[id].speaker for id in ids],
        n_resamples=1000 if draw else 1,
    )


def effect_of(
    with_it: Sequence[Draw], without: Sequence[Draw], reference: Draw, clips: Mapping[str, Clip], labels: Sequence[str]
) -> Effect:
    """Compare draws in pairs on the clips of ``reference``: those with a change against those without."""
    ids, n = sorted(reference), min(len(with_it), len(without))
    truth = [reference[id] for id in ids]

    def compared(a: Sequence[Draw], b: Sequence[Draw], n_resamples: int) -> Any:
        mine, theirs = ([draw[id] for draw in draws for id in ids] for draws in (a, b))
        return compare(truth * len(a), mine, theirs, labels, units(ids, clips) * len(a), n_resamples)

    whole = compared(with_it[:n], without[:n], 1000)
    single = [compared(with_it[d : d + 1], without[d : d + 1], 1) for d in range(n)]
    return Effect(
        replace(whole.accuracy_difference, n=len(ids)),
        replace(whole.uar_difference, n=len(ids)),
        tuple(found.accuracy_difference.value for found in single),
        tuple(found.uar_difference.value for found in single),
    )


def units(ids: Sequence[str], clips: Mapping[str, Clip]) -> list[str]:
    """Name what a resample draws whole: a clip's speaker where two or more are known, else the clip."""
    speakers = [clips[id].speaker for id in ids]
    if len(set(speakers) - {None}) < 2:
        return list(ids)
    return [speaker or id for speaker, id in zip(speakers, ids, strict=True)]


def effect_from_json(values: Mapping[str, Any] | None) -> Effect | None:
    """Read an effect back; None stays None."""
    return None if values is None else Effect(**_read(values))


def figures_from_json(values: Mapping[str, Any] | None) -> Figures | None:
    """Read figures back; None stays None."""
    return None if values is None else Figures(**_read(values))


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    estimates = {name: estimate_from_json(values[name]) for name in ("accuracy", "uar")}
    return {**estimates, **{name: tuple(values[name]) for name in ("accuracies", "uars")}}
