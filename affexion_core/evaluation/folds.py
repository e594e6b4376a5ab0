"""How figures spread over the folds of a cross-validation."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from affexion_core.errors import ModelError
from affexion_core.evaluation.scores import Scores

FOLD_METRICS = ("accuracy", "uar", "macro_precision", "macro_f1")


@dataclass(frozen=True)
class FoldSpread:
    """One figure over the folds.

    ``values`` in fold order, None for a fold where the figure is undefined. ``mean``, ``sd`` (divided by folds - 1),
    ``low`` and ``high`` (least and greatest) run over the defined ones; None where there are none, ``sd`` also where
    there is one.
    """

    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    values: tuple[float | None, ...]


# accuracy, uar, macro_precision and macro_f1, each with its spread
FoldSummary = Mapping[str, FoldSpread]


def summarise_folds(scores: Sequence[Scores]) -> FoldSummary:
    """Mean and spread of accuracy, UAR, macro precision and macro F1 over folds.

    Folds count alike whatever their size, as in the paper's "average accuracy" over seven folds.
    """
    return {metric: spread(tuple(getattr(fold, metric).value for fold in scores)) for metric in FOLD_METRICS}


def spread(values: tuple[float | None, ...]) -> FoldSpread:
    """Mean and spread of one figure over folds, given in fold order."""
    defined = [value for value in values if value is not None]
    if not defined:
        return FoldSpread(None, None, None, None, values)
    sd = statistics.stdev(defined) if len(defined) > 1 else None
    return FoldSpread(statistics.fmean(defined), sd, min(defined), max(defined), values)


def fold_summary_to_json(summary: FoldSummary) -> dict[str, Any]:
    """Turn a summary into JSON-ready values."""
    return {metric: {**dataclasses.asdict(spread), "values": list(spread.values)} for metric, spread in summary.items()}


def fold_summary_from_json(values: Mapping[str, Any]) -> FoldSummary:
    """Read a summary back from what `fold_summary_to_json` made; `ModelError` where it has another shape."""
    try:
        return {metric: FoldSpread(**{**item, "values": tuple(item["values"])}) for metric, item in values.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ModelError("The stored figures of the folds can't be read; evaluate the run again.") from error
