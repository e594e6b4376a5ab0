"""The verb that tries values of settings one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, options_for, store, table
from affexion_core.commands._requests import (
    background_option,
    chosen_datasets,
    chosen_recipe,
    label_map_option,
    leaks_option,
    name_option,
    preset_option,
    seed_option,
    set_option,
    test_option,
    train_option,
)
from affexion_core.commands._waiting import say_queued, wait_for
from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.evaluation.folds import FoldSpread
    from affexion_core.training.space import Space
    from affexion_core.training.sweep_result import Difference, Sweep, SweepRow


@click.command()
@preset_option
@click.option(
    "--space", "space_name", required=True, metavar="NAME", help="What to try: a shipped name or a JSON file."
)
@train_option
@test_option
@label_map_option
@leaks_option
@click.option("--folds", "n_folds", type=click.IntRange(min=2), default=3, show_default=True, help="Folds a trial.")
@click.option(
    "--group", metavar="WHAT", help="Kept on one side of each fold: speaker (default), text, generator, none."
)
@click.option(
    "--sampler",
    type=click.Choice(["grid", "tpe"]),
    default="grid",
    show_default=True,
    help="All combinations, or what looks best so far.",
)
@click.option("--trials", "n_trials", type=int, metavar="N", help="How many trials tpe makes (default 20).")
@click.option("--select-on-test", is_flag=True, help="Choose the best by the test set; every figure is stamped.")
@set_option
@seed_option
@name_option
@background_option
@common_options
def sweep(
    preset: str,
    space_name: str,
    train_name: str,
    test_name: str | None,
    label_map: str | None,
    allow_leaks: bool,
    n_folds: int,
    group: str | None,
    sampler: Any,
    n_trials: int | None,
    select_on_test: bool,
    settings: tuple[str, ...],
    seed: int,
    name: str | None,
    background: bool,
) -> None:
    """Try the values of a space, each on the same folds; with --test, measure each on another dataset."""
    from affexion_core.jobs.engine import ensure_engine
    from affexion_core.jobs.submit import job_folder, submit_sweep
    from affexion_core.training.space import load_space
    from affexion_core.training.sweep import SweepRequest, read_plan

    opened = store()
    space = load_space(space_name)
    _check_settings(space, settings)
    recipe = chosen_recipe(preset, settings, seed, crossval=False)
    dataset, test = chosen_datasets(opened, train_name, test_name, label_map, allow_leaks)
    request = SweepRequest(
        recipe, dataset, space, test, sampler, n_trials, n_folds, group, select_on_test=select_on_test, name=name
    )
    job = submit_sweep(opened, request)
    reason = read_plan(job_folder(opened, job)).group_reason
    if reason:
        click.echo(f"Note: {reason} {options_for(('n_folds', 'group'))}", err=True)
    ensure_engine(opened.workspace)
    if background:
        say_queued(job)
        return
    wait_for(opened, job, "sweep")
    show_sweep(job_folder(opened, job))


def _check_settings(space: Space, settings: tuple[str, ...]) -> None:
    """Refuse to set what is to be tried: the one would be lost in the other."""
    both = {pair.partition("=")[0].strip() for pair in settings} & set(space.parameters)
    if both:
        raise ConfigError(f"{min(both)} is set and tried by the space {space.name!r}; leave --set {min(both)} away.")


def show_sweep(folder: Any) -> None:
    """Print what a sweep has come to so far."""
    from affexion_core.training.sweep_result import read_sweep

    found = read_sweep(folder)
    emit(sweep_json(found), sweep_text(found))


def sweep_json(found: Sweep) -> dict[str, Any]:
    """Give a sweep JSON-ready: what was tried and a row a trial."""
    from affexion_core.training.space import plain_value

    plan = found.plan
    return {
        "run": found.run.id,
        "kind": found.run.kind,
        "name": found.run.name,
        "preset": found.run.preset,
        "space": found.space.name,
        "parameters": list(found.space.parameters),
        "source": found.space.source,
        "note": found.space.note,
        "train": found.run.train_dataset,
        "test": found.run.test_dataset,
        "sampler": plan.sampler,
        "n_trials": plan.n_trials,
        "folds": len(plan.folds),
        "group": plan.group,
        "selected_on": found.selected_on,
        "stamp": found.stamp,
        "finished": found.run.finished,
        "best": plain_value(dict(found.row(found.best).values)) if found.best is not None else None,
        "rows": [_row_json(found, row) for row in found.rows],
        "differences": [_difference_json(difference) for difference in found.differences],
    }


def _row_json(found: Sweep, row: SweepRow) -> dict[str, Any]:
    from dataclasses import asdict

    cv = {"uar": _spread_json(row.uar), "accuracy": _spread_json(row.accuracy), "split": row.cv_stamp}
    test = None
    if row.test:
        figures = {"uar": asdict(row.test.uar), "accuracy": asdict(row.test.accuracy)}
        test = {"n": row.test.n, **figures, "split": row.test_stamp}
    against = found.against_best(row.number)
    return {
        "trial": row.number,
        "run": row.run_id,
        "values": dict(row.values),
        "state": row.state,
        "reason": row.reason,
        "best": row.number == found.best,
        "cv": cv if row.uar else None,
        "test": test,
        "reported": asdict(row.reported) if row.reported else None,
        "best_against_this": _difference_json(against) if against else None,
    }


def _spread_json(spread: FoldSpread | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return {**asdict(spread), "values": list(spread.values)} if spread else None


def _difference_json(found: Difference) -> dict[str, Any]:
    from dataclasses import asdict

    return {"a": found.a, "b": found.b, "on": found.part, **asdict(found.comparison), "adjusted_p": found.adjusted_p}


def sweep_text(found: Sweep) -> str:
    """Write a sweep for people: a table with a line a trial, and what to make of it."""
    from affexion_core.training.space import said

    plan, run = found.plan, found.run
    first = f"Sweep {run.id} ({run.preset}, {found.space.name}): {len(plan.folds)} folds of {run.train_dataset}"
    lines = [
        first + (f", measured on {run.test_dataset}" if run.test_dataset else ""),
        *([f"{found.stamp}: the best was chosen by the test set, so its figures there flatter it"]
          if found.stamp else []),
        "",
        table([_row_text(found, row) for row in found.rows], _columns(found), "No trial yet."),
        "",
    ]  # fmt: skip
    if found.best is not None:
        by = "UAR on the test set" if found.stamp else "mean UAR over the folds"
        lines.append(f"best by {by}: {said(found.row(found.best).values)}")
    if found.rows:
        lines.append(f"trial N is the run trialN-{run.id}")
    if found.differences:
        on = "test clips" if found.differences[0].part == "test" else "held-out clips"
        lines.append(f"p: paired test against the best on the same {on}, raised for the number of pairs; ")
        lines[-1] += "above 0.05 the difference may be noise"
    return "\n".join([*lines, *([f"note: {found.space.note}"] if found.space.note else [])])


def _columns(found: Sweep) -> list[str]:
    test = ["test accuracy", "test UAR"] if found.run.test_dataset else []
    reported = ["reported"] if any(row.reported for row in found.rows) else []
    stamp = ["stamp"] if found.stamp else []
    last = [] if found.run.finished and all(row.state == "done" for row in found.rows) else ["state"]
    return ["trial", "values", "UAR (folds)", "accuracy (folds)", *test, *reported, "p", *stamp, *last]


def _row_text(found: Sweep, row: SweepRow) -> dict[str, str | None]:
    from affexion_core.commands._figures import percent
    from affexion_core.training.space import said

    against = found.against_best(row.number)
    return {
        "trial": str(row.number),
        "values": said(row.values),
        "UAR (folds)": _spread_text(row.uar),
        "accuracy (folds)": _spread_text(row.accuracy),
        "test accuracy": percent(row.test.accuracy) if row.test else None,
        "test UAR": percent(row.test.uar) if row.test else None,
        "reported": _reported_text(row),
        "p": "best" if row.number == found.best else f"{against.adjusted_p:.2g}" if against else None,
        "stamp": found.stamp,
        "state": f"{row.state}: {row.reason}" if row.reason else row.state,
    }


def _spread_text(spread: FoldSpread | None) -> str | None:
    if spread is None or spread.mean is None or spread.low is None or spread.high is None:
        return None
    return f"{100 * spread.mean:.0f} % ({100 * spread.low:.0f}–{100 * spread.high:.0f})"


def _reported_text(row: SweepRow) -> str | None:
    if row.reported is None:
        return None
    figures = [f"{figure['accuracy']:g} % {where}" for where, figure in row.reported.figures.items()]
    return "; ".join([*figures, *([row.reported.remark] if row.reported.remark else [])])


COMMANDS = (sweep,)
