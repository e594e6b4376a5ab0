import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_settings import CHROMIUM, FLAGS, PATIENCE

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def chromium():
    """Start a headless browser; skipped where there is none, and failed in CI."""
    if not CHROMIUM.exists():
        message = "no browser: install Debian's package chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


class Servers:
    """Starts the app, or another script, on a workspace when called, and gives its address."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen] = {}

    def __call__(self, workspace: Path, script: Path | str = "app.py", port: int | None = None) -> str:
        if port is None:
            with socket.socket() as held:
                held.bind(("127.0.0.1", 0))
                port = held.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless=true"]
        command += [f"--server.port={port}"]
        environment = {k: v for k, v in os.environ.items() if k != "AFFEXION_DATABASE_URL"}
        environment["AFFEXION_WORKSPACE"] = str(workspace)
        server = subprocess.Popen(
            command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        address = f"http://127.0.0.1:{port}"
        self._running[address] = server
        _wait_for(f"{address}/_stcore/health", server)
        return address

    def kill(self, address: str) -> None:
        """Kill the app as a crash would."""
        server = self._running.pop(address)
        server.kill()
        server.wait(timeout=20)

    def close(self) -> None:
        """End all that still run."""
        for server in self._running.values():
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture(scope="session")
def serve() -> Iterator[Servers]:
    """Start the app on a workspace; gives its address."""
    servers = Servers()
    yield servers
    servers.close()


def _wait_for(address: str, server: subprocess.Popen) -> None:
    for _ in range(300):
        if server.poll() is not None:
            pytest.fail(f"the app ended at once with code {server.returncode}")
        try:
            urllib.request.urlopen(address, timeout=1)
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    pytest.fail("the app didn't answer within a minute")
