import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.exc import SQLAlchemyError

from affexion_core.errors import StoreError
from affexion_core.store import session
from affexion_core.store.clips import ClipQuery, add_clips, find_clips, get_clip
from affexion_core.store.schema import clip as clip_table
from affexion_core.store.schema import dataset
from affexion_core.store.session import Store, open_store, reading, writing
from affexion_core.store.write_queue import turn
from affexion_core.types import Clip
from affexion_core.workspace import Workspace

PROJECT = Path(__file__).resolve().parents[2]


def clip(number: int, **changes) -> Clip:
    return Clip(f"clip-{number}", f"audio/{number}.wav", f"{number:064x}", "real", "demo", 1.5, 16000, **changes)


def pragma(store: Store, name: str):
    with reading(store) as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_sqlite_is_set_up_to_keep_what_it_acknowledged(sqlite_store: Store) -> None:
    assert session.sqlite_module().sqlite_version_info >= session.WAL_SAFE
    assert pragma(sqlite_store, "journal_mode") == "wal"
    assert pragma(sqlite_store, "synchronous") == 2
    assert pragma(sqlite_store, "foreign_keys") == 1
    assert pragma(sqlite_store, "busy_timeout") == session.LOCK_SECONDS * 1000


def test_an_sqlite_with_the_wal_bug_gets_a_rollback_journal(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "WAL_SAFE", (99, 0, 0))
    store = open_store(workspace)
    assert pragma(store, "journal_mode") == "delete"
    add_clips(store, [clip(1)])
    assert get_clip(store, "clip-1") == clip(1)


def test_works_with_pythons_own_sqlite(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "sqlite_module", lambda: sqlite3)
    store = open_store(workspace)
    assert add_clips(store, [clip(1), clip(2)]).added == ("clip-1", "clip-2")
    assert find_clips(store, ClipQuery(text="AUDIO/2")).total == 1


def test_writing_is_undone_as_a_whole(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), writing(store) as connection:
        connection.execute(
            insert(dataset).values(name="half", origin="real", scheme="x", labels=[], description="", created="now")
        )
        1 / 0  # noqa: B018
    with reading(store) as connection:
        assert connection.execute(select(dataset.c.name)).all() == []


def test_reading_sees_one_state(store: Store) -> None:
    add_clips(store, [clip(1)])
    with reading(store) as connection:
        before = connection.execute(select(clip_table.c.id)).scalars().all()
        add_clips(store, [clip(2)])
        assert connection.execute(select(clip_table.c.id)).scalars().all() == before == ["clip-1"]


def test_database_errors_become_store_errors(store: Store) -> None:
    with (
        pytest.raises(StoreError, match="refuses the value.*nothing of this step was saved") as caught,
        writing(store) as connection,
    ):
        row = {"name": "x", "origin": "martian", "scheme": "x", "labels": [], "description": "", "created": "now"}
        connection.execute(insert(dataset).values(row))
    assert isinstance(caught.value.__cause__, SQLAlchemyError)
    with pytest.raises(StoreError, match="as expected|lacks tables"), reading(store) as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")


def test_values_no_database_can_hold(store: Store) -> None:
    with pytest.raises(StoreError, match="can't be stored"):
        add_clips(store, [clip(1, transcript="half a pair: \ud800")])
    with pytest.raises(StoreError, match="nothing of this step was saved"):
        add_clips(store, [clip(2), clip(3, channels=2**70)])
    assert find_clips(store, ClipQuery()).total == 0


# --- SQLite failures, made for real ---


def test_held_by_another_program(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOCK_SECONDS", 0.2)
    store = open_store(workspace)
    other = session.sqlite_module().connect(workspace.root / "affexion.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match=r"affexion\.db was held by another program .* Close what holds it"):
        add_clips(store, [clip(1)])
    other.execute("ROLLBACK")
    other.close()
    assert add_clips(store, [clip(1)]).added == ("clip-1",)


def test_queue_held_by_a_writer_that_hangs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOCK_SECONDS", 0.2)
    store = open_store(workspace)
    with turn(workspace.root / "affexion.db", 1) as mine:
        assert mine
        begun = time.monotonic()
        with pytest.raises(StoreError, match="held by another program"):
            add_clips(store, [clip(1)])
        assert 0.15 < time.monotonic() - begun < 5
    # the abandoned wait gives the turn back as soon as it gets it
    assert add_clips(store, [clip(1)]).added == ("clip-1",)


def test_queue_lets_one_in_at_a_time(tmp_path: Path) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(20):
            with turn(tmp_path / "some.db", 10) as mine:
                assert mine
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80 and max(most) == 1


def test_read_only_database(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    file = workspace.root / "affexion.db"
    open_store(workspace).engine.dispose()
    monkeypatch.setenv("AFFEXION_DATABASE_URL", f"sqlite:///file:{file}?mode=ro&uri=true")
    store = open_store(workspace)
    assert find_clips(store, ClipQuery()).total == 0
    with pytest.raises(StoreError, match="is read-only; nothing of this step was saved"):
        add_clips(store, [clip(1)])


def test_full_disk(sqlite_store: Store) -> None:
    add_clips(sqlite_store, [clip(0)])
    pages = pragma(sqlite_store, "page_count")
    sqlite_store.engine.dispose()
    event.listen(sqlite_store.engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StoreError, match="is full; nothing of this step was saved.*Free some space"):
        add_clips(sqlite_store, [clip(i) for i in range(1, 1000)])
    assert find_clips(sqlite_store, ClipQuery()).total == 1


def test_file_that_is_no_database(workspace: Workspace) -> None:
    (workspace.root / "affexion.db").write_text("my shopping list " * 100)
    with pytest.raises(StoreError, match="isn't a database; audio and runs beside it are untouched. Put back a backup"):
        open_store(workspace)
    assert (workspace.root / "affexion.db").read_text() == "my shopping list " * 100


def test_damaged_database(workspace: Workspace) -> None:
    store = open_store(workspace)
    add_clips(store, [clip(i) for i in range(500)])
    store.engine.dispose()
    file = workspace.root / "affexion.db"
    content = bytearray(file.read_bytes())
    assert len(content) > 100_000
    content[8192:] = b"\xa5" * (len(content) - 8192)
    file.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged; audio and runs"):
        find_clips(open_store(workspace), ClipQuery())


def test_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    with pytest.raises(StoreError, match="can't be opened: its folder is missing"):
        open_store(Workspace(tmp_path / "nowhere"))


# --- PostgreSQL failures ---


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:hush@127.0.0.1:1/lab", r"can't be used: lab on 127\.0\.0\.1:1 .*Start it"),
        ("postgres://me:hush@127.0.0.1:1/lab", r"can't be used: lab on 127\.0\.0\.1:1 .*nothing of this step"),
        ("mysql://me:hush@host/lab", r"kind 'mysql' isn't supported; write sqlite:///FILE"),
        ("me:hush at host", "can't be read; write sqlite:///FILE"),
    ],
)
def test_wrong_address(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    monkeypatch.setenv("AFFEXION_DATABASE_URL", url)
    with pytest.raises(StoreError, match=message) as caught:
        open_store(workspace)
    assert "hush" not in str(caught.value)


@pytest.fixture
def postgres_store(postgres_url: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(session, "LOCK_SECONDS", 1)
    monkeypatch.setenv("AFFEXION_DATABASE_URL", postgres_url.replace("postgresql://", "postgres://"))
    return open_store(workspace)


@pytest.mark.postgres
def test_postgres_database_that_is_not_there(
    postgres_url: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFEXION_DATABASE_URL", postgres_url + "_else")
    with pytest.raises(StoreError, match="does not exist.*correct AFFEXION_DATABASE_URL"):
        open_store(workspace)


@pytest.mark.postgres
def test_postgres_connection_that_breaks(postgres_store: Store) -> None:
    expected = "broke .*whether this last step was saved isn't known. Repeat it"
    with pytest.raises(StoreError, match=expected), writing(postgres_store) as connection:
        connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
    assert add_clips(postgres_store, [clip(1)]).added == ("clip-1",)


@pytest.mark.postgres
def test_postgres_restart_between_two_steps(postgres_store: Store) -> None:
    add_clips(postgres_store, [clip(1)])
    with postgres_store.engine.connect(), postgres_store.engine.connect():
        pass  # the pool holds two connections now
    with postgres_store.engine.connect() as other:
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        other.exec_driver_sql(end + " AND pid <> pg_backend_pid()")
    time.sleep(session.FRESH_SECONDS + 0.1)
    with reading(postgres_store) as one, reading(postgres_store) as another:
        for connection in (one, another):
            assert connection.exec_driver_sql("SELECT count(*) FROM clip").scalar() == 1


@pytest.mark.postgres
def test_postgres_row_held_by_another_session(postgres_store: Store) -> None:
    with writing(postgres_store) as holding:
        holding.exec_driver_sql("LOCK TABLE clip IN EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="held by another session .*nothing of this step was saved"):
            add_clips(postgres_store, [clip(1)])


# --- opening ---


def test_opening_an_up_to_date_database_is_quick(sqlite_store: Store) -> None:
    """No Alembic, and nothing heavy, in the way of a page's first draw."""
    code = (
        "import sys; from pathlib import Path; from affexion_core.workspace import Workspace\n"
        "from affexion_core.store.session import open_store\n"
        "from affexion_core.store import clips, datasets, labels, runs\n"
        "store = open_store(Workspace(Path(sys.argv[1]))); datasets.list_datasets(store)\n"
        "print(sorted(m for m in ('alembic', 'torch', 'librosa', 'pandas', 'psycopg') if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(sqlite_store.workspace.root)], capture_output=True, text=True, cwd=PROJECT
    )
    assert done.stdout == "[]\n", done.stderr
    begun = time.perf_counter()
    open_store(sqlite_store.workspace)
    assert time.perf_counter() - begun < 0.5
