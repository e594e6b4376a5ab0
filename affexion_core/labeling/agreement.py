"""All figures of how far raters agree, in one report, and how it is written to JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from affexion_core.errors import LabelError
from affexion_core.evaluation.scores import Estimate
from affexion_core.labeling.alpha import krippendorff_alpha
from affexion_core.labeling.kappa import LabelAgreement, fleiss_kappa, per_label
from affexion_core.labeling.mixups import MixUp, mix_ups
from affexion_core.labeling.pairs import PairwiseKappa, pairwise_kappa
from affexion_core.labeling.ratings import Ratings


@dataclass(frozen=True)
class AgreementReport:
    """How far raters agree on labels, and on numbers such as valence.

    ``clips``, ``raters`` and ``annotations`` count what was judged, by whom, and the judgements of labels and numbers
    together (a slot of anonymous votes counts as a rater). ``dimensions`` holds interval α by name. Every figure has a
    95 % interval, or the reason why it is undefined.
    """

    clips: int
    raters: int
    annotations: int
    alpha_nominal: Estimate
    fleiss_kappa: Estimate
    pairwise_kappa: PairwiseKappa
    per_label: tuple[LabelAgreement, ...]
    mix_ups: tuple[MixUp, ...]
    dimensions: Mapping[str, Estimate] = field(default_factory=dict)


def agreement_report(
    ratings: Ratings, numeric: Mapping[str, Ratings] | None = None, n_resamples: int = 1000, seed: int = 0
) -> AgreementReport:
    """Compute every figure of agreement.

    Parameters
    ----------
    ratings
        Judgements by labels; may be empty where only numbers were given.
    numeric
        Judgements by numbers, by the name of their dimension.
    n_resamples, seed
        Of the bootstraps.

    Raises
    ------
    LabelError
        If labels and numbers are swapped.
    """
    dimensions = dict(numeric or {})
    if ratings.numeric and len(ratings.values):
        raise LabelError("The first table of an agreement report holds labels; give numbers by their dimension's name.")
    for name, table in dimensions.items():
        if not table.numeric:
            raise LabelError(f"The dimension {name!r} holds labels; give numbers.")
    tables = [ratings, *dimensions.values()]
    return AgreementReport(
        clips=len({clip for table in tables for clip in table.clip_ids}),
        raters=len({rater for table in tables for rater in table.raters}),
        annotations=sum(len(table.values) for table in tables),
        alpha_nominal=krippendorff_alpha(ratings, "nominal", n_resamples, seed),
        fleiss_kappa=fleiss_kappa(ratings, n_resamples, seed),
        pairwise_kappa=pairwise_kappa(ratings, n_resamples, seed),
        per_label=per_label(ratings, n_resamples, seed),
        mix_ups=mix_ups(ratings),
        dimensions={
            name: krippendorff_alpha(table, "interval", n_resamples, seed) for name, table in dimensions.items()
        },
    )


def report_to_json(report: AgreementReport) -> dict[str, Any]:
    """Turn a report into JSON-ready values (no NaN).

    Each figure is an object with ``value``, ``low``, ``high``, ``n``, ``method`` and ``reason``: the first three are
    null where it is undefined, ``reason`` where it is not. ``pairwise_kappa`` is the mean's figure with ``pairs``, one
    figure each with ``raters``; ``per_label`` maps a label to α's figure with ``votes`` and ``fleiss_kappa``.
    """
    return {
        "clips": report.clips,
        "raters": report.raters,
        "annotations": report.annotations,
        "alpha_nominal": dataclasses.asdict(report.alpha_nominal),
        "fleiss_kappa": dataclasses.asdict(report.fleiss_kappa),
        "pairwise_kappa": {
            **dataclasses.asdict(report.pairwise_kappa.mean),
            "pairs": [
                {"raters": list(pair.raters), **dataclasses.asdict(pair.kappa)} for pair in report.pairwise_kappa.pairs
            ],
        },
        "per_label": {
            item.label: {
                **dataclasses.asdict(item.alpha),
                "votes": item.votes,
                "fleiss_kappa": dataclasses.asdict(item.kappa),
            }
            for item in report.per_label
        },
        "mix_ups": [{**dataclasses.asdict(item), "labels": list(item.labels)} for item in report.mix_ups],
        "dimensions": {name: dataclasses.asdict(figure) for name, figure in report.dimensions.items()},
    }
