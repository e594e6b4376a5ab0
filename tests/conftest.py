import os
from collections.abc import Callable
from pathlib import Path

# Before torch is loaded, here and in what tests start: test workers side by side would fight over the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from affexion_core.workspace import Workspace, open_workspace

# The fixtures store (on SQLite and PostgreSQL), sqlite_store, postgres_server and postgres_url.
pytest_plugins = ["postgres_server"]

# how fast an example is drawn says nothing on a busy machine
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

PROJECT = Path(__file__).resolve().parent.parent


def shared_folder() -> Path | None:
    """Find the folder with real speech and papers beside the repository, if this machine has it."""
    folder = Path(os.environ.get("AFFEXION_SHARED") or PROJECT.parent / "shared")
    return folder if (folder / "audio" / "signals.csv").is_file() else None


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """Folder of real speech; the test is skipped where it is absent, and fails in CI."""
    folder = shared_folder()
    if folder is None:
        message = "no real speech: set AFFEXION_SHARED to a folder with audio/signals.csv"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return folder / "audio"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Open an empty workspace on SQLite."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path / "workspace"))
    return open_workspace()


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make tiny encoders under the names that presets use; skips where the transformers library is missing."""
    from tiny_encoders import preset_encoders

    return preset_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.fixture
def tiny_encoders(encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let presets find tiny encoders in place of those they name; gives their folder."""
    monkeypatch.setenv("AFFEXION_ENCODERS", str(encoder_folder))
    return encoder_folder


COUNTS = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture
def counted(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Note what a test counted, as ``counted(what, figures)``; the counts are listed at the end of the run."""
    return lambda what, figures: request.config.stash.setdefault(COUNTS, []).append((what, figures))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """List the counts as a Markdown table."""
    counts = config.stash.get(COUNTS, [])
    if counts:
        terminalreporter.section("counts")
        terminalreporter.write_line("| what | counted |\n|---|---|")
        for what, figures in sorted(counts):
            terminalreporter.write_line(f"| {what} | {figures} |")
