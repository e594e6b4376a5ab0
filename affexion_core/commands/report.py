"""The verb that writes a report: one file that opens offline."""

from __future__ import annotations

from pathlib import Path

import click

from affexion_core.commands._options import common_options, emit, store


@click.command()
@click.argument("run")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="The file to write (default: exports/).")
@common_options
def report(run: str, to: Path | None) -> None:
    """Write the report of RUN: figures, model card, settings and datasheets in one HTML file."""
    from affexion_core.report.choose import report_of
    from affexion_core.report.document import write_report
    from affexion_core.store.runs import get_run

    opened = store()
    found = get_run(opened, run)
    path = to or opened.workspace.root / "exports" / f"{found.id}-report.html"
    written = write_report(report_of(opened, found), path)
    words = f"Written to {written}. Open it in a browser; print it there for a PDF."
    emit({"run": found.id, "report": str(written)}, words)


COMMANDS = (report,)
