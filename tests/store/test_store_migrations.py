from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from affexion_core.errors import StoreError
from affexion_core.store.schema import REVISION, metadata
from affexion_core.store.session import Store, open_store, reading, writing
from affexion_core.store.upgrading import MIGRATIONS, schema_version
from affexion_core.workspace import Workspace

TABLES = {"clip", "dataset", "dataset_clip", "scheme", "annotation", "run", "evaluation", "job"}


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
