"""The verb that predicts files. It is asked for one file at a time as well, so it loads no more than it needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from affexion_core.audio._ahead import start_ahead
from affexion_core.commands._options import common_options, emit, progress_bar, store, workspace_option
from affexion_core.errors import NotFoundError
from affexion_core.workspace import open_workspace


@click.command()
@click.argument("run")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@common_options
def predict(run: str, paths: tuple[Path, ...]) -> None:
    """Say how each FILE, or each sound file of a FOLDER, is spoken, by a trained RUN."""
    start_ahead()
    folder = _folder_of(run)
    from affexion_core.predict_files import choose_predictor, predict_with, sound_files

    files = sound_files(paths)
    if not files:
        raise NotFoundError(f"There is no sound file under {', '.join(map(str, paths))}.")
    chosen = choose_predictor(folder)
    if chosen.note:
        click.echo(f"Note: {chosen.note}", err=True)
    rows = []
    with progress_bar(len(files)) as progress:
        for row in predict_with(chosen.predictor, files):
            rows.append(row)
            progress(len(rows), len(files), "predicting")
    lines = [f"{row['file']}: {row['error']}" if "error" in row else _answer(row) for row in rows]
    emit(rows, "\n".join(lines))
    if all("error" in row for row in rows):
        click.echo("Error: " + (rows[0]["error"] if len(rows) == 1 else "no file could be predicted."), err=True)
        sys.exit(2)


def _folder_of(run: str) -> Path:
    """Find the folder of a run that can predict; where looking it up quickly finds none, the usual way says why."""
    from affexion_core.store.looking_up import look_up_run

    found = look_up_run(open_workspace(workspace_option()), run)
    if found is not None and found.kind not in ("sweep", "gap"):
        return found.folder
    from affexion_core.commands.runs import _with_a_model

    return Path(_with_a_model(store(), run).folder)


def _answer(row: dict[str, Any]) -> str:
    label = f"{row['label']}{', unsure' if row['unsure'] else ''} {_probs(row['probs'])}"
    said = [] if row["label"] is None else [label]
    said += [f"{name} {value:.2f}" for name, value in row.get("values", {}).items()]
    line = f"{row['file']}: {', '.join(said)}"
    heard = [each for each in row.get("inputs", ()) if each["label"] is not None]
    return line + "".join(f"; {x['front_end']} alone: {x['label']}, counted {100 * x['share']:.0f} %" for x in heard)


def _probs(probs: dict[str, float]) -> str:
    return "(" + ", ".join(f"{label} {100 * p:.0f} %" for label, p in probs.items()) + ")"


COMMANDS = (predict,)
