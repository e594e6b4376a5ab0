"""How long from a label's key until the next clip can be heard, and what a clip costs in bytes.

    python benchmarks/annotate.py --audio DIR

``DIR`` holds FLAC files of speech. A headless Chromium (Debian's package) labels them by keyboard, one every
``--pause`` seconds: on the page Annotate, and on a page of Streamlit's own player and buttons. *Sound* is the moment
when the next clip plays and its time has moved on. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _verbs import machine
from playwright.sync_api import Browser, Page, sync_playwright

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.labeling.people import add_person
from affexion_core.labeling.projects import ProjectSettings, create_project
from affexion_core.scheme_files import shipped_schemes
from affexion_core.store.clips import ClipQuery, find_clips
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

PROJECT = Path(__file__).resolve().parent.parent
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-background-networking"]
# Keys as they go down, and the first moment at which a sound that began to play has moved on.
WATCH = """
window.keys = []; window.audible = [];
window.addEventListener("keydown", () => window.keys.push(performance.now()), true);
const play = HTMLMediaElement.prototype.play;
const watch = (audio) => {
    if (audio.watched) return;
    audio.watched = true;
    audio.addEventListener("playing", () => {
        const began = audio.currentTime;
        const look = () => {
            if (audio.paused) return;
            if (audio.currentTime > began) window.audible.push(performance.now());
            else setTimeout(look, 1);
        };
        look();
    });
};
HTMLMediaElement.prototype.play = function () { watch(this); return play.call(this); };
new MutationObserver(() => document.querySelectorAll("audio").forEach(watch))
    .observe(document, { childList: true, subtree: true });
"""


@dataclass
class Measured:
    """Milliseconds from key to sound, and bytes received over ``n`` clips, by HTTP and by web socket."""

    delays: list[float] = field(default_factory=list)
    http: int = 0
    socket: int = 0
    n: int = 0

    def row(self, name: str) -> str:
        """Write a line of the table."""
        cuts = statistics.quantiles(self.delays, n=20)
        figures = f"{statistics.median(self.delays):.0f} | {cuts[18]:.0f} | {max(self.delays):.0f}"
        kilobytes = f"{self.http / self.n / 1000:.0f} | {self.socket / self.n / 1000:.1f}"
        return f"| {name} | {len(self.delays)} | {figures} | {kilobytes} |"


def main() -> None:
    """Measure both pages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audio", type=Path, required=True, help="folder with FLAC files of speech")
    parser.add_argument("--clips", type=int, default=60, help="how many are labelled")
    parser.add_argument("--pause", type=float, default=1.5, help="seconds between two answers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        workspace = Path(folder) / "workspace"
        fill(workspace, options.audio.resolve(), options.clips + 10)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with serving("app.py", AFFEXION_WORKSPACE=str(workspace)) as address:
            station = measure(browser, f"{address}/annotate", options.clips, options.pause, sit_down)
        with serving("benchmarks/_annotate_plain.py", ANNOTATE_FOLDER=str(options.audio.resolve())) as address:
            plain = measure(browser, address, options.clips, options.pause, lambda page: None)
        browser.close()
    ratio = statistics.median(plain.delays) / statistics.median(station.delays)
    print(f"Machine: {machine()}. A key every {options.pause:g} s, {options.clips} clips.\n")
    print("| page | n | key to sound, ms (median) | p95 | most | kB a clip by HTTP | by web socket |")
    print("|---|---|---|---|---|---|---|")
    print(station.row("Annotate"))
    print(plain.row("st.audio and st.button"))
    print(f"\nThe next clip is heard {ratio:.1f} times sooner than with Streamlit's own widgets.")


def fill(workspace: Path, audio: Path, n: int) -> None:
    """Bring clips in and ask for their labels."""
    store = open_store(open_workspace(workspace))
    import_corpus(store, "folder", audio, ImportOptions(dataset="heard", in_place=True))
    ids = [row.clip.id for row in find_clips(store, ClipQuery(limit=n)).rows]
    anna = add_person(store, "Anna")
    settings = ProjectSettings(overlap=1, must_listen=False, gold_share=0, repeat_share=0)
    create_project(store, anna, "Round", shipped_schemes()["affexion"], ids, settings)


@contextmanager
def serving(script: str, **environment: str) -> Iterator[str]:
    """Run a Streamlit script; gives its address."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.headless=true", f"--server.port={port}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=PROJECT, env=os.environ | environment, **quiet)
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


def sit_down(page: Page) -> None:
    """Say a name and wait for the first clip."""
    page.get_by_test_id("stMain").get_by_role("button", name="Anna").click()
    page.locator(".station[data-mode=live]").wait_for()


def measure(browser: Browser, address: str, clips: int, pause: float, begin) -> Measured:
    """Label clips at an even pace; the first three are for warming up."""
    found = Measured(n=clips)
    page = browser.new_context().new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    counting = False

    def got(size: int) -> None:
        found.http += size if counting else 0

    def framed(payload: bytes | str) -> None:
        found.socket += len(payload) if counting else 0

    page.on("websocket", lambda opened: opened.on("framereceived", framed))
    page.on("requestfinished", lambda request: got(request.sizes()["responseBodySize"]))
    page.goto(address)
    begin(page)
    page.wait_for_function("window.audible.length > 0")
    for number in range(clips + 3):
        counting = number >= 3
        page.wait_for_timeout(1000 * pause)
        heard = page.evaluate("window.audible.length")
        page.keyboard.press(str(number % 4 + 1))
        page.wait_for_function("(heard) => window.audible.length > heard", arg=heard)
        key, sound = page.evaluate("[window.keys.at(-1), window.audible.at(-1)]")
        if counting:
            found.delays.append(sound - key)
    page.context.close()
    return found


if __name__ == "__main__":
    main()
