"""Verbs that say what tells sets of clips apart, what gives labels away, and what leaks from training to test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._figures import percent
from affexion_core.commands._options import common_options, emit, progress_bar, store, table
from affexion_core.commands.gap import points
from affexion_core.errors import ConfigError

if TYPE_CHECKING:
    from affexion_core.differences.distributions import Distance
    from affexion_core.differences.leaks import LeakReport
    from affexion_core.differences.network import NetworkReport
    from affexion_core.differences.origin import DifferenceReport
    from affexion_core.differences.shortcuts import HeldOutGenerator, ShortcutReport
    from affexion_core.evaluation.scores import Estimate


@click.command()
@click.option("--synthetic", metavar="DATASET", help="One set, usually synthetic.")
@click.option("--real", metavar="DATASET", help="The other set, usually real.")
@click.option("--run", metavar="RUN", help="Also how far this run's network keeps them apart; its sets if none named.")
@click.option("--fold", type=int, help="Ask this fold's network, not the first one's.")
@common_options
def differences(synthetic: str | None, real: str | None, run: str | None, fold: int | None) -> None:
    """Say what differs between two datasets, and how well a probe tells them apart."""
    from affexion_core.differences.kept import differences_between, network_between
    from affexion_core.differences.origin import report_to_json

    opened = store()
    found = None
    if run is not None:
        from affexion_core.differences.network import network_to_json, sets_of
        from affexion_core.store.runs import get_run

        found = get_run(opened, run)
        synthetic, real = sets_of(found, synthetic, real)
    if synthetic is None or real is None:
        raise ConfigError("Name two datasets, or a run that has a test set.", change=("synthetic", "real", "run"))
    network = None
    with progress_bar() as progress:
        report = differences_between(opened, synthetic, real, progress).report
        if found is not None:
            network = network_between(opened, found, synthetic, real, fold, progress).report
    values, text = dict(report_to_json(report)), _differences_text(report)
    if network is not None:
        values["network"] = network_to_json(network)
        text += "\n\n" + _network_text(network)
    emit(values, text)


def _network_text(report: NetworkReport) -> str:
    which = "" if report.fold is None else f", model of fold {report.fold}"
    lines = [f"In the network of run {report.run}{which} ({report.n_dimensions} dimensions):"]
    if report.probe is None or report.a_distance is None:
        lines.append("no probe: a side has fewer than two clips.")
    else:
        lines.append(
            f"a probe tells the two apart with UAR {percent(report.probe.uar)}, chance 50 %; A-distance "
            f"{_estimate(report.a_distance)} of 2; {report.probe.split}."
        )
    lines.append(
        f"It was trained on {report.learned_synthetic} of {report.n_synthetic} clips of {report.synthetic} and "
        f"{report.learned_real} of {report.n_real} of {report.real}; that alone can tell sides apart."
    )
    return "\n".join(lines)


def _estimate(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f}, n = {found.n})"


def _differences_text(report: DifferenceReport) -> str:
    rows: list[dict[str, Any]] = [
        {
            "figure": one.name,
            "distance (sd)": _distance(one.wasserstein),
            "KS": _distance(one.ks),
            report.synthetic: _median(one.median_a),
            report.real: _median(one.median_b),
            "n": f"{one.n_a} / {one.n_b}",
            "unit": one.unit,
        }
        for one in report.figures
    ]
    lines = [table(rows, list(rows[0]), "Nothing to compare."), ""]
    if report.probe is None:
        lines.append("No probe: a side has fewer than two clips.")
    else:
        found = report.probe
        lines += [
            f"A probe tells the two apart: accuracy {percent(found.accuracy)}, UAR {percent(found.uar)}; chance "
            f"{100 * found.chance:.0f} %, always the larger set {100 * found.majority:.0f} %; {found.split}."
            + (f" A-distance {_estimate(report.a_distance)} of 2." if report.a_distance else ""),
            "It goes by " + ", ".join(f"{name} ({weight:+.2f})" for name, weight in report.used[:6])
            + " (+: sounds synthetic).",
        ]  # fmt: skip
    return "\n".join(lines)


def _distance(found: Distance) -> str:
    return "–" if found.value is None else f"{found.value:.2f} ({found.low:.2f}–{found.high:.2f})"


def _median(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


@click.command()
@click.argument("dataset")
@common_options
def shortcuts(dataset: str) -> None:
    """Say what gives the labels of DATASET away: text, speaker, duration, loudness, edges, bandwidth, noise."""
    from affexion_core.differences.kept import shortcuts_in
    from affexion_core.differences.shortcuts import report_to_json

    opened = store()
    with progress_bar() as progress:
        report = shortcuts_in(opened, dataset, progress).report
    emit(report_to_json(report), _shortcuts_text(report))


def _shortcuts_text(report: ShortcutReport) -> str:
    rows = []
    for one in report.shortcuts:
        found = one.probe
        row: dict[str, Any] = {"from": one.name, "UAR": one.reason or "–"}
        if found is not None:
            row |= {
                "UAR": percent(found.uar),
                "accuracy": percent(found.accuracy),
                "p": f"{one.p_holm:.3f}",
                "": "gives labels away" if one.tells else "",
                "folds": found.split,
            }
        rows.append(row)
    chance, biggest = 100 / len(report.labels), next((s.probe.majority for s in report.shortcuts if s.probe), 0.0)
    lines = [
        table(rows, ["from", "UAR", "accuracy", "p", "", "folds"], "Nothing to ask."),
        f"Chance for UAR is {chance:.0f} %; always the commonest label gives {100 * biggest:.0f} % accuracy; "
        "p is corrected for all that was asked.",
    ]
    return "\n".join([*lines, *map(_generator_text, report.generators)])


def _generator_text(one: HeldOutGenerator) -> str:
    words = f"generator {one.generator} held out: UAR {percent(one.uar)}, from {one.n_train} clips of the others"
    if one.inside is None or one.drop is None:
        return words
    words += f"; with its own among them {percent(one.inside)}, {points(one.drop)} more"
    return words + (": what tells its labels doesn't carry over from the others" if one.falls else "")


@click.command("audit-leaks")
@click.option("--train", "train_name", metavar="DATASET", help="What is learned from.")
@click.option("--run", metavar="RUN", help="Instead: all that a run saw while training.")
@click.option("--test", "test_name", required=True, metavar="DATASET", help="What is measured on.")
@common_options
def audit_leaks(train_name: str | None, run: str | None, test_name: str) -> None:
    """Look for shared speakers, texts, recordings and near-duplicates between training and test clips."""
    from affexion_core.differences.leaks import audit, audit_run, report_to_json
    from affexion_core.store.datasets import load_dataset
    from affexion_core.store.runs import get_run

    if (train_name is None) == (run is None):
        raise ConfigError("Name either a training set or a run.", change=("train", "run"))
    opened = store()
    test = load_dataset(opened, test_name).items
    with progress_bar() as progress:
        if run is not None:
            report = audit_run(opened, get_run(opened, run), test, test_name, progress)
        else:
            train = load_dataset(opened, str(train_name))
            report = audit(opened, train.items, test, (train.name, test_name), progress)
    emit(report_to_json(report), _leaks_text(report))


def _leaks_text(report: LeakReport) -> str:
    lines = [f"{report.train} ({report.n_train} clips) against {report.test} ({report.n_test} clips)",
             f"split: {report.stamp}"]  # fmt: skip
    lines += [f"  {finding.words}" for finding in report.findings] or ["  nothing shared was found"]
    rows = [
        {"train": pair.first, "test": pair.second, "similarity": f"{pair.similarity:.2f}", "offset": pair.offset}
        for pair in report.duplicates
    ]
    if rows:
        lines.append(table(rows, ["train", "test", "similarity", "offset"], ""))
    lines.append(
        f"Not known: speaker of {report.unknown_speakers} clips, text of {report.unknown_texts}; "
        f"{report.not_compared} clips have too little sound to compare."
    )
    return "\n".join(lines)


COMMANDS = (differences, shortcuts, audit_leaks)
