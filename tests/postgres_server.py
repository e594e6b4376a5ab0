"""A private PostgreSQL for the tests, and the `store` fixture on both databases. Loaded by conftest.py as a plugin."""

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from affexion_core.store.schema import metadata
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import Workspace

ROLE = "affexion"
START_SECONDS = 60
# The tests check what is stored, not what survives a power cut: without syncing, a new database takes milliseconds.
SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "max_connections=60",
    "shared_buffers=32MB",
    "listen_addresses=127.0.0.1",
)
_numbers = itertools.count()


@dataclass(frozen=True)
class PostgresServer:
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://{ROLE}@127.0.0.1:{self.port}/{database}"

    def admin(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def create_database(self, language: str | None = None) -> str:
        """Make an empty database, sorted by a language where this server can, and give its name."""
        name = f"test_{next(_numbers)}"
        with self.admin() as connection:
            icu = language is not None and connection.info.server_version >= 150000
            sorting = f" LOCALE_PROVIDER icu ICU_LOCALE '{language}'" if icu else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0{sorting}")
        return name

    def drop_database(self, name: str) -> None:
        with self.admin() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def clear(self, name: str) -> None:
        """Empty all tables of a database, ending whatever a failed test left open in it."""
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(f"TRUNCATE {tables} RESTART IDENTITY")


def postgres_programs() -> Path | None:
    """Find the folder with initdb: Debian keeps it off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return debian[-1].parent if debian else (Path(on_path).parent if on_path else None)


def absent(reason: str) -> None:
    """Skip the test, or fail it in CI, where a skip would go unseen."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def as_server_user(command: list[str], dies_with_us: bool = False) -> list[str]:
    """Run a command as a user that PostgreSQL accepts, which root isn't; if asked, ended when the tests end."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return command
    options = ["--pdeathsig", "QUIT"] if dies_with_us else []
    if os.geteuid() == 0:
        options += ["--reuid=postgres", "--regid=postgres", "--init-groups"]
    return [setpriv, *options, *command] if options else command


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(programs: Path, folder: Path) -> tuple[subprocess.Popen, PostgresServer]:
    """Start a server on a free port; another program may take the port first, so try again then."""
    log = folder / "log"
    for _ in range(5):
        port = free_port()
        options = [part for setting in SETTINGS for part in ("-c", setting)]
        command = [f"{programs}/postgres", "-D", f"{folder}/data", "-k", str(folder), "-p", str(port), *options]
        with log.open("ab") as output:
            process = subprocess.Popen(as_server_user(command, True), stdout=output, stderr=output, cwd=folder)
        server = PostgresServer(port)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            try:
                server.admin().close()
                return process, server
            except psycopg.OperationalError:
                time.sleep(0.05)
        process.kill()
        process.wait()
    pytest.fail(f"PostgreSQL doesn't start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start a private PostgreSQL; skipped where none is installed."""
    programs = postgres_programs()
    if programs is None:
        absent("PostgreSQL isn't installed; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="affexion-pg-"))
    try:
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError:
                absent("PostgreSQL refuses to run as root, and there is no user postgres to run it as")
            os.chown(folder, user.pw_uid, user.pw_gid)
        initdb = [f"{programs}/initdb", "-D", f"{folder}/data", "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-sync"]
        made = as_server_user([*initdb, "--locale=C.UTF-8"])
        done = subprocess.run(made, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            pytest.fail(f"initdb failed:\n{done.stderr[-2000:]}")
        process, server = start(programs, folder)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a database with the tables, once, and give its name."""
    # sorted by language, as a team's server is: what we store must come in one order everywhere
    name = postgres_server.create_database(language="en-US")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEXION_DATABASE_URL", postgres_server.url(name))
        open_store(Workspace(tmp_path_factory.mktemp("postgres"))).engine.dispose()
    return name


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Give the address of a database without tables."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_store(workspace: Workspace) -> Iterator[Store]:
    """Open an empty store on SQLite."""
    store = open_store(workspace)
    yield store
    store.engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Open an empty store, on SQLite and on PostgreSQL in turn."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        name: str = request.getfixturevalue("postgres_tables")
        server.clear(name)
        monkeypatch.setenv("AFFEXION_DATABASE_URL", server.url(name))
    opened = open_store(workspace)
    yield opened
    opened.engine.dispose()
