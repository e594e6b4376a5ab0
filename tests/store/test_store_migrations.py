import multiprocessing
import os
import shutil
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text

from affexion_core.errors import StoreError
from affexion_core.store.clips import get_clip
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import add_job, list_jobs
from affexion_core.store.labels import find_annotations
from affexion_core.store.looking_up import REVISION, sqlite_module
from affexion_core.store.runs import get_run, list_evaluations
from affexion_core.store.schema import metadata
from affexion_core.store.session import Store, open_store, reading, writing
from affexion_core.store.upgrading import MIGRATIONS, schema_version
from affexion_core.workspace import Workspace

TABLES = {
    *("clip", "dataset", "dataset_clip", "scheme", "annotation", "run", "evaluation", "job"),
    *("person", "project", "project_clip", "project_rater", "assignment", "decision"),
    *("import_batch", "clip_tombstone"),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace whose database has no tables yet."""
    if request.param == "postgresql":
        monkeypatch.setenv("AFFEXION_DATABASE_URL", request.getfixturevalue("postgres_url"))
    return workspace


def tables(store: Store) -> set[str]:
    with reading(store) as connection:
        return set(inspect(connection).get_table_names())


def test_an_empty_database_gets_the_tables_the_code_describes(empty: Workspace) -> None:
    store = open_store(empty)
    assert tables(store) == TABLES | {"alembic_version"}
    with reading(store) as connection:
        assert schema_version(connection) == REVISION
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_checks_and_foreign_keys_are_the_same_in_both(empty: Workspace) -> None:
    """What compare_metadata doesn't look at."""
    with reading(open_store(empty)) as connection:
        seen = inspect(connection)
        for table in metadata.sorted_tables:
            wanted = {str(check.name) for check in table.constraints if type(check).__name__ == "CheckConstraint"}
            assert {check["name"] for check in seen.get_check_constraints(table.name)} == wanted
            names = {str(key.name) for key in table.foreign_key_constraints}
            assert {key["name"] for key in seen.get_foreign_keys(table.name)} == names
            assert seen.get_pk_constraint(table.name)["name"] == f"pk_{table.name}"


# A workspace as the first version wrote it: rows of every table, in that version's own words.
OF_0001 = (
    """INSERT INTO clip VALUES ('c1', 'audio/ä.wav', '11', 'real', 'demo', 1.25, 16000, 2, 0.5, 1.75, 'demo:anna',
    'deu', 'Hilfe!', '{"gender": "female"}', '{"source": "https://example.org", "seed": 7}', '2026-01-01', 'audio')""",
    """INSERT INTO clip VALUES ('c2', '/in/place.wav', '22', 'synthetic', 'tts', 2.0, 48000, 1, NULL, NULL, NULL, NULL,
    NULL, '{}', '{}', '2026-01-02', 'place')""",
    """INSERT INTO scheme VALUES ('mood', '["calm", "panic"]', NULL, NULL)""",
    """INSERT INTO dataset VALUES (1, 'people', 'real', 'mood', '["calm", "panic"]', NULL, NULL, 'map', 'x', '2026')""",
    """INSERT INTO dataset_clip VALUES (1, 'c1', 'panic')""",
    """INSERT INTO annotation VALUES ('a1', 'c1', 'mood', 'rater-1', 'panic', NULL, '2026-01-03', 'loud')""",
    """INSERT INTO run VALUES ('r1', 'train', 'paper', '/runs/r1', '["calm", "panic"]', 'people', 'ff', '2026-01-04',
    NULL, NULL, 'best', NULL, '{"uar": 0.5}')""",
    """INSERT INTO evaluation VALUES ('r1', 'own', 'people', 'test', '2026-01-05', 'clean', '{"uar": 0.25}')""",
)


CLIP_OF_0001 = (
    *("id", "file", "sha256", "origin", "corpus", "duration", "sampling_rate", "channels", "start", '"end"'),
    *("speaker", "language", "transcript", "attributes", "provenance", "added", "searchable"),
)


def written_by(version: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Make the tables of an older version."""
    with monkeypatch.context() as patch:
        patch.setattr("affexion_core.store.session.bring_up_to_date", lambda engine, begin: None)
        bare = open_store(workspace)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(bare) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    return bare


def test_a_workspace_of_the_first_version_opens_with_all_it_has(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = written_by("0001", empty, monkeypatch)
    names = ["annotation", "clip", "dataset", "dataset_clip", "evaluation", "run", "scheme"]
    assert tables(old) == {*names, "alembic_version"}
    with writing(old) as connection:
        for statement in OF_0001:
            connection.exec_driver_sql(statement)
        before = {name: connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1").all() for name in names}
    assert all(before.values())

    store = open_store(empty)
    with reading(store) as connection:
        assert schema_version(connection) == REVISION
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        after = {name: connection.exec_driver_sql(f"SELECT * FROM {name} ORDER BY 1").all() for name in names}
    # later versions add columns behind those there were
    assert {name: [row[: len(before[name][0])] for row in rows] for name, rows in after.items()} == before
    clip = get_clip(store, "c1")
    assert (clip.speaker, clip.transcript, clip.start, clip.provenance.seed) == ("demo:anna", "Hilfe!", 0.5, 7)
    assert load_dataset(store, "people").items[0].label == "panic"
    assert [(made.id, made.value, made.comment) for made in find_annotations(store)] == [("a1", "panic", "loud")]
    assert (get_run(store, "best").id, list_evaluations(store)[0].summary) == ("r1", {"uar": 0.25})
    job = add_job(store, "train", {"preset": "paper"}, run_id="r1")
    assert list_jobs(store) == (job,)


def test_imports_can_be_taken_out_of_the_tables_again(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = written_by("0004", empty, monkeypatch)
    with writing(store) as connection:
        for statement in OF_0001[:1]:
            connection.exec_driver_sql(
                statement.replace("INTO clip VALUES", f"INTO clip ({', '.join(CLIP_OF_0001)}) VALUES")
            )
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
    assert "import_batch" not in tables(store)
    store = open_store(empty)
    assert get_clip(store, "c1").speaker == "demo:anna"
    with reading(store) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_the_one_the_code_wants() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_a_migration_that_breaks_off_leaves_nothing(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last table can't be made, since one of its name is there: the tables before it must go again."""
    with monkeypatch.context() as patch:
        patch.setattr("affexion_core.store.session.bring_up_to_date", lambda engine, begin: None)
        bare = open_store(empty)
    with writing(bare) as connection:
        connection.execute(text("CREATE TABLE evaluation (theirs INTEGER)"))
    with pytest.raises(StoreError, match="already exists"):
        open_store(empty)
    assert tables(bare) == {"evaluation"}
    with writing(bare) as connection:
        connection.execute(text("DROP TABLE evaluation"))
    assert tables(open_store(empty)) >= TABLES


def test_a_newer_database_is_refused_and_left_alone(empty: Workspace) -> None:
    store = open_store(empty)
    with writing(store) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(
        StoreError, match=rf"newer Affexion \(tables 9999, this one knows {REVISION}\).*Update Affexion"
    ):
        open_store(empty)
    with reading(store) as connection:
        assert schema_version(connection) == "9999"


def test_a_folder_with_a_percent_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    folder = tmp_path / "100%25 ä?"
    folder.mkdir()
    assert tables(open_store(Workspace(folder))) >= TABLES
    assert (folder / "affexion.db").is_file()


def killed_at(root: Path, statement: int, pipe: Connection) -> None:
    """Open a workspace, and die before the given statement of its migration; tells how many there were if it lives."""
    count = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def die(*_: object) -> None:
        nonlocal count
        count += 1
        if count == statement:
            os.kill(os.getpid(), signal.SIGKILL)

    open_store(Workspace(root))
    pipe.send(count)


def migration_killed(old: Path, place: Path, statement: int) -> int | None:
    """Kill a migration at a statement, and check that all is old or all is new; None after a kill, else the count."""
    shutil.copytree(old, place)
    ours, theirs = multiprocessing.Pipe()
    # forked, so that a hundred of them take seconds; they only use a database that nobody else has open
    child = multiprocessing.get_context("fork").Process(target=killed_at, args=(place, statement, theirs))
    child.start()
    child.join(60)
    count = ours.recv() if child.exitcode == 0 else None
    file = sqlite_module().connect(place / "affexion.db")
    version = file.execute("SELECT version_num FROM alembic_version").fetchone()[0]
    there = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    file.close()
    first = {"annotation", "clip", "dataset", "dataset_clip", "evaluation", "run", "scheme"}
    assert (version, there - {"alembic_version"}) in (("0001", first), (REVISION, TABLES))
    store = open_store(Workspace(place))
    with reading(store) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert [(made.id, made.value) for made in find_annotations(store)] == [("a1", "panic")]
    store.engine.dispose()
    return count


def first_version(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    old = written_by("0001", workspace, monkeypatch)
    with writing(old) as connection:
        for statement in OF_0001:
            connection.exec_driver_sql(statement)
    old.engine.dispose()
    return workspace.root


def test_a_migration_killed_halfway_leaves_old_or_new(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = first_version(workspace, monkeypatch)
    statements = migration_killed(old, tmp_path / "alive", 10_000)
    assert statements is not None and statements > 40
    for part in range(1, 5):
        assert migration_killed(old, tmp_path / f"killed-{part}", statements * part // 5) is None


@pytest.mark.soak
def test_a_migration_killed_at_each_step_leaves_old_or_new(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted
) -> None:
    old = first_version(workspace, monkeypatch)
    statements = migration_killed(old, tmp_path / "alive", 10_000)
    assert statements is not None
    for step in range(1, statements + 1):
        assert migration_killed(old, tmp_path / f"killed-{step}", step) is None
    counted("a migration killed before each of its statements, sqlite", f"{statements}: old or new, never mixed")
