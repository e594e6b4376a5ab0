"""How soon each page can be used, how long its main gesture takes, what goes over the wire, and memory by session.

    python benchmarks/app.py --workspace DIR

``DIR`` was filled by ``docs/screenshot_study.py`` (``make screenshots`` does it, too). A headless Chromium (Debian's
package) opens each page directly: *cold* on a server just started that nobody has asked for anything, *warm* on one
that has shown the page before, both in a browser with an empty cache. *Useful* is when what the page is for can be seen
and used, *whole* when its script has ended and nothing more comes. A rerun goes from the message that the gesture sends
to the end of the script, by the browser's clock; kB are what came back. The peer, in the same run, is a page of
Streamlit with a title, a line and a button.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from _app_measure import Visitor, cookie_of, measure, print_reruns, print_times
from _app_pages import Look, one_of, pages
from _browser import chromium, serving
from _verbs import machine

from affexion_core.labeling.people import list_people
from affexion_core.labeling.projects import ProjectSettings, create_project
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

APP, PLAIN = "app.py", "benchmarks/_app_plain.py"
PEER = Look("a page of three elements", "", "h1", "its button", one_of("Again"))


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--cold", type=int, default=3, help="repeats of each cold start")
    parser.add_argument("--warm", type=int, default=5, help="repeats of each warm opening and each gesture")
    parser.add_argument("--sessions", type=int, default=10, help="sessions open at once; 0 leaves memory out")
    parser.add_argument("--only", nargs="*", help="names of pages; all if not said")
    options = parser.parse_args()
    workspace = options.workspace.resolve()
    project, rater, cookie = make_project(workspace)
    looks = [look for look in pages(project, rater) if not options.only or look.name in options.only]
    with chromium() as browser:
        visitor = Visitor(browser, cookie)
        peer = measure(visitor, PLAIN, workspace, [PEER], options.cold, options.warm)[PEER.name]
        seen = measure(visitor, APP, workspace, looks, options.cold, options.warm)
        counts = f"{options.cold} cold starts, {options.warm} warm openings and gestures"
        print(f"Machine: {machine()}. {counts}; load average {os.getloadavg()[1]:.1f}.\n")
        print_times(looks, seen, (PEER.name, peer))
        print_reruns([*looks, PEER], seen | {PEER.name: peer})
        sys.stdout.flush()
        memory = None
        if options.sessions:
            memory = tuple(
                sessions(visitor, script, workspace, each, options.sessions)
                for script, each in ((PLAIN, [PEER]), (APP, looks))
            )
    if memory is not None:
        print_memory(memory, options.sessions)


def make_project(workspace: Path) -> tuple[str, str, dict[str, str]]:
    """Ask for labels of a set anew, so that there are clips to label; gives project, rater, and the rater's cookie."""
    store = open_store(open_workspace(str(workspace)))
    person, dataset = list_people(store)[0], load_dataset(store, "example-field")
    name = f"Speed {time.strftime('%H-%M-%S')}"
    settings = ProjectSettings(overlap=1, must_listen=False, gold_share=0.0, repeat_share=0.0)
    create_project(store, person, name, dataset.scheme, [item.clip.id for item in dataset.items], settings)
    return name, person.name, cookie_of(store, person.name)


def sessions(visitor: Visitor, script: str, workspace: Path, looks: Sequence[Look], n: int) -> list[float]:
    """Give the server's memory in MB: before anybody came, with one session open, and with ``n``, on pages in turn."""
    with serving(script, workspace) as server:
        found, contexts = [server.megabytes()], []
        for k in range(n):
            contexts.append(visitor.open(server, looks[k % len(looks)]).page.context)
            if k in (0, n - 1):
                found.append(server.megabytes())
        for context in contexts:
            context.close()
    return found


def print_memory(memory: Sequence[Sequence[float]], n: int) -> None:
    """Print the server's memory."""
    print(f"\n| server | nobody, MB (PSS) | one session | {n} sessions | a session more |\n|---|---|---|---|---|")
    names = ("the peer", "the app, the pages in turn")
    for name, (empty, one, many) in zip(names, memory, strict=True):
        print(f"| {name} | {empty:.0f} | {one:.0f} | {many:.0f} | {(many - one) / max(1, n - 1):.1f} |")


if __name__ == "__main__":
    main()
