"""The verb that says how the labels of a dataset sound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store, table

if TYPE_CHECKING:
    from affexion_core.evaluation.label_sounds import SoundReport, Spread


@click.command()
@click.argument("dataset")
@common_options
def describe(dataset: str) -> None:
    """Say how loud, how strong and how long the clips of each label of a DATASET are."""
    from affexion_core.evaluation.label_sounds import describe_labels, measure_sounds, sound_report_json
    from affexion_core.store.datasets import load_dataset

    opened = store()
    found = load_dataset(opened, dataset)
    with progress_bar() as progress:
        sounds = measure_sounds(opened.workspace, [item.clip for item in found.items], progress)
    report = describe_labels(found, sounds)
    emit(sound_report_json(report), _text(report))


def _text(report: SoundReport) -> str:
    from affexion_core.evaluation.label_sounds import MEASURES

    rows: list[dict[str, object]] = [
        {
            "label": row.label,
            "n": row.n,
            "speakers": row.n_speakers or None,
            "amplitude": _words(row.spreads["amplitude"], 2, "±"),
            "energy": _words(row.spreads["energy"], 1),
            "duration": _words(row.spreads["duration"], 2),
            "speech": _words(row.spreads["speech"], 2),
        }
        for row in report.labels
    ]
    lines = [
        f"{report.dataset} ({report.origin}), {report.n} clips: mean (95 % interval; standard deviation)",
        table(rows, ["label", "n", "speakers", "amplitude", "energy", "duration", "speech"], "No clips."),
        *(f"{name}: {words}" for name, words in MEASURES.items()),
        f"Intervals: {', '.join(sorted({row.spreads['amplitude'].method for row in report.labels}))}.",
    ]
    if report.unmeasured:
        lines.append(f"{report.unmeasured} clips could not be decoded.")
    return "\n".join(lines)


def _words(spread: Spread, digits: int, sign: str = "") -> str:
    interval = "no interval" if spread.low is None else f"{spread.low:.{digits}f} to {spread.high:.{digits}f}"
    deviation = "" if spread.sd is None else f"; {spread.sd:.{digits}f}"
    return f"{sign}{spread.mean:.{digits}f} ({interval}{deviation})"


COMMANDS = (describe,)
