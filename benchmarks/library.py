"""How long the library takes to open, filter, sort and page, with many clips.

    python benchmarks/library.py --clips 100000

Makes a workspace of that many clips (the rows are whole; all share one recording, since none is opened) with a dataset
and votes, on SQLite or where ``AFFEXION_DATABASE_URL`` says, and asks what the pages ask. The goal is 500 ms for 95 of
100 answers. The peer is the same question as a plain SQL statement on the same database: what the database alone takes.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _verbs import machine
from sqlalchemy import text

from affexion_core.labeling.versions import compare_datasets
from affexion_core.licences import licences_in
from affexion_core.store.clips import ClipQuery, add_clips, facets, find_clips
from affexion_core.store.dataset_rows import dataset_hash
from affexion_core.store.datasets import list_datasets, load_dataset, save_dataset
from affexion_core.store.imports import import_of, list_imports
from affexion_core.store.licences import dataset_licences
from affexion_core.store.session import Store, open_store, reading
from affexion_core.types import Clip, Provenance, Scheme
from affexion_core.workspace import open_workspace

GOAL = 0.5
SCHEME = Scheme("four", ("boredom", "panic", "excitement", "uncertainty"))
WORDS = ("the", "cat", "said", "no", "way", "to", "that", "old", "house", "of", "my", "Größe", "über", "alles")
LICENCES = ("CC BY 4.0", "CC BY-NC-SA 4.0", "ODbL 1.0", None)


def made_clips(n: int, seed: int = 1) -> list[Clip]:
    """Make rows as a mixed library has them: 3500 speakers of 7 corpora, two thirds real."""
    dice, made = random.Random(seed), []
    for i in range(n):
        content, speaker = f"{dice.getrandbits(256):064x}", dice.randrange(3500)
        corpus = f"corpus-{speaker % 7}"
        made.append(
            Clip(
                content[:16],
                "audio/aa/shared.wav",
                content,
                "real" if speaker % 3 else "synthetic",
                corpus,
                dice.uniform(0.5, 10),
                16000,
                speaker=f"{corpus}:{speaker:04d}" if i % 11 else None,
                language=("de", "en", None)[speaker % 3],
                transcript=" ".join(dice.choices(WORDS, k=8)),
                attributes={"intensity": "normal"},
                provenance=Provenance("https://example.org", LICENCES[speaker % 4]),
            )
        )
    return made


def fill(store: Store, n: int) -> list[Clip]:
    """Fill a workspace: the clips, and two datasets of the real ones."""
    clips = made_clips(n)
    for first in range(0, n, 10_000):
        add_clips(store, clips[first : first + 10_000])
    real = [clip for clip in clips if clip.origin == "real"]
    items = [(clip.id, SCHEME.labels[i % 4]) for i, clip in enumerate(real)]
    save_dataset(store, "all", "real", SCHEME, items)
    save_dataset(store, "half", "real", SCHEME, items[: len(items) // 2])
    return clips


def questions(store: Store, clips: list[Clip]) -> dict[str, Callable[[], object]]:
    """Give what pages ask, by name."""
    n = len(clips)
    pages = {
        "open the library": ClipQuery(),
        "its last page": ClipQuery(offset=max(0, n - 100)),
        "a dataset": ClipQuery(dataset="all"),
        "a label of a dataset": ClipQuery(dataset="all", label="panic"),
        "a label anywhere": ClipQuery(label="panic"),
        "one speaker": ClipQuery(speaker=next(clip.speaker for clip in clips if clip.speaker)),
        "words": ClipQuery(text="größe"),
        "words in none": ClipQuery(text="in no transcript"),
        "words in a dataset, by length": ClipQuery(dataset="all", text="house", order="duration"),
        "by date, newest first": ClipQuery(order="added", descending=True),
        "by label": ClipQuery(dataset="all", order="label"),
        "by words, one language": ClipQuery(language="de", order="transcript"),
        "by length, in the middle": ClipQuery(order="duration", offset=n // 2),
    }
    asked: dict[str, Callable[[], object]] = {
        name: lambda query=query: find_clips(store, query)
        for name, query in pages.items()  # type: ignore[misc]
    }
    return asked | {
        "filters of the library": lambda: facets(store),
        "filters of a dataset": lambda: facets(store, "all"),
        "the list of datasets": lambda: list_datasets(store),
        "licences of the library": lambda: licences_in(store),
        "licences of all datasets": lambda: dataset_licences(store),
        "the list of imports": lambda: list_imports(store, 20),
        "the import of a clip": lambda: import_of(store, clips[0].id),
        "the version hash of a dataset": lambda: dataset_hash(store, "all"),
        "a dataset whole": lambda: load_dataset(store, "all"),
        "two datasets compared": lambda: compare_datasets(store, "all", "half"),
    }


# What takes long by its nature, and shows that it is at work.
LONG = ("a dataset whole", "two datasets compared")


def p95(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Give median and 95th percentile of the seconds that some work takes."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken), sorted(taken)[min(len(taken) - 1, round(0.95 * len(taken)))]


def plain(store: Store) -> object:
    """Count and fetch the first page by SQL alone."""
    with reading(store) as connection:
        connection.execute(text("SELECT count(*) FROM clip")).all()
        return connection.execute(text("SELECT * FROM clip ORDER BY id LIMIT 100")).all()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(open_workspace(Path(folder)))
        begun = time.perf_counter()
        clips = fill(store, options.clips)
        seconds = time.perf_counter() - begun
        print(f"{machine()}\n{options.clips} clips, {store.engine.dialect.name}, made in {seconds:.0f} s")
        print("| what | median | p95 | goal |\n|---|---|---|---|")
        for name, work in questions(store, clips).items():
            median, high = p95(work, 3 if name in LONG else options.times)
            goal = "–" if name in LONG else ("kept" if high < GOAL else "MISSED")
            print(f"| {name} | {1000 * median:.0f} ms | {1000 * high:.0f} ms | {goal} |", flush=True)
        opened, _ = p95(lambda: find_clips(store, ClipQuery()), options.times)
        alone, _ = p95(lambda: plain(store), options.times)
        print(
            f"Opening the library takes {opened / alone:.1f} times what plain SQL takes for its first page "
            f"({1000 * alone:.1f} ms)."
        )


if __name__ == "__main__":
    main()
