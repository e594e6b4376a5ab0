"""A run's star and notes: ``notes.json`` in its folder, so that they travel with it.

They have a file of their own because ``run.json`` is written again by whoever trains, at any moment; a note typed
meanwhile must not be lost.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from affexion_core.errors import ConfigError
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.runs import list_runs, save_run
from affexion_core.store.session import Store
from affexion_core.types import Run

_FILE = "notes.json"
_LONGEST_NAME = 80


@dataclass(frozen=True)
class RunNotes:
    """What a person noted on a run."""

    star: bool = False
    notes: str = ""


def read_notes(folder: Path) -> RunNotes:
    """Read a run's star and notes; none where there is no file, or one that can't be read."""
    try:
        values = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return RunNotes(bool(values.get("star")), str(values.get("notes") or ""))
    except (OSError, ValueError, AttributeError):
        return RunNotes()


def write_notes(folder: Path, notes: RunNotes) -> None:
    """Keep a run's star and notes."""
    write_json(folder / _FILE, asdict(notes))


def rename_run(store: Store, run: Run, name: str) -> None:
    """Give a run a name, or with an empty one take it away.

    Raises
    ------
    ConfigError
        If another run has that name, or it is too long.
    """
    wanted = " ".join(name.split()) or None
    if wanted is not None and len(wanted) > _LONGEST_NAME:
        raise ConfigError(f"The name has {len(wanted)} characters; choose one of at most {_LONGEST_NAME}.")
    others = {other.name for other in list_runs(store) if other.id != run.id}
    if wanted is not None and wanted in others:
        raise ConfigError(f"Another run is called {wanted!r} already; choose another name.")
    path = Path(run.folder) / "run.json"
    write_json(path, {**read_json(path), "name": wanted})
    current = next((found for found in list_runs(store) if found.id == run.id), run)
    save_run(store, Run(**{**vars(current), "name": wanted}))
