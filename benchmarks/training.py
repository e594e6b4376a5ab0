"""How long the paper's cross-validation trains, against a padded PyTorch script with the same network.

    python benchmarks/training.py --rounds 5

280 clips of 3 to 12 s (300 to 1200 frames of 75 features, drawn evenly, cut at 1000), of which a fold trains on 240, in
batches of 16. The peer (`_training_plain.py`) has the machine to itself, with as many threads as torch takes. The
product trains as its queue does: two folds side by side, each in a process of its own with one thread, checkpoints
included. They take turns, an epoch each, after one that doesn't count. ``--whole`` trains all 7 folds for 20 epochs by
each; without it the whole is reckoned from the epochs measured. ``--packed N`` times N updates with packed sequences.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from _verbs import machine

N_CLIPS, N_FOLDS, N_EPOCHS = 280, 7, 20


def made_clips(seed: int = 0) -> tuple[list[np.ndarray], list[int]]:
    """Make the training part of a fold: features float32 ``(n_frames, 75)`` and labels."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(300, 1201, N_CLIPS)[N_CLIPS // N_FOLDS :]
    labels = [row % 4 for row in range(len(lengths))]
    clips = [rng.normal(size=(n, 75)).astype(np.float32) for n in lengths]
    for clip, label in zip(clips, labels, strict=True):
        clip[:, label] += 1
    return clips, labels


class Worker:
    """A process that trains an epoch each time it is told to."""

    def __init__(self, work: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work), daemon=True)
        self.process.start()
        self.connection.recv()

    def go(self) -> None:
        """Begin the next piece of work."""
        self.connection.send("go")

    def wait(self) -> None:
        """Wait until it is done."""
        self.connection.recv()

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.join()


def _serve(connection: Connection, work: str) -> None:
    clips, labels = made_clips()
    if work == "product":
        _serve_product(connection, clips, labels)
        return
    from _training_plain import Training

    training = Training(clips, labels, packed=work == "packed")
    batch = next(iter(training.loader))
    connection.send("ready")
    while True:
        connection.recv()
        if work == "plain":
            training.epoch()
        else:  # "packed" and "padded": one update
            training.update(*batch)
        connection.send("done")


def _serve_product(connection: Connection, clips: list[np.ndarray], labels: list[int]) -> None:
    from affexion_core.discovery import load_plugin
    from affexion_core.training.allocator import keep_freed_memory
    from affexion_core.training.fit import Examples, fit
    from affexion_core.training.run_config import from_preset, with_settings

    keep_freed_memory()
    config = from_preset(load_plugin("presets", "affexion-paper").PRESET, crossval=True)
    config = with_settings(config, {"epochs": 10_000})
    connection.send("ready")
    connection.recv()

    def told(row: object) -> None:
        connection.send("done")
        connection.recv()

    with tempfile.TemporaryDirectory() as folder:
        examples = Examples([(clip,) for clip in clips], labels)
        fit(examples, 4, config, on_epoch=told, checkpoints=Path(folder))


def timed(*workers: Worker) -> float:
    """Give the seconds until all have done their next piece of work, side by side."""
    began = time.perf_counter()
    for worker in workers:
        worker.go()
    for worker in workers:
        worker.wait()
    return time.perf_counter() - began


def measured(rounds: int, packed: int) -> dict[str, list[float]]:
    """Take turns; give the seconds of each kind of work."""
    workers = {"plain": Worker("plain"), "one": Worker("product"), "other": Worker("product")}
    turns = {
        "plain": (workers["plain"],),
        "two folds": (workers["one"], workers["other"]),
        "one fold": (workers["one"],),
    }
    found: dict[str, list[float]] = {name: [] for name in turns}
    for turn in range(rounds + 1):
        for name, workers_of_turn in turns.items():
            seconds = timed(*workers_of_turn)
            if turn:  # the first warms up
                found[name].append(seconds)
            print(f"round {turn}: {name} {seconds:.2f} s", flush=True)
    for worker in workers.values():
        worker.end()
    if packed:
        for name in ("padded", "packed"):
            worker = Worker(name)
            timed(worker)
            found[f"{name} update"] = [timed(worker) for _ in range(packed)]
            worker.end()
    return found


def whole() -> dict[str, float]:
    """Train all folds for all epochs: by the script one after the other, by the product two at a time."""
    plain = Worker("plain")
    began = time.perf_counter()
    for _ in range(N_FOLDS * N_EPOCHS):
        timed(plain)
    seconds = {"plain": time.perf_counter() - began}
    plain.end()
    one, other = Worker("product"), Worker("product")
    began = time.perf_counter()
    for _ in range(N_EPOCHS * (N_FOLDS // 2)):
        timed(one, other)
    for _ in range(N_EPOCHS * (N_FOLDS % 2)):
        timed(one)
    seconds["product"] = time.perf_counter() - began
    one.end(), other.end()
    return seconds


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def ratios_of(found: dict[str, list[float]]) -> dict[str, list[float]]:
    """Give how many times as fast the product is, round by round: an epoch of a fold, and the whole reckoned."""
    rows = list(zip(found["plain"], found["two folds"], found["one fold"], strict=True))
    pairs, odd = divmod(N_FOLDS, 2)
    return {
        "training epoch": [plain / (two / 2) for plain, two, _ in rows],
        "training crossval": [N_FOLDS * plain / (pairs * two + odd * one) for plain, two, one in rows],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packed", type=int, default=0, metavar="N", help="time N updates with packed sequences")
    parser.add_argument("--whole", action="store_true", help="train all folds; takes over half an hour")
    parser.add_argument("--ratios", action="store_true", help="print name and ratio as JSON at the end")
    options = parser.parse_args()
    found = measured(options.rounds, options.packed)
    ratios = ratios_of(found)
    print(f"\n{machine()}; n = {options.rounds} epochs each; median (least–greatest)\n\n| what | seconds |\n|---|---|")
    for name, values in found.items():
        print(f"| {name} | {spread(values)} |")
    print("\n| ratio | times as fast |\n|---|---|")
    for name, values in ratios.items():
        print(f"| {name} | {spread(values)} |")
    if options.packed:
        slower = statistics.median(found["packed update"]) / statistics.median(found["padded update"])
        print(f"\nPacked sequences take {slower:.1f} times as long as padding, one update of 16 clips.")
    if options.whole:
        seconds = whole()
        print(
            f"\nThe whole, 7 folds of 20 epochs: script {seconds['plain']:.0f} s, product {seconds['product']:.0f} s, "
            f"{seconds['plain'] / seconds['product']:.2f} times as fast."
        )
    if options.ratios:
        print(json.dumps({name: round(statistics.median(values), 3) for name, values in ratios.items()}))


if __name__ == "__main__":
    main()
