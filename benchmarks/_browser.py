"""Serve a page and watch it from outside: when something can be seen, how long a run takes, how many bytes come."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

PROJECT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
# Milliseconds without a frame after which a page has come to rest.
_REST = 400


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass(frozen=True)
class Server:
    """A Streamlit script that is served: its address, its process, and the seconds until it answered."""

    address: str
    process: psutil.Process
    seconds: float

    def cpu_seconds(self) -> float:
        """Seconds of computing by the server itself so far, which a busy machine changes least."""
        used = self.process.cpu_times()
        return used.user + used.system

    def megabytes(self) -> float:
        """Proportional share of memory (PSS) of the server and what it started, in MB."""
        all_of_it = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_full_info().pss for one in all_of_it) / 1e6


@contextmanager
def serving(script: str, workspace: Path) -> Iterator[Server]:
    """Run a Streamlit script in a process of its own, on a workspace."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless=true", f"--server.port={port}"]
    environment = os.environ | {"AFFEXION_WORKSPACE": str(workspace)}
    began = time.perf_counter()
    server = subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except (urllib.error.URLError, TimeoutError):
                if server.poll() is not None or time.perf_counter() - began > 180:
                    raise RuntimeError(f"{script} was not served") from None
                time.sleep(0.05)
        seconds = time.perf_counter() - began
        yield Server(f"http://127.0.0.1:{port}", psutil.Process(server.pid), seconds)
    finally:
        server.terminate()
        server.wait(timeout=20)


@dataclass
class Wire:
    """What goes between a page and its server, by the browser's own clock (seconds).

    ``asked`` and ``finished`` are times of runs that somebody asked for; runs by which a page keeps itself up to date
    count into ``own_bytes`` alone.
    """

    asked: list[float] = field(default_factory=list)
    finished: list[float] = field(default_factory=list)
    bytes: int = 0
    own_bytes: int = 0
    http: int = 0
    running: bool = False
    last: float = 0.0
    _fragments: set[str] = field(default_factory=set)
    _own: bool = False

    def clear(self) -> None:
        """Begin to count anew."""
        self.asked, self.finished = [], []
        self.bytes = self.own_bytes = self.http = 0

    def sent(self, event: dict[str, Any]) -> None:
        """Take note of what the page asks for."""
        message = BackMsg.FromString(_payload(event))
        if not message.HasField("rerun_script"):
            return
        if message.rerun_script.is_auto_rerun:
            self._fragments.add(message.rerun_script.fragment_id)
            return
        self.asked.append(event["timestamp"])
        self.last = time.perf_counter()

    def received(self, event: dict[str, Any]) -> None:
        """Take note of what the server answers."""
        payload = _payload(event)
        message = ForwardMsg.FromString(payload)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            drawn = set(message.metadata.run.fragment_ids)
            waiting = len(self.asked) > len(self.finished)
            self._own = bool(drawn) and drawn <= self._fragments and not waiting
            self.running |= not self._own
        if self._own:
            self.own_bytes += len(payload)
        else:
            self.bytes += len(payload)
            self.last = time.perf_counter()
        if kind == "script_finished":
            if not self._own:
                self.running = False
                self.finished.append(event["timestamp"])
            self._own = False

    def loaded(self, event: dict[str, Any]) -> None:
        """Count what came by HTTP."""
        self.http += int(event["encodedDataLength"])
        self.last = time.perf_counter()


def _payload(event: dict[str, Any]) -> bytes:
    found = event["response"]
    return base64.b64decode(found["payloadData"]) if found["opcode"] == 2 else b""


@dataclass(frozen=True)
class Opened:
    """A page that was opened: seconds until its marker could be seen and until its script had ended; bytes."""

    page: Page
    wire: Wire
    useful: float
    whole: float


def open_page(context: BrowserContext, address: str, marker: str) -> Opened:
    """Open an address directly and wait until its marker can be seen, and until it rests."""
    page, wire = context.new_page(), Wire()
    page.set_default_timeout(90_000)
    session = context.new_cdp_session(page)
    session.on("Network.webSocketFrameSent", wire.sent)
    session.on("Network.webSocketFrameReceived", wire.received)
    session.on("Network.loadingFinished", wire.loaded)
    session.send("Network.enable")
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(marker).first.wait_for()
    useful = time.perf_counter() - began
    rest(page, wire)
    whole = wire.last - began
    return Opened(page, wire, useful, whole)


def rest(page: Page, wire: Wire, patience: float = 40.0) -> None:
    """Wait until no run goes on that somebody asked for, and nothing has come for a moment."""
    began = time.perf_counter()
    while time.perf_counter() - began < patience:
        page.wait_for_timeout(25)
        quiet = 1000 * (time.perf_counter() - wire.last) > _REST
        if quiet and wire.finished and not wire.running:
            return
    raise TimeoutError(f"{page.url} did not come to rest")
