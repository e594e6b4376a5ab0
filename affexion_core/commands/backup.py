"""Verbs that back a workspace up and put it back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import common_options, emit, progress_bar, store

if TYPE_CHECKING:
    from affexion_core.backup import BackupReport


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tables-only", is_flag=True, help="Leave out recordings and run folders.")
@common_options
def backup(file: Path, tables_only: bool) -> None:
    """Write the whole workspace into FILE, a zip archive; people may go on working meanwhile."""
    from affexion_core.backup import back_up

    with progress_bar() as progress:
        report = back_up(store(), file, files=not tables_only, progress=progress)
    emit(asdict(report), f"Backed up {_what(report)} into {report.file}.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def restore(file: Path) -> None:
    """Put the backup FILE into an empty workspace, on the same kind of database or the other."""
    from affexion_core.backup import restore as put_back

    report = put_back(store(), file)
    emit(asdict(report), f"Restored {_what(report)}, as they were on {report.made[:16].replace('T', ' ')} UTC.")


def _what(report: BackupReport) -> str:
    rows = report.rows
    return f"{rows['clip']} clips, {rows['annotation']} judgements, {rows['run']} runs and {report.files} files"


COMMANDS = (backup, restore)
