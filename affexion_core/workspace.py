"""Where everything lies: one folder with the database, audio, features, runs and exports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from affexion_core.errors import StoreError
from affexion_core.types import Clip

PROJECT = Path(__file__).resolve().parent.parent
SHIPPED = PROJECT / "data"


@dataclass(frozen=True)
class Workspace:
    """The paths of one workspace folder."""

    root: Path

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL: ``AFFEXION_DATABASE_URL`` where set, else the SQLite file in the folder."""
        return os.environ.get("AFFEXION_DATABASE_URL") or f"sqlite:///{self.root / 'affexion.db'}"

    @property
    def audio(self) -> Path:
        """Original recordings, named by content."""
        return self.root / "audio"

    @property
    def features(self) -> Path:
        """Cached features; may be deleted at any time."""
        return self.root / "features"

    @property
    def runs(self) -> Path:
        """One self-contained folder a run."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """Files made for people: reports, exports."""
        return self.root / "exports"

    def clip_path(self, clip: Clip) -> Path:
        """Path of a clip's file. A relative path that leaves the workspace raises `StoreError`."""
        if Path(clip.file).is_absolute():
            return Path(clip.file)
        path = (self.root / clip.file).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise StoreError(f"Clip {clip.id} points outside the workspace ({clip.file}); import it again.")
        return path


def open_workspace(root: str | os.PathLike[str] | None = None) -> Workspace:
    """Open a workspace folder, making it if need be.

    Parameters
    ----------
    root
        The folder; None for ``AFFEXION_WORKSPACE``, else ``data/`` of the project.

    Raises
    ------
    StoreError
        If it can't be made or written to.
    """
    chosen = Path(root or os.environ.get("AFFEXION_WORKSPACE") or SHIPPED).expanduser().resolve()
    workspace = Workspace(chosen)
    try:
        for folder in (workspace.audio, workspace.features, workspace.runs, workspace.exports):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The workspace {chosen} can't be written ({error.strerror}); choose another (AFFEXION_WORKSPACE).",
            change=("workspace",),
        ) from error
    if not os.access(chosen, os.W_OK):
        raise StoreError(
            f"The workspace {chosen} is read-only; choose another (AFFEXION_WORKSPACE).", change=("workspace",)
        )
    return workspace
