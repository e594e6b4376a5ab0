"""Imports as wholes: one at a time is undone, none while another goes on, and nothing is left lying about."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from affexion_core.errors import StoreError
from affexion_core.labeling.people import Person, require_for
from affexion_core.store.imports import (
    TakenOut,
    begin_import,
    forget_import,
    get_import,
    known_contents,
    take_out_import,
)
from affexion_core.store.session import Store, reading
from affexion_core.workspace import Workspace

_LOCK = "imports.lock"
# Copies that were broken off, and recordings that no clip came of, are somebody's present work until they are so old.
OLD_SECONDS = 3600.0


@contextmanager
def importing(store: Store, source: str, path: str, dataset: str, person: str | None) -> Iterator[str]:
    """Begin an import and give its id; any number may go on at once, but none while one is undone.

    One that fails having brought nothing leaves no trace; one that was stopped goes on later, or is undone.

    Parameters
    ----------
    store
        Where the clips go.
    source, path, dataset, person
        What brings them (a corpus, a provider), from where, into which dataset, and who asked for it.

    Raises
    ------
    StoreError
        If an import is being undone.
    """
    refusal = "An import is being undone just now; try again in a moment."
    with _locked(store.workspace, exclusive=False, refusal=refusal):
        id = begin_import(store, source, path, dataset, person)
        try:
            yield id
        except BaseException:
            with suppress(StoreError):
                forget_import(store, id)
            raise


def undo_import(store: Store, id: str, by: Person | None = None) -> TakenOut:
    """Take out all that an import brought: clips and their recordings, labels, places in datasets.

    Raises
    ------
    RightsError
        If ``by`` may neither manage projects nor brought it themselves; None is somebody at the machine itself.
    NotFoundError
        If there is no such import.
    StoreError
        If it is undone already, another import is going on, or people's work rests on it; nothing is changed then.
    """
    own = by is not None and get_import(store, id).person == by.name
    require_for(store, by, "import" if own else "manage projects")
    refusal = "An import is going on in this workspace; undo this one when that has ended, or cancel it."
    with _locked(store.workspace, exclusive=True, refusal=refusal):
        taken = take_out_import(store, id)
        _remove_recordings(store, set(taken.sha256))
    return taken


def clean_parts(workspace: Workspace) -> None:
    """Remove what copies that were broken off have left."""
    for part in workspace.audio.glob("??/.*.part"):
        if _is_old(part):
            part.unlink(missing_ok=True)


def _remove_recordings(store: Store, gone: set[str]) -> None:
    """Remove recordings that no clip has: those just taken out, and old ones that a killed import left."""
    files = [file for file in store.workspace.audio.glob("??/*") if len(file.stem) == 64]
    with reading(store) as connection:
        known = known_contents(connection, {file.stem for file in files})
    for file in files:
        if file.stem not in known and (file.stem in gone or _is_old(file)):
            file.unlink(missing_ok=True)


def _is_old(file: Path) -> bool:
    try:
        return time.time() - file.stat().st_mtime > OLD_SECONDS
    except OSError:  # another process was quicker
        return False


@contextmanager
def _locked(workspace: Workspace, exclusive: bool, refusal: str) -> Iterator[None]:
    with (workspace.root / _LOCK).open("a+") as file:
        if not _lock(file, exclusive):
            raise StoreError(refusal)
        yield


def _lock(file: IO[str], exclusive: bool) -> bool:
    if os.name != "posix":  # one person at one machine: imports and undoing are not at work at once
        return True
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
