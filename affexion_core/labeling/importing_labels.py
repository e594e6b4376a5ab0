"""Bring labels in that were made or kept elsewhere: looked through first, then all of them, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from affexion_core.archives import unpacked
from affexion_core.discovery import load_plugin, plugin_names
from affexion_core.errors import ConfigError, LabelError, allowed
from affexion_core.exchange._bundle import Bundle
from affexion_core.labeling._import_plan import Source, plan_import
from affexion_core.labeling._import_report import LabelImportOptions, LabelImportReport
from affexion_core.labeling.people import Person, require_now
from affexion_core.store.exchange import save_incoming
from affexion_core.store.session import Store, reading

__all__ = ["LabelImportOptions", "LabelImportReport", "import_labels", "preview_labels"]


def preview_labels(
    store: Store,
    path: Path,
    format: str,  # noqa: A002 (the command's own word)
    options: LabelImportOptions = LabelImportOptions(),  # noqa: B008 (frozen)
) -> LabelImportReport:
    """Say what `import_labels` would do with a file; nothing is written."""
    with _opened(path, format) as (bundle, root):
        return plan_import(store, Source(bundle, root, Path(path), format), options, keep=False)[1]


def import_labels(
    store: Store,
    path: Path,
    format: str,  # noqa: A002
    options: LabelImportOptions = LabelImportOptions(),  # noqa: B008
    by: Person | None = None,
) -> LabelImportReport:
    """Bring the labels of a file into the workspace, in one transaction; importing twice adds nothing.

    Parameters
    ----------
    store
        The open store.
    path
        A file, a folder, or a zip archive of one.
    format
        An exchange plug-in.
    options
        Where they go.
    by
        Who imports; None for somebody at the machine itself.

    Raises
    ------
    RightsError
        If ``by`` may not manage projects.
    ConfigError
        If there is no such format, or the dataset's name is that of a project.
    CorpusError
        If an archive can't be unpacked safely.
    LabelError
        If the file can't be read, no row of it can be used, a label isn't in its scheme, a name is that of several
        clips, or it can't be told whose judgements they are or which scheme they belong to. Nothing is written.
    StoreError
        If the workspace can't be written; nothing is then.
    """
    if by is not None:
        with reading(store) as connection:
            require_now(connection, by, "manage projects")
    with _opened(path, format) as (bundle, root):
        incoming, report = plan_import(store, Source(bundle, root, Path(path), format), options, keep=True)
        save_incoming(store, incoming)
    return report


@contextmanager
def _opened(path: Path, format: str) -> Iterator[tuple[Bundle, Path]]:  # noqa: A002
    """Read a file, folder or archive; give its labels and the folder that recordings lie in."""
    if format not in plugin_names("exchange"):
        raise ConfigError(f"There is no format {format!r}; choose {allowed(plugin_names('exchange'))}.")
    path = Path(path).expanduser()
    if not path.exists():
        raise LabelError(f"There is no file or folder {path}; check the name.")
    plugin = load_plugin("exchange", format)
    if path.is_file() and path.suffix.lower() == ".zip":
        with unpacked(path) as folder:
            yield plugin.read(folder), folder
    else:
        yield plugin.read(path), path if path.is_dir() else path.parent
