"""The verb that measures systems on corpora, all in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, table
from affexion_core.commands._requests import device_option, seed_option

if TYPE_CHECKING:
    from affexion_core.benchmarking import Benchmark, Case, Row


@click.command()
@click.option(
    "--corpora", multiple=True, required=True, metavar="NAME[:FOLDS],…", help="Datasets to measure on (comma, repeat)."
)
@click.option(
    "--systems",
    multiple=True,
    default=("linear,svm-functionals,logreg-functionals,affexion-poster,affexion-next",),
    show_default=True,
    metavar="PRESET,…",
    help="Presets to measure (comma, repeat).",
)
@click.option("--folds", "n_folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds by speaker.")
@click.option("--across", is_flag=True, help="Also train on each corpus and measure on each other, on shared labels.")
@click.option(
    "--min-clips", type=click.IntRange(min=2), default=10, show_default=True, help="Clips a label needs to take part."
)
@click.option("--again", is_flag=True, help="Measure anew what was measured before.")
@seed_option
@device_option
@common_options
def benchmark(
    corpora: tuple[str, ...],
    systems: tuple[str, ...],
    n_folds: int,
    across: bool,
    min_clips: int,
    again: bool,
    seed: int,
    device: str,
) -> None:
    """Measure systems on corpora, on speakers they haven't heard, beside the figures of the field."""
    from affexion_core.benchmarking import BenchmarkRequest, corpora_of, run_benchmark, systems_of

    request = BenchmarkRequest(
        systems_of(systems), corpora_of(corpora), n_folds, across, min_clips, seed, device, again
    )
    with progress_bar() as progress:
        measured = run_benchmark(store(), request, progress)
    emit(benchmark_json(measured), benchmark_text(measured))


def benchmark_json(measured: Benchmark) -> dict[str, Any]:
    """Give cases, rows and the figures of others, JSON-ready."""
    from dataclasses import asdict

    return {
        "cases": [_case_json(case) for case in measured.cases],
        "rows": [_row_json(row) for row in measured.rows],
        "field": [asdict(figure) for figure in measured.field],
    }


def _case_json(case: Case) -> dict[str, Any]:
    measured = case.test.dataset if case.test else case.train
    labels = sorted({item.label for item in case.train.items})
    return {
        "case": case.name,
        "corpus": case.corpus,
        "protocol": case.note,
        "folds": case.n_folds,
        "labels": labels,
        "chance": 1 / len(labels),
        "n": len(measured.items),
        "speakers": len({item.clip.speaker for item in measured.items if item.clip.speaker is not None}),
        "label_map": case.test.label_map.name if case.test and case.test.label_map else None,
        "left_out": case.left_out,
    }


def _row_json(row: Row) -> dict[str, Any]:
    from affexion_core.evaluation.scores import scores_to_json

    values: dict[str, Any] = {"case": row.case, "system": row.system, "run": row.run, "split": row.stamp}
    if row.scores is None:
        return {**values, "n": 0, "uar": None, "accuracy": None, "reason": row.reason}
    scores = scores_to_json(row.scores)
    return {**values, "n": scores["n"], "uar": scores["uar"], "accuracy": scores["accuracy"], "reason": None}


def benchmark_text(measured: Benchmark) -> str:
    """Write a table for each case, with what others report under it."""
    return "\n\n".join(_case_text(case, measured) for case in measured.cases)


def _case_text(case: Case, measured: Benchmark) -> str:
    from affexion_core.commands._figures import percent

    known = _case_json(case)
    left_out = "; left out: " + ", ".join(f"{k} {n}" for k, n in case.left_out.items()) if case.left_out else ""
    chance = f"{len(known['labels'])} labels, chance {100 * known['chance']:.0f} %"
    lines = [f"{case.name}: {case.note}, {chance}{left_out}"]
    rows: list[dict[str, object]] = []
    for row in measured.rows:
        if row.case == case.name:
            uar = percent(row.scores.uar) if row.scores else f"not measured: {row.reason}"
            accuracy = percent(row.scores.accuracy) if row.scores else None
            rows.append({"system": row.system, "UAR": uar, "accuracy": accuracy, "split": row.stamp})
    for figure in measured.field if case.test is None else ():
        if figure.corpus == case.corpus:
            value = f"{100 * figure.value:.0f} %" + ("" if figure.what == "UAR" else f" ({figure.what})")
            rows.append({"system": f"others: {figure.system}", "UAR": value, "split": figure.protocol})
    return "\n".join([*lines, table(rows, ["system", "UAR", "accuracy", "split"], "Nothing was measured.")])


COMMANDS = (benchmark,)
