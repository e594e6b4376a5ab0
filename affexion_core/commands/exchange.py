"""Verbs that take labels out, and bring in those made elsewhere."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store
from affexion_core.discovery import plugin_names

if TYPE_CHECKING:
    from affexion_core.labeling.exporting import ExportReport
    from affexion_core.labeling.importing_labels import LabelImportReport

_FORMATS = click.Choice(plugin_names("exchange"))


@click.command("export")
@click.argument("dataset")
@click.option("--format", "format_name", type=_FORMATS, required=True, help="What to write.")
@click.option("--into", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="A new or empty folder.")
@click.option("--audio", is_flag=True, help="Put the recordings in as well.")
@click.option(
    "--what",
    type=click.Choice(["votes", "consensus", "both"]),
    default="both",
    show_default=True,
    help="Every judgement, what counts for each clip, or both.",
)
@common_options
def export_(dataset: str, format_name: str, into: Path, audio: bool, what: Any) -> None:
    """Write the labels of a DATASET or project into a folder that other programs read."""
    from affexion_core.labeling.exporting import export_labels

    with progress_bar() as progress:
        report = export_labels(store(), dataset, format_name, into, what, audio, progress=progress)
    emit(asdict(report), _exported(report))


def _exported(report: ExportReport) -> str:
    lines = [
        f"{report.folder}: {report.clips} clips, {report.judgements} judgements, {report.labels} labels, "
        f"{report.decisions} decisions, {report.audio} recordings.",
        "Licences: " + ", ".join(f"{licence} ({n})" for licence, n in report.licences.items()),
    ]
    limits: dict[tuple[str, str], list[str]] = {}
    for held in report.restricted:
        limits.setdefault((held.licence, held.forbids), []).append(held.file)
    for (licence, forbids), files in limits.items():
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        lines.append(f"Under {licence} ({', '.join(files[:3])}{more}): {forbids}.")
    return "\n".join([*lines, *(f"Note: {note}" for note in report.notes)])


@click.command("import-labels")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=_FORMATS, required=True, help="What the file is.")
@click.option("--dataset", metavar="NAME", help="Its clips are meant; a new name makes a dataset of the labels.")
@click.option("--scheme", metavar="NAME", help="Scheme of judgements that name none.")
@click.option("--rater", metavar="NAME", help="Rater of judgements that name none.")
@click.option("--add-labels", is_flag=True, help="Add labels that a scheme lacks, instead of refusing them.")
@click.option("--dry-run", is_flag=True, help="Only say what would come in.")
@common_options
def import_labels(
    file: Path,
    format_name: str,
    dataset: str | None,
    scheme: str | None,
    rater: str | None,
    add_labels: bool,
    dry_run: bool,
) -> None:
    """Bring in judgements from a FILE, folder or zip archive; twice adds nothing."""
    from affexion_core.labeling.importing_labels import LabelImportOptions, preview_labels
    from affexion_core.labeling.importing_labels import import_labels as bring_in

    options = LabelImportOptions(dataset, scheme, rater, add_labels)
    report = (preview_labels if dry_run else bring_in)(store(), file, format_name, options)
    emit(report_json(report), _imported(report, dry_run))


def report_json(report: LabelImportReport) -> dict[str, Any]:
    """Make a report JSON-ready; a rejected row has its line where there is one."""
    rejected = [{"line": _line(held.place), "place": held.place, "reason": held.reason} for held in report.rejected]
    return {**asdict(report), "rejected": rejected}


def _line(place: str) -> int | None:
    found = re.search(r"line (\d+)$", place)
    return int(found[1]) if found else None


def _imported(report: LabelImportReport, dry_run: bool) -> str:
    raters = ", ".join(f"{rater} {n}" for rater, n in report.raters.items())
    lines = [
        f"{report.added} judgements {'would be ' if dry_run else ''}added, {report.present} already there, "
        f"{len(report.rejected)} rejected; {report.clips} clips, {report.clips_added} of them new.",
        f"Scheme: {report.scheme or 'as the file says'}. Raters: {raters or 'none'}.",
    ]
    lines += [f"Scheme {name} gets {', '.join(labels)}." for name, labels in report.new_labels.items()]
    lines += [f"{report.decisions_added} decisions added."] if report.decisions_added else []
    lines += [f"Rejected {held.place}: {held.reason}" for held in report.rejected]
    return "\n".join([*lines, *(f"Note: {note}" for note in report.notes)])


COMMANDS = (export_, import_labels)
