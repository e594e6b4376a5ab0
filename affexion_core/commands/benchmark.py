"""The verb that measures systems on corpora, all in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, table
from affexion_core.commands._requests import device_option, seed_option

if TYPE_CHECKING:
    from affexion_core.benchmarking import Benchmark, Case, Row
    from affexion_core.evaluation.listeners import Listeners


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
@click.option(
    "--targets",
    type=click.Choice(["hard", "soft", "dimensions"]),
    default="hard",
    show_default=True,
    help="What every system learns: labels, the shares of votes, or numbers such as arousal.",
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
    targets: Any,
    again: bool,
    seed: int,
    device: str,
) -> None:
    """Measure systems on corpora, on speakers they haven't heard, beside the figures of the field."""
    from affexion_core.benchmarking import BenchmarkRequest, corpora_of, run_benchmark, systems_of

    request = BenchmarkRequest(
        systems_of(systems), corpora_of(corpora), n_folds, across, min_clips, seed, device, again, targets
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
        "listeners": {case: asdict(found) for case, found in measured.listeners.items()},
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
    from dataclasses import asdict

    from affexion_core.evaluation.scores import scores_to_json

    values: dict[str, Any] = {"case": row.case, "system": row.system, "run": row.run, "split": row.stamp}
    if row.dimensions:
        values["dimensions"] = [asdict(each) for each in row.dimensions]
    if row.overlap is not None:
        values["overlap"] = asdict(row.overlap)
    if row.scores is None:
        n = max((each.n for each in row.dimensions), default=0)
        return {**values, "n": n, "uar": None, "accuracy": None, "reason": row.reason}
    scores = scores_to_json(row.scores)
    return {**values, "n": scores["n"], "uar": scores["uar"], "accuracy": scores["accuracy"], "reason": None}


def benchmark_text(measured: Benchmark) -> str:
    """Write a table for each case, with what others report under it."""
    return "\n\n".join(_case_text(case, measured) for case in measured.cases)


def _case_text(case: Case, measured: Benchmark) -> str:
    known = _case_json(case)
    left_out = "; left out: " + ", ".join(f"{k} {n}" for k, n in case.left_out.items()) if case.left_out else ""
    mine = [row for row in measured.rows if row.case == case.name]
    names = list(dict.fromkeys(each.name for row in mine for each in row.dimensions))
    if names:
        columns = ["system", *(f"CCC of {name}" for name in names), "split"]
        lines = [f"{case.name}: {case.note}, a model that always says the same has 0"]
        return "\n".join([*lines, table([_numbers_row(row) for row in mine], columns, "Nothing was measured.")])
    chance = f"{len(known['labels'])} labels, chance {100 * known['chance']:.0f} %"
    rows = [_labels_row(row) for row in mine] + _listeners_rows(measured.listeners.get(case.name))
    for figure in measured.field if case.test is None else ():
        if figure.corpus == case.corpus:
            value = f"{100 * figure.value:.0f} %" + ("" if figure.what == "UAR" else f" ({figure.what})")
            rows.append({"system": f"others: {figure.system}", "UAR": value, "split": figure.protocol})
    beside = ["votes"] if any("votes" in row for row in rows) else []
    lines = [f"{case.name}: {case.note}, {chance}{left_out}"]
    return "\n".join([*lines, table(rows, ["system", "UAR", "accuracy", *beside, "split"], "Nothing was measured.")])


def _labels_row(row: Row) -> dict[str, object]:
    from affexion_core.commands._figures import percent

    uar = percent(row.scores.uar) if row.scores else f"not measured: {row.reason}"
    accuracy = percent(row.scores.accuracy) if row.scores else None
    votes = {} if row.overlap is None else {"votes": percent(row.overlap)}
    return {"system": row.system, "UAR": uar, "accuracy": accuracy, **votes, "split": row.stamp}


def _numbers_row(row: Row) -> dict[str, object]:
    from affexion_core.commands._figures import number

    found = {f"CCC of {each.name}": number(each.ccc) for each in row.dimensions}
    return {"system": row.system, **found, "split": row.stamp or f"not measured: {row.reason}"}


def _listeners_rows(found: Listeners | None) -> list[dict[str, object]]:
    """Write what listeners reach on the same clips."""
    from affexion_core.commands._figures import percent

    if found is None:
        return []
    about = f"{found.n_votes / found.n:.1f} votes a clip among {found.n_choices} labels"
    others: dict[str, object] = {
        "system": "listeners: one vote against the others",
        "accuracy": percent(found.agreement),
        "split": about,
    }
    if found.majority.value is None:  # the labels were made of these votes
        mean: dict[str, object] = {"system": "always the mean of all votes", "votes": percent(found.mean_overlap)}
        return [{**others, "UAR": percent(found.uar)}, mean]
    return [
        {"system": "listeners: one vote", "UAR": percent(found.uar), "split": about},
        {"system": "listeners: their majority", "UAR": percent(found.majority), "split": about},
        others,
    ]


COMMANDS = (benchmark,)
