"""Runs are found the quick way as they are the usual way, or left to it."""

from pathlib import Path

import pytest

from affexion_core.errors import StoreError
from affexion_core.store import looking_up
from affexion_core.store.looking_up import look_up_run, sqlite_module
from affexion_core.store.runs import get_run, save_run
from affexion_core.store.session import Store, writing
from affexion_core.types import Run
from affexion_core.workspace import Workspace


def run(id: str, name: str | None = None, kind: str = "train", created: str = "2026-11-20T10:00:00+00:00") -> Run:
    return Run(id, kind, "linear", f"/runs/{id}", ("a", "b"), "d", "0" * 64, created, name=name)  # type: ignore[arg-type]


RUNS = (
    run("20261120-100000-linear-aaaa", "first"),
    run("20261120-100000-linear-bbbb", "both"),
    run("20261121-100000-svm-cccc", "both"),
    run("20261122-100000-linear-dddd", "20261120-100000-linear-aaaa"),
    run("20261123-100000-linear-eeee", "ünï'cö\"de%_"),
    run("20261124-100000-linear-ffff", kind="sweep"),
)


@pytest.fixture
def filled(sqlite_store: Store) -> Store:
    for each in RUNS:
        save_run(sqlite_store, each)
    return sqlite_store


@pytest.mark.parametrize(
    "key",
    [*(each.id for each in RUNS), *(each.name for each in RUNS if each.name)]
    + ["20261121", "20261120-1", "2026112", "linear", "none", "", "%", "20261120-100000-linear-a%", "' OR 1=1 --"],
)
def test_it_finds_what_the_usual_way_finds(key: str, filled: Store) -> None:
    try:
        expected = get_run(filled, key)
    except StoreError:
        assert look_up_run(filled.workspace, key) is None
    else:
        found = look_up_run(filled.workspace, key)
        assert found is not None
        assert (found.id, found.kind, str(found.folder)) == (expected.id, expected.kind, expected.folder)


def test_what_is_not_its_business_is_left_to_the_usual_way(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_up_run(filled.workspace, "first") is not None
    monkeypatch.setenv("AFFEXION_DATABASE_URL", "postgresql://somewhere")
    assert look_up_run(filled.workspace, "first") is None
    monkeypatch.delenv("AFFEXION_DATABASE_URL")
    monkeypatch.setattr(looking_up, "REVISION", "0001")
    assert look_up_run(filled.workspace, "first") is None


def test_nothing_is_made_or_changed(workspace: Workspace, tmp_path: Path) -> None:
    assert look_up_run(workspace, "first") is None and not (workspace.root / "affexion.db").exists()
    (workspace.root / "affexion.db").write_bytes(b"no database" * 100)
    assert look_up_run(workspace, "first") is None
    (workspace.root / "affexion.db").write_bytes(b"")
    assert look_up_run(workspace, "first") is None and (workspace.root / "affexion.db").read_bytes() == b""


def test_it_reads_while_somebody_writes(filled: Store) -> None:
    with writing(filled) as connection:
        connection.exec_driver_sql("UPDATE run SET name = 'renamed' WHERE name = 'first'")
        assert look_up_run(filled.workspace, "first") is not None
    assert look_up_run(filled.workspace, "first") is None and look_up_run(filled.workspace, "renamed") is not None


def test_odd_folder_names(tmp_path: Path) -> None:
    from affexion_core.store.session import open_store
    from affexion_core.workspace import open_workspace

    store = open_store(open_workspace(tmp_path / "what? a #folder%20"))
    save_run(store, RUNS[0])
    assert look_up_run(store.workspace, "first") is not None
    assert sqlite_module().sqlite_version_info
