"""Runs for TensorBoard: curves by epoch, figures with their intervals, hyperparameters and confusion counts.

Each run has a folder of its own below the one named, each fold or trial one below that. A second export replaces the
event files of these folders, after the new ones are written.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from affexion_core.errors import StoreError
from affexion_core.export_runs._run import Exported, ExportedRun, Measured, missing_extra

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LABEL = "TensorBoard"
BESIDE = "tensorboard"
_EVENTS = "events.out.tfevents.*"


def export(run: ExportedRun, into: str) -> Exported:
    """Write a run with its folds or trials as event files.

    Parameters
    ----------
    into
        The log folder; the run gets ``<id>/`` in it, its parts ``<id>/fold-1/`` and so on.

    Raises
    ------
    ConfigError
        If tensorboard is not installed.
    StoreError
        If the folder can't be written.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise missing_extra(LABEL, "tensorboard", "requirements-tensorboard.txt") from None
    if "://" in into:
        raise StoreError(f"TensorBoard reads a folder, not the address {into}; name a folder.")
    folder = Path(into).expanduser().resolve()
    try:
        _write(run, folder / run.stem)
    except OSError as error:
        raise StoreError(f"{folder} can't be written ({error.strerror}); name another folder.") from error
    return Exported(str(folder / run.stem), sum(1 for _ in run), f"tensorboard --logdir {folder}")


def _write(run: ExportedRun, folder: Path) -> None:
    """Write one run and its parts; the event files of an earlier export go once the new one is whole."""
    from torch.utils.tensorboard import SummaryWriter

    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise StoreError(f"{folder} is read-only; name another folder.")
    old = tuple(folder.glob(_EVENTS))
    with SummaryWriter(str(folder), filename_suffix=f".{run.stem}") as writer:
        _write_curves(writer, run)
        _write_figures(writer, run)
        _write_settings(writer, run)
    for path in old:
        path.unlink()
    for part in run.parts:
        _write(part, folder / re.sub(r"\W+", "-", part.title))


def _write_curves(writer: SummaryWriter, run: ExportedRun) -> None:
    for row in run.epochs:
        for name, value in row.items():
            if name not in ("at", "epoch"):
                writer.add_scalar(f"training/{name}", value, int(row["epoch"]), row["at"], double_precision=True)


def _write_figures(writer: SummaryWriter, run: ExportedRun) -> None:
    for found in run.measured:
        writer.add_scalar(f"{found.name}/n", found.n, 0, found.at, double_precision=True)
        for name, estimate in found.figures.items():
            for suffix, value in (("", estimate.value), (" low", estimate.low), (" high", estimate.high)):
                if value is not None:
                    writer.add_scalar(f"{found.name}/{name}{suffix}", value, 0, found.at, double_precision=True)
        writer.add_text(f"{found.name}/confusion", _confusion_table(found), 0, found.at)


def _write_settings(writer: SummaryWriter, run: ExportedRun) -> None:
    """Write recipe and headline figures for the table of hyperparameters, and what else is known as text."""
    from torch.utils.tensorboard.summary import hparams

    figures = {
        f"{found.name}/{name}": found.figures[name].value
        for found in run.measured
        for name in ("accuracy", "uar")
        if name in found.figures
    }
    file_writer = writer.file_writer
    assert file_writer is not None
    # the third says that the run has ended
    for summary in hparams(dict(run.params), figures)[: 3 if run.finished else 2]:
        file_writer.add_summary(summary, 0, run.started)
    lines = [f"| {name} | {value} |" for name, value in run.tags.items()]
    writer.add_text("about", "\n".join(["| what | |", "|---|---|", *lines]), 0, run.started)


def _confusion_table(found: Measured) -> str:
    """Write the counts as a Markdown table: reference in rows, prediction in columns."""
    rows = zip(found.labels, found.confusion, strict=True)
    return "\n".join(
        [
            f"Reference in rows, prediction in columns; n = {found.n}; split: {found.stamp}",
            "",
            "| reference | " + " | ".join(found.labels) + " |",
            "|---" * (len(found.labels) + 1) + "|",
            *(f"| {label} | " + " | ".join(map(str, counts)) + " |" for label, counts in rows),
        ]
    )
