"""The verb that measures how far synthetic speech carries over to people, and what closes the gap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import common_options, emit, store, table
from affexion_core.commands._requests import (
    background_option,
    chosen_map,
    label_map_option,
    leaks_option,
    name_option,
    seed_option,
    set_option,
)
from affexion_core.commands._waiting import say_queued, wait_for

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.gap.estimate import Estimate as Cost
    from affexion_core.gap.result import ArmRow, Cell, Gap, Point
    from affexion_core.store.session import Store

_GAPS = {
    "gap": "the gap: real → real against synthetic → real",
    "gain": "mixed → real against synthetic → real",
    "beyond": "mixed → real against real → real",
}


@click.command()
@click.option("--synthetic", "synthetic_name", required=True, metavar="DATASET", help="Synthetic clips to learn from.")
@click.option("--real", "real_name", required=True, metavar="DATASET", help="Real clips to measure on.")
@click.option("--preset", default="affexion-poster", show_default=True, metavar="NAME", help="The recipe.")
@click.option("--arms", metavar="NAMES", help="What may close the gap, e.g. noise,room,coral; all; none.")
@click.option("--sizes", default="0,1,2,5,10,20", show_default=True, metavar="NUMBERS",
              help="Real clips of each label to add; none for no curve.")  # fmt: skip
@click.option("--draws", type=int, default=3, show_default=True, help="Draws of a few real clips, and seeds.")
@click.option("--folds", "n_folds", type=int, default=7, show_default=True, help="Folds, at most one a voice.")
@label_map_option
@leaks_option
@set_option
@seed_option
@name_option
@background_option
@common_options
def gap(
    synthetic_name: str,
    real_name: str,
    preset: str,
    arms: str | None,
    sizes: str,
    draws: int,
    n_folds: int,
    label_map: str | None,
    allow_leaks: bool,
    settings: tuple[str, ...],
    seed: int,
    name: str | None,
    background: bool,
) -> None:
    """Measure synthetic against real speech: the four cells, a few real clips, and arms that may close the gap."""
    from affexion_core.commands._requests import chosen_recipe
    from affexion_core.gap.estimate import estimate_gap
    from affexion_core.gap.study import GapRequest, plan_gap
    from affexion_core.jobs.engine import ensure_engine, usual_slots
    from affexion_core.jobs.submit import submit_gap
    from affexion_core.store.datasets import load_dataset

    opened = store()
    request = GapRequest(
        config=chosen_recipe(preset, settings, seed, crossval=False),
        synthetic=load_dataset(opened, synthetic_name),
        real=load_dataset(opened, real_name),
        label_map=chosen_map(label_map),
        allow_leaks=allow_leaks,
        crossval=chosen_recipe(preset, settings, seed, crossval=True),
        arms=_arms(arms),
        sizes=_sizes(sizes),
        draws=draws,
        n_folds=n_folds,
        name=name,
    )
    planned = plan_gap(request)
    for note in planned.plan.notes:
        click.echo(f"Note: {note}", err=True)
    click.echo(cost_text(estimate_gap(opened, planned), usual_slots(opened.workspace)), err=True)
    job = submit_gap(opened, request)
    ensure_engine(opened.workspace)
    if background:
        say_queued(job)
        return
    wait_for(opened, job, "study")
    show_gap(opened, opened.workspace.runs / str(job.run_id))


def _arms(names: str | None) -> tuple[str, ...] | None:
    from affexion_core.gap.arms import NAMES

    if names is None:
        return None
    chosen = tuple(part.strip() for part in names.split(",") if part.strip())
    if chosen == ("all",):
        return NAMES
    return () if chosen == ("none",) else chosen


def _sizes(text: str) -> tuple[int, ...]:
    from affexion_core.errors import ConfigError

    try:
        return () if text.strip() == "none" else tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"{text!r} is no list of numbers such as 0,1,2,5.") from None


def cost_text(cost: Cost, slots: int) -> str:
    """Say what a study will cost."""
    from affexion_core.gap.estimate import minutes_on

    minutes = minutes_on(cost, slots)
    return (
        f"{cost.n_models} models in {cost.n_parts} parts, {cost.n_epochs} epochs in all: about {minutes:.0f} min with "
        f"{slots} at once, going by {cost.basis}; features of new clips and copies come on top."
    )


def show_gap(opened: Store, folder: Path) -> None:
    """Print what a study has come to so far."""
    from affexion_core.gap.result import gap_to_json, read_gap

    found = read_gap(opened, folder)
    run, plan = found.run, found.plan
    head = {"run": run.id, "kind": run.kind, "name": run.name, "preset": run.preset, "finished": run.finished}
    data = {"synthetic": run.train_dataset, "real": run.test_dataset, "split": plan.stamp}
    about = {"labels": list(plan.labels), "draws": plan.draws, "n_models": plan.n_models, "notes": list(plan.notes)}
    emit({**head, **data, **about, **gap_to_json(found)}, gap_text(found))


def gap_text(found: Gap) -> str:
    """Write a study for people: the cells, the curve, the arms, and what they don't show."""
    run = found.run
    lines = [
        f"Study {run.id} ({run.preset}): {run.train_dataset} (synthetic) against {run.test_dataset} (real)",
        f"synthetic against real: {found.plan.stamp}",
        "",
        table([_cell_text(cell) for cell in found.cells], _cell_columns(found), "No cell."),
        "",
        *[f"{words}: UAR {points(found.gaps[name].uar)}" for name, words in _GAPS.items() if name in found.gaps],
    ]
    if found.curve:
        columns = ["real clips a label", "in all", "UAR (mean of draws)", "each draw", "against none"]
        lines += ["", table([_point_text(point) for point in found.curve], columns, "")]
    if found.arms:
        columns = ["arm", "UAR without", "with", "effect", "split"]
        lines += ["", table([_arm_text(row) for row in found.arms], columns, "")]
        lines.append("effects are in pairs on the same clips; of twenty arms that do nothing, one looks as if it did")
    return "\n".join([*lines, *[f"note: {note}" for note in found.plan.notes]])


def _cell_columns(found: Gap) -> list[str]:
    reported = ["reported accuracy"] if any(cell.reported for cell in found.cells) else []
    return ["trained → measured", "accuracy", "UAR", "macro F1", *reported, "split"]


def _cell_text(cell: Cell) -> dict[str, str | None]:
    from affexion_core.commands._figures import percent

    own = cell.scores
    reported = (cell.reported or {}).get("accuracy")
    return {
        "trained → measured": f"{cell.trained} → {cell.measured}",
        "accuracy": percent(own.accuracy) if own else cell.state,
        "UAR": percent(own.uar) if own else None,
        "macro F1": percent(own.macro_f1) if own else None,
        "reported accuracy": f"{reported:g} %" if reported is not None else None,
        "split": cell.stamp,
    }


def _point_text(point: Point) -> dict[str, str | None]:
    from affexion_core.commands._figures import percent

    own = point.figures
    return {
        "real clips a label": str(point.size),
        "in all": str(point.added),
        "UAR (mean of draws)": percent(own.uar) if own else point.state,
        "each draw": ", ".join("–" if uar is None else f"{100 * uar:.0f}" for uar in own.uars) if own else None,
        "against none": points(point.effect.uar) if point.effect else None,
    }


def _arm_text(row: ArmRow) -> dict[str, str | None]:
    from affexion_core.commands._figures import percent

    return {
        "arm": row.arm.title,
        "UAR without": percent(row.without.uar) if row.without else None,
        "with": percent(row.figures.uar) if row.figures else None,
        "effect": points(row.effect.uar) if row.effect else f"{row.state}: {row.reason}" if row.reason else row.state,
        "split": row.stamp,
    }


def points(estimate: Estimate) -> str:
    """Write a difference in percentage points: ``+5 (−2 to +12, n = 52)``."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return f"undefined: {estimate.reason}"
    value, low, high = (
        f"{100 * part:+.0f}".replace("-", "−") for part in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} points ({low} to {high}, n = {estimate.n})"


COMMANDS = (gap,)
