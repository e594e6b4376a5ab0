"""Verbs that take clips down for good, and say what was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from affexion_core.commands._options import common_options, emit, store, table

if TYPE_CHECKING:
    from affexion_core.ingest.takedown import TakedownReport
    from affexion_core.labeling.people import Person
    from affexion_core.store.session import Store

_by = click.option("--by", metavar="NAME", help="Who does it, an owner (default: whoever is at this machine).")


@click.command()
@click.argument("clips", nargs=-1, required=True)
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays, and is shown on importing again.")
@click.option("--whole-recording", is_flag=True, help="Also the other clips of the same recording.")
@click.option("--keep-judgements", is_flag=True, help="Keep what people said of it, without comments.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@_by
@common_options
def takedown(
    clips: tuple[str, ...],
    reason: str,
    whole_recording: bool,
    keep_judgements: bool,
    dry_run: bool,
    by: str | None,
) -> None:
    """Take CLIPS down: sound, features, labels and exports go for good, a tombstone stays."""
    from affexion_core.ingest.takedown import preview_takedown, take_down

    opened = store()
    if dry_run:
        report = preview_takedown(opened, clips, keep_judgements)
    else:
        report = take_down(opened, clips, reason, _person(opened, by), keep_judgements, whole_recording)
    emit(asdict(report), "\n".join(_lines(report)))


def _person(opened: Store, name: str | None) -> Person | None:
    from affexion_core.labeling.people import get_person

    return get_person(opened, name) if name else None


def _lines(report: TakedownReport) -> list[str]:
    n = f"{len(report.clips)} clip{'' if len(report.clips) == 1 else 's'}"
    parts = f", {len(report.parts)} of them as parts of the same recordings" if report.parts else ""
    kept = " (the judgements are kept on the tombstones)" if report.kept_judgements else ""
    verb = "goes" if not report.done else "is gone"
    lines = [f"{n} taken down{parts}." if report.done else f"{n} would be taken down{parts}; nothing was changed."]
    lines.append(f"With it {verb}: {report.n_judgements} judgements{kept}, {report.n_decisions} decisions.")
    lines += [f"Dataset {_counts(report.datasets)}."] if report.datasets else []
    lines += [f"Project {_counts(report.projects)}."] if report.projects else []
    lines += [f"Exports deleted: {', '.join(report.exports)}."] if report.exports and report.done else []
    if report.learned:
        runs = ", ".join(report.learned)
        lines.append(f"Models that learned from it stay as they are: {runs}. Train them again, or delete them.")
    lines += [f"Runs measured on it: {', '.join(report.measured)}."] if report.measured else []
    lines += [f"Outside the workspace, so not touched: {file}" for file in report.outside]
    lines += [f"{report.n_files} files deleted. Backups and copies elsewhere still hold it."] if report.done else []
    return lines


def _counts(held: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n})" for name, n in held.items())


@click.command()
@common_options
def takedowns() -> None:
    """List what was taken down, newest first."""
    from affexion_core.store.takedowns import list_tombstones

    rows = [asdict(tombstone) for tombstone in list_tombstones(store())]
    columns = ["clip_id", "created", "person", "reason", "lifted"]
    emit(rows, table(rows, columns, "Nothing was taken down."))


@click.command("lift-takedown")
@click.argument("clip")
@click.option("--reason", required=True, metavar="TEXT", help="Why its recording may come in again.")
@_by
@common_options
def lift_takedown(clip: str, reason: str, by: str | None) -> None:
    """Let the recording of a CLIP that was taken down be imported again."""
    from affexion_core.ingest.takedown import lift_takedown as lift

    opened = store()
    tombstone = lift(opened, clip, reason, _person(opened, by))
    emit(asdict(tombstone), f"The recording of clip {clip} may be imported again.")


COMMANDS = (takedown, takedowns, lift_takedown)
