from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from job_probes import wait_until
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.engine import engine_status, ensure_engine, stop_engine
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import Workspace


@pytest.fixture(scope="session")
def tones_folder(tmp_path_factory) -> Path:
    return write_folders(tmp_path_factory.mktemp("tones"), speakers=4, takes=1)


@pytest.fixture
def store_with_clips(workspace: Workspace, tones_folder: Path) -> Store:
    """A store with 16 clips as dataset "tones"."""
    store = open_store(workspace)
    import_corpus(store, "folder", tones_folder, ImportOptions(dataset="tones"))
    return store


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Callable[[], None]]:
    """Start the engine when called; it is stopped at the end."""

    def start() -> None:
        ensure_engine(workspace)
        wait_until(lambda: engine_status(workspace).running, 60)

    yield start
    stop_engine(workspace)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Train with one thread in this process too, as jobs do: the number of threads shows in the last digits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
