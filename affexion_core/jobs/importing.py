"""Large imports in the background: queued, gone on with after a stop, cancelled."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from affexion_core.errors import StoreError
from affexion_core.jobs.folders import folder_name, job_folder
from affexion_core.jobs.telling import seldom
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.job import Job
from affexion_core.store.jobs import add_job
from affexion_core.store.session import Store
from affexion_core.types import Origin, Progress

if TYPE_CHECKING:
    from affexion_core.ingest.reports import ImportOptions

_FOLDER, _REQUEST, _FILES = "imports", "request.json", "files"


@dataclass(frozen=True)
class ImportRequest:
    """What to import, as JSON can hold it; the fields are those of `ingest.reports.ImportOptions`.

    ``path`` is a folder or manifest; ``label_map`` a shipped name or a file; ``person`` who asks for it.
    """

    corpus: str
    path: str
    dataset: str | None = None
    origin: Origin | None = None
    label_map: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None
    in_place: bool = False
    corpus_name: str | None = None
    person: str | None = None

    def options(self) -> ImportOptions:
        """Make the options of the import.

        Raises
        ------
        ConfigError, LabelError
            If the label map can't be used.
        """
        from affexion_core.ingest.label_maps import load_label_map
        from affexion_core.ingest.reports import ImportOptions

        same = ("dataset", "origin", "columns", "language", "in_place", "corpus_name")
        return ImportOptions(
            label_map=load_label_map(self.label_map) if self.label_map else None,
            **{name: getattr(self, name) for name in same},
        )


def submit_import(store: Store, request: ImportRequest, staged: Path | None = None) -> Job:
    """Queue an import.

    Parameters
    ----------
    staged
        A folder that ``path`` lies in and that won't last, as one of uploaded files: the job gets a copy.

    Raises
    ------
    StoreError
        If the workspace can't be written.
    """
    folder = store.workspace.root / _FOLDER / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True)
        if staged is not None:
            shutil.copytree(staged, folder / _FILES)
            request = replace(request, path=str(folder / _FILES / Path(request.path).relative_to(staged)))
        write_json(folder / _REQUEST, asdict(request))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"The workspace {store.workspace.root} can't be written ({error.strerror}); make room, then try again."
        ) from error
    return add_job(store, "import", {"folder": folder_name(store, folder)})


def read_request(store: Store, job: Job) -> ImportRequest:
    """Read what an import job is to do."""
    return ImportRequest(**read_json(job_folder(store, job) / _REQUEST))


def do_import(store: Store, job: Job, progress: Progress) -> None:
    """Import, or go on with it; what was brought in before is there already. Its copies of uploads go at the end."""
    from affexion_core.ingest.importing import import_corpus

    request = read_request(store, job)
    told = seldom(progress)
    import_corpus(store, request.corpus, Path(request.path), request.options(), told, request.person)
    shutil.rmtree(job_folder(store, job) / _FILES, ignore_errors=True)
