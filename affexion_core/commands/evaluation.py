"""Verbs that look closer at a measured run: figures by group, and calibrated probabilities."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, table

if TYPE_CHECKING:
    from affexion_core.evaluation.calibration import Calibration
    from affexion_core.evaluation.groups import GroupReport


@click.command()
@click.argument("run")
@click.option("--on", required=True, metavar="NAME", help="What the run was measured on: a test set, cv or train.")
@click.option("--by", multiple=True, required=True, metavar="NAME", help="A grouping, or auto:7 (repeat).")
@click.option("--permutations", type=click.IntRange(min=99), default=1000, show_default=True, help="Of the test.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the test, and of automatic groups.")
@common_options
def groups(run: str, on: str, by: tuple[str, ...], permutations: int, seed: int) -> None:
    """Measure RUN group by group, and test whether the groups differ more than chance."""
    from affexion_core.evaluation.by_group import measure_groups
    from affexion_core.evaluation.groups import holm
    from affexion_core.store.runs import get_run

    opened = store()
    found = get_run(opened, run)
    with progress_bar() as progress:
        reports = measure_groups(opened, found, on, by, permutations, seed, progress)
    corrected = holm([report.test.p for report in reports])
    values = [_report_json(report, p) for report, p in zip(reports, corrected, strict=True)]
    texts = [_report_text(report, p) for report, p in zip(reports, corrected, strict=True)]
    emit({"run": found.id, "on": on, "groupings": values}, "\n\n".join(texts))


def _report_json(report: GroupReport, corrected: float | None) -> dict[str, Any]:
    rows = [{**asdict(group), "too_small": group.too_small} for group in report.groups]
    return {"by": report.by, "n": report.n, "groups": rows, "test": {**asdict(report.test), "p_holm": corrected}}


def _report_text(report: GroupReport, corrected: float | None) -> str:
    from affexion_core.commands._figures import percent

    rows = [
        {
            report.by: group.name,
            "accuracy": percent(group.accuracy),
            "UAR": percent(group.uar),
            "note": "too few clips to say" if group.too_small else "",
        }
        for group in report.groups
    ]
    test = report.test
    if test.p is None:
        words = f"Not tested: {test.method}."
    else:
        words = f"Groups differ by chance alone at least this much with p = {test.p:.3f}"
        words += f" ({corrected:.3f} corrected for all groupings asked)" if corrected != test.p else ""
        words += f"; {test.n_permutations} permutations, {test.method}."
    return "\n".join([table(rows, [report.by, "accuracy", "UAR", "note"], "No clips."), words])


@click.command()
@click.argument("run")
@click.option("--accuracy", type=float, metavar="SHARE", help="Answer while this share of answers is right (0 to 1).")
@click.option("--coverage", type=float, metavar="SHARE", help="Or answer this share of clips (default: 0.8).")
@common_options
def calibrate(run: str, accuracy: float | None, coverage: float | None) -> None:
    """Fit RUN's temperature and its threshold for "unsure" on training clips held out from it, and keep them."""
    from affexion_core.evaluation.calibration import fit_calibration, write_calibration
    from affexion_core.store.runs import get_run

    opened = store()
    found = get_run(opened, run)
    calibration = fit_calibration(found, opened, accuracy, coverage)
    write_calibration(Path(found.folder), calibration)
    emit({"run": found.id, **asdict(calibration)}, _calibration_text(calibration))


def _calibration_text(found: Calibration) -> str:
    return "\n".join(
        [
            f"temperature    {found.temperature:.3f}",
            f"unsure below   {100 * found.unsure_below:.1f} % (chosen so that {found.rule})",
            f"there          {100 * found.coverage:.0f} % answered, {100 * (found.accuracy or 0):.0f} % of these right",
            f"log loss       {found.nll_before:.4f} before, {found.nll_after:.4f} after",
            f"fitted on      {found.n} clips, {found.source}",
        ]
    )


COMMANDS = (groups, calibrate)
