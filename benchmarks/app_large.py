"""The library and the labelling queue with many clips: what raters wait for, and when the pages can be used.

    python benchmarks/app_large.py --clips 100000

Makes a workspace of that many clips as `benchmarks/library.py` does, all with one recording, and asks three raters for
labels of all of them. The queue is timed in this process: one draw and one answer after the other. The pages Library,
Datasets and Annotate are timed in a headless Chromium as by `benchmarks/app.py`, beside the same on 100 clips.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from _app_measure import Seen, Visitor, cookie_of, measure, print_reruns, print_times
from _app_pages import Look, pages
from _browser import chromium
from _verbs import machine
from library import SCHEME, fill

from affexion_core.labeling.people import Person, add_person
from affexion_core.labeling.projects import ProjectSettings, create_project
from affexion_core.labeling.queue import Answer, draw, progress, submit
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import open_workspace

PROJECT = "All of it"
_PAGES = ("Library", "Datasets", "Annotate")
_FEW = 100


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=300, help="given by each of three raters")
    parser.add_argument("--warm", type=int, default=5)
    parser.add_argument("--queue", action="store_true", help="the queue alone, without pages")
    options = parser.parse_args()
    print(f"Machine: {machine()}. {options.clips} clips.\n")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        many, people, seconds = made(Path(folder) / "many", options.clips)
        print(f"Asking for labels of all clips took {seconds:.1f} s.\n", flush=True)
        label(many, people, options.answers)
        if options.queue:
            return
        few, _, _ = made(Path(folder) / "few", _FEW)
        seen: dict[str, Seen] = {}
        looks: list[Look] = []
        for name, store in (("100 clips", few), (f"{options.clips} clips", many)):
            mine = [named(look, f"{look.name}, {name}") for look in pages(PROJECT, "Anna") if look.name in _PAGES]
            visitor = Visitor(browser, cookie_of(store, "Anna"))
            seen |= measure(visitor, "app.py", store.workspace.root, mine, 1, options.warm)
            looks += mine
        looks.sort(key=lambda look: look.name.split(",")[0])
        peer = next(seen[look.name] for look in looks if look.name.startswith("Library, 100 "))
        print_times(looks, seen, (f"the peer is Library, {_FEW} clips", peer))
        print_reruns(looks, seen)


def named(look: Look, name: str) -> Look:
    """Give a look under another name."""
    return Look(name, look.path, look.marker, look.does, look.gesture)


def made(folder: Path, n: int) -> tuple[Store, list[Person], float]:
    """Make a workspace with clips and a project; gives the seconds that the project took as well."""
    store = open_store(open_workspace(folder))
    clips = fill(store, n)
    sound = folder / clips[0].file
    sound.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(sound, 0.1 * np.random.default_rng(0).standard_normal(5 * 16_000), 16_000)
    people = [add_person(store, name) for name in ("Anna", "Ben", "Cleo")]
    begun = time.perf_counter()
    settings = ProjectSettings(overlap=2, must_listen=False, gold_share=0.0)
    create_project(store, people[0], PROJECT, SCHEME, [clip.id for clip in clips], settings)
    return store, people, time.perf_counter() - begun


def label(store: Store, people: list[Person], n: int) -> None:
    """Let raters answer in turn, and print how long they wait for the queue."""
    dice = random.Random(0)
    taken: dict[str, list[float]] = {"draw 4 clips": [], "save an answer": [], "count what is left": []}

    def timed(what: str, work: Callable[[], object]) -> object:
        begun = time.perf_counter()
        found = work()
        taken[what].append(time.perf_counter() - begun)
        return found

    for k in range(n * len(people)):
        person = people[k % len(people)]
        tasks = timed("draw 4 clips", lambda person=person: draw(store, PROJECT, person))
        answer = Answer(str(uuid.uuid4()), tasks[0].clip_id, label=dice.choice(SCHEME.labels), seconds=4.0)  # type: ignore[index]
        timed("save an answer", lambda person=person, answer=answer: submit(store, PROJECT, person, [answer]))
        if k % 10 == 0:
            timed("count what is left", lambda person=person: progress(store, PROJECT, person))
    print("| queue | n | median, ms | p95, ms | most, ms |\n|---|---|---|---|---|")
    for what, seconds in taken.items():
        found = 1000 * np.array(seconds)
        print(
            f"| {what} | {len(found)} | {np.median(found):.1f} | {np.percentile(found, 95):.1f} | {found.max():.1f} |"
        )
    print(flush=True)


if __name__ == "__main__":
    sys.exit(main())
