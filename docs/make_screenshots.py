"""Make the screenshots of the docs: fill a temporary workspace with the example study, open every page, keep PNGs.

Run it with ``make screenshots``; it needs Debian's chromium and takes some minutes, most of them for the example.
``--workspace DIR`` takes a workspace that is filled already.
"""

from __future__ import annotations

import argparse
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from screenshot_study import PEOPLE, ROUND, fill

PROJECT = Path(__file__).resolve().parent.parent
TARGET = PROJECT / "docs" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LARGEST = 250_000
_HEIGHT = "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"


@dataclass(frozen=True)
class View:
    """One way to look at the app: its name, size in pixels, and colour scheme."""

    name: str
    width: int
    height: int
    scheme: str


VIEWS = (View("light", 1280, 800, "light"), View("dark", 1280, 800, "dark"), View("phone", 390, 844, "light"))
PAGES = {
    "overview": "/",
    "library": "/library",
    "train": "/train?preset=affexion-paper&train=example-synthetic&test=example-field&kind=cv",
    "runs": "/runs",
    "results": "/results",
    "annotate": f"/annotate?project={ROUND.replace(' ', '+')}",
    "agreement": f"/agreement?project={ROUND.replace(' ', '+')}",
    "adjudicate": f"/adjudicate?project={ROUND.replace(' ', '+')}",
    "attention": "/attention",
    "gap": "/gap",
    "datasets": "/datasets",
    "import": "/import_clips",
    "synthesize": "/synthesize",
    "live": "/live",
    "files": "/files",
}
# Beside these, only the light view of a page is kept.
ALL_VIEWS = ("overview", "library", "train", "runs", "results", "annotate", "attention", "gap")


def main() -> None:
    """Make all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, help="a workspace that is filled already")
    chosen = parser.parse_args().workspace
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving(Path(folder) / "empty") as address:
            keep(browser, VIEWS[0], f"{address}/", "overview-empty")
            keep(browser, VIEWS[0], f"{address}/library", "library-empty")
        workspace = chosen or Path(folder) / "study"
        if chosen is None:
            fill(workspace)
        with serving(workspace) as address:
            for view in VIEWS:
                for name, path in PAGES.items():
                    if view.name != "light" and name not in ALL_VIEWS:
                        continue
                    keep(browser, view, address + path, f"{name}-{view.name}")
            keep(browser, VIEWS[0], f"{address}/results", "results-whole", whole=True)
        browser.close()


@contextmanager
def serving(workspace: Path) -> Iterator[str]:
    """Run the app on a workspace; gives its address."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}"]
    environment = os.environ | {"AFFEXION_WORKSPACE": str(workspace)}
    server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def keep(
    browser: Browser,
    view: View,
    address: str,
    name: str,
    whole: bool = False,
    until: str = "",
) -> None:
    """Open a page, wait until it is drawn and says some words, and keep its picture."""
    size = {"width": view.width, "height": view.height}
    context = browser.new_context(viewport=size, color_scheme=view.scheme)
    page = context.new_page()
    page.goto(address)
    settle(page)
    person = page.get_by_test_id("stMain").get_by_role("button", name=PEOPLE[0], exact=True)
    if person.count():  # the page asks who is there
        person.first.click()
        settle(page)
    if until:
        page.get_by_text(until).first.wait_for(timeout=240_000)
        settle(page)
    if whole:
        height = 0
        for _ in range(8):  # what comes into sight may be drawn only then, and be taller
            before, height = height, page.evaluate(_HEIGHT)
            if height == before:
                break
            page.set_viewport_size({"width": view.width, "height": min(height + 40, 5000)})
            settle(page)
    take(page, name)
    context.close()


def take(page: Page, name: str) -> None:
    """Keep the picture of what is in sight, with as many colours as the limit allows."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    target = TARGET / f"{name}.png"
    for colours in (256, 128, 64, 32):
        picture.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
        if target.stat().st_size <= LARGEST:
            break
    print(f"{target.relative_to(PROJECT)}: {target.stat().st_size // 1000} kB", flush=True)


def settle(page: Page) -> None:
    """Wait until the page has its title, no placeholder is left, and figures have been drawn."""
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_function(
        "!document.querySelector('[data-testid=stSkeleton]') && !document.querySelector('[data-testid=stStatusWidget]')"
        " && !document.querySelector('[data-testid=stSpinner]')",
        timeout=240_000,
    )
    page.wait_for_timeout(2500)


if __name__ == "__main__":
    main()
