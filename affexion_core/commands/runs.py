"""Verbs that train, measure and show runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, options_for, progress_bar, store, table
from affexion_core.commands._requests import (
    adapt_option,
    also_limit_option,
    also_option,
    background_option,
    chosen_beside,
    chosen_datasets,
    chosen_map,
    chosen_recipe,
    device_option,
    label_map_option,
    leaks_option,
    name_option,
    preset_option,
    seed_option,
    set_option,
    test_option,
    train_option,
)
from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.evaluation.scores import Estimate
    from affexion_core.store.session import Store
    from affexion_core.training.prepare import HeldOut, RunRequest
    from affexion_core.types import Run


@click.command()
@preset_option
@train_option
@test_option
@label_map_option
@leaks_option
@also_option
@also_limit_option
@adapt_option
@set_option
@seed_option
@name_option
@device_option
@background_option
@common_options
def train(
    preset: str,
    train_name: str,
    test_name: str | None,
    label_map: str | None,
    allow_leaks: bool,
    also_train_name: str | None,
    also_limit: int | None,
    adapt_to_name: str | None,
    settings: tuple[str, ...],
    seed: int,
    name: str | None,
    device: str,
    background: bool,
) -> None:
    """Train a model on a dataset; with --test, measure it on another."""
    opened = store()
    recipe = chosen_recipe(preset, settings, seed, crossval=False)
    dataset, test = chosen_datasets(opened, train_name, test_name, label_map, allow_leaks)
    also, target = chosen_beside(opened, also_train_name, also_limit, label_map, adapt_to_name)
    from affexion_core.training.prepare import RunRequest

    request = RunRequest("train", recipe, dataset, test, name=name, device=device, also_train=also, adapt_to=target)
    _carry_out(opened, request, background)


@click.command()
@preset_option
@train_option
@click.option("--folds", "n_folds", type=click.IntRange(min=2), default=7, show_default=True, help="How many folds.")
@click.option(
    "--group", metavar="WHAT", help="Kept on one side of each fold: speaker (default), text, generator, none."
)
@test_option
@label_map_option
@leaks_option
@also_option
@also_limit_option
@adapt_option
@set_option
@seed_option
@name_option
@device_option
@background_option
@common_options
def cv(
    preset: str,
    train_name: str,
    n_folds: int,
    group: str | None,
    test_name: str | None,
    label_map: str | None,
    allow_leaks: bool,
    also_train_name: str | None,
    also_limit: int | None,
    adapt_to_name: str | None,
    settings: tuple[str, ...],
    seed: int,
    name: str | None,
    device: str,
    background: bool,
) -> None:
    """Cross-validate a recipe on a dataset; with --test, measure the fold models on another."""
    from affexion_core.training.splits import choose_grouping

    opened = store()
    recipe = chosen_recipe(preset, settings, seed, crossval=True)
    dataset, test = chosen_datasets(opened, train_name, test_name, label_map, allow_leaks)
    also, target = chosen_beside(opened, also_train_name, also_limit, label_map, adapt_to_name)
    from affexion_core.training.prepare import RunRequest

    reason = choose_grouping(dataset.items, n_folds, group).reason
    if reason:
        click.echo(f"Note: {reason} {options_for(('n_folds', 'group'))}", err=True)
    request = RunRequest("cv", recipe, dataset, test, n_folds, group, name, device, also, target)
    _carry_out(opened, request, background)


def _carry_out(opened: Store, request: RunRequest, background: bool) -> None:
    """Run a request here and print its figures, or queue it and print the job."""
    if background:
        from affexion_core.commands.jobs import job_json
        from affexion_core.jobs.engine import ensure_engine
        from affexion_core.jobs.submit import submit_run

        job = submit_run(opened, request)
        ensure_engine(opened.workspace)
        emit({**job_json(job), "job": job.id}, f"Queued as job {job.id}; `jobs wait {job.id}` waits for it.")
        return
    from affexion_core.training.allocator import keep_freed_memory
    from affexion_core.training.execute import run_here

    keep_freed_memory()
    with progress_bar() as progress:
        run = run_here(opened, request, progress)
    _print_figures(run, "train" if request.kind == "train" else "cv", request.test)


def _print_figures(run: Any, name: str, test: HeldOut | None) -> None:
    """Print a new run's figures; where a test set was named it comes along under ``test``."""
    from affexion_core.commands._figures import figures_json, figures_text
    from affexion_core.evaluation.measuring import evaluation_name
    from affexion_core.run_folder import read_evaluation

    folder = Path(run.folder)
    own = read_evaluation(folder, name)
    if test is None:
        emit(figures_json(run, own), figures_text(run, own))
        return
    on_test = read_evaluation(folder, evaluation_name(test.dataset, test.label_map))
    first, second = (own, on_test) if own.part == "cv" else (on_test, own)
    extra = "test" if second.part == "test" else "on_train"
    values = {**figures_json(run, first), extra: figures_json(run, second)}
    emit(values, f"{figures_text(run, first)}\n\n{figures_text(run, second)}")


@click.command()
@click.argument("run")
@click.option("--on", "on", required=True, metavar="DATASET", help="Dataset to measure on.")
@label_map_option
@leaks_option
@common_options
def evaluate(run: str, on: str, label_map: str | None, allow_leaks: bool) -> None:
    """Measure a trained RUN (id, its beginning, or name) on a dataset."""
    from affexion_core.commands._figures import figures_json, figures_text
    from affexion_core.store.datasets import load_dataset

    opened = store()
    found = _with_a_model(opened, run)
    dataset = load_dataset(opened, on)
    from affexion_core.evaluation.measuring import evaluate as measure

    with progress_bar() as progress:
        evaluation = measure(opened, found, dataset, chosen_map(label_map), allow_leaks, progress)
    emit(figures_json(found, evaluation), figures_text(found, evaluation))


def _with_a_model(opened: Store, key: str) -> Run:
    """Find a run that can predict: a sweep has no model of its own, its trials have."""
    from affexion_core.store.runs import get_run

    found = get_run(opened, key)
    if found.kind == "sweep":
        raise ConfigError(f"Run {found.id} is a sweep; name one of its trials, which `show {found.id}` lists.")
    if found.kind == "gap":
        raise ConfigError(f"Run {found.id} is a gap study, which has no model of its own; name another run.")
    return found


@click.command()
@common_options
def runs() -> None:
    """List the runs, newest first."""
    from affexion_core.store.runs import list_runs

    rows: list[dict[str, Any]] = [
        {
            "run": run.id,
            "name": run.name,
            "kind": run.kind,
            "preset": run.preset,
            "train": run.train_dataset,
            "created": run.created,
            "finished": run.finished,
            "summary": dict(run.summary),
        }
        for run in list_runs(store())
    ]
    shown = [{**row, **_headline(row["summary"])} for row in rows]
    columns = ["run", "kind", "train", "on", "accuracy", *(["CCC"] if any(row["CCC"] for row in shown) else [])]
    emit(rows, table(shown, columns, "No runs yet; start one with `train` or `cv`."))


def _headline(summary: dict[str, Any]) -> dict[str, str | None]:
    from affexion_core.commands._figures import number, percent
    from affexion_core.evaluation.scores import estimate_from_json

    accuracy = estimate_from_json(summary["accuracy"]) if "accuracy" in summary else None
    found = {name: number(estimate_from_json(each)) for name, each in summary.get("ccc", {}).items()}
    return {
        "on": summary.get("on"),
        # a run on dimensions alone has no accuracy, which needs no reason here
        "accuracy": None if accuracy is None or (found and accuracy.value is None) else percent(accuracy),
        "CCC": "; ".join(f"{name} {words}" for name, words in found.items()) or None,
    }


@click.command()
@click.argument("run")
@common_options
def show(run: str) -> None:
    """Show a RUN: its recipe, and every set it was measured on; of a sweep, its table."""
    from affexion_core.commands._figures import figures_json, figures_text
    from affexion_core.run_folder import evaluation_names, read_config, read_evaluation, read_json
    from affexion_core.store.runs import get_run
    from affexion_core.training.device import device_words

    found = get_run(store(), run)
    folder = Path(found.folder)
    if found.kind == "sweep":
        from affexion_core.commands.sweep import show_sweep

        show_sweep(folder)
        return
    if found.kind == "gap":
        from affexion_core.commands.gap import show_gap

        show_gap(store(), folder)
        return
    evaluations = [read_evaluation(folder, name) for name in evaluation_names(folder)]
    values = {
        **read_json(folder / "run.json"),
        "run": found.id,
        "folder": found.folder,
        "device": device_words(folder),
        "config": read_config(folder),
        "evaluations": [figures_json(found, evaluation) for evaluation in evaluations],
    }
    figures = [figures_text(found, evaluation) for evaluation in evaluations] or [f"Run {found.id}"]
    emit(values, "\n\n".join([*figures, f"trained on: {values['device']}"]))


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--on", "on", required=True, metavar="NAME", help="What both were measured on: a test set, cv or train.")
@common_options
def compare(first: str, second: str, on: str) -> None:
    """Compare two runs clip by clip on clips both were measured on, with a paired test."""
    from dataclasses import asdict

    from affexion_core.evaluation.comparing import compare_dimensions, compare_runs
    from affexion_core.store.runs import get_run

    opened = store()
    one, two = get_run(opened, first), get_run(opened, second)
    numbers = compare_dimensions(opened, one, two, on)
    lines = [f"  CCC of {name}, difference: {_difference(estimate)}" for name, estimate in numbers.items()]
    values: dict[str, Any] = {"first": one.id, "second": two.id, "on": on}
    if numbers:
        values["dimensions"] = {name: asdict(estimate) for name, estimate in numbers.items()}
    if numbers and not (one.labels and two.labels):
        emit(values, "\n".join([f"{one.id} against {two.id} on {on}", *lines]))
        return
    found = compare_runs(opened, one, two, on)
    said = [f"{one.id} against {two.id} on {on}, {found.n} clips"]
    for words, estimate in (("accuracy", found.accuracy_difference), ("UAR", found.uar_difference)):
        said.append(f"  {words} difference: {_points(estimate)}")
    only = f"only the first right on {found.only_a_right}, only the second on {found.only_b_right}"
    said.append(f"  {only}; McNemar p = {found.mcnemar_p:.3g}")
    emit({**values, **asdict(found)}, "\n".join([*said, *lines]))


def _difference(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f}, n = {estimate.n})"


@click.command("export-run")
@click.argument("run")
@click.option("--to", "tracker", required=True, metavar="TRACKER", help="mlflow or tensorboard.")
@click.option(
    "--into",
    metavar="PLACE",
    help="A folder (default: below exports/ of the workspace); for mlflow also a server's address.",
)
@common_options
def export_run(run: str, tracker: str, into: str | None) -> None:
    """Export a RUN with its folds or trials to an experiment tracker; again brings it up to date."""
    from affexion_core.discovery import load_plugin
    from affexion_core.store.runs import get_run

    exporter = load_plugin("export_runs", tracker)
    opened = store()
    found = get_run(opened, run)
    from affexion_core.export_runs._run import exported_run

    done = exporter.export(exported_run(found), into or str(opened.workspace.exports / exporter.BESIDE))
    parts = f" with {done.n - 1} parts" if done.n > 1 else ""
    emit(
        {"run": found.id, "to": tracker, "place": done.place, "n": done.n, "look": done.look},
        f"Exported {found.id}{parts} to {exporter.LABEL}: {done.place}\nLook at it with: {done.look}",
    )


def _points(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"undefined: {estimate.reason}"
    low, high = 100 * (estimate.low or 0.0), 100 * (estimate.high or 0.0)
    return f"{100 * estimate.value:+.1f} points ({low:+.1f} to {high:+.1f})"


COMMANDS = (train, cv, evaluate, runs, show, compare, export_run)
