"""How long the paper's cross-validation trains, against a padded PyTorch script with the same network.

    python benchmarks/training.py --rounds 5

280 clips of 3 to 12 s (300 to 1200 frames of 75 features, drawn evenly, cut at 1000), of which a fold trains on 240, in
batches of 16. The peer (`_training_plain.py`) has the machine to itself, with as many threads as torch takes. The
product trains as its queue does: two folds side by side, each in a process of its own with one thread, checkpoints
included. They take turns, an epoch each, after one that doesn't count. ``--whole`` trains all 7 folds for 20 epochs by
each; without it the whole is reckoned from the epochs measured. ``--packed N`` times N updates with packed sequences.

``--processor`` is for a machine that others use: each has one thread and its seconds on the processor count, so that
the ratio says what is computed less, and how much faster, and nothing about the second core. ``--clips N`` trains on
the first N clips only. ``--keras`` adds the network in Keras on TensorFlow (`_training_keras.py`), with all threads.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from _verbs import machine

N_CLIPS, N_FOLDS, N_EPOCHS = 280, 7, 20


def made_clips(n_clips: int, seed: int = 0) -> tuple[list[np.ndarray], list[int]]:
    """Make the training part of a fold, or its first clips: features float32 ``(n_frames, 75)`` and labels."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(300, 1201, N_CLIPS)[N_CLIPS // N_FOLDS :][:n_clips]
    labels = [row % 4 for row in range(len(lengths))]
    clips = [rng.normal(size=(n, 75)).astype(np.float32) for n in lengths]
    for clip, label in zip(clips, labels, strict=True):
        clip[:, label] += 1
    return clips, labels


@dataclass(frozen=True)
class Seconds:
    """How long some work took: by the clock, and on the processor (all threads and processes together)."""

    wall: float
    processor: float


class Worker:
    """A process that trains an epoch each time it is told to."""

    def __init__(self, work: str, n_clips: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work, n_clips), daemon=True)
        before = dict(os.environ)
        os.environ.update(_environment(work))
        self.process.start()
        os.environ.clear(), os.environ.update(before)
        theirs.close()  # so that a worker that fails is heard of
        self.connection.recv()

    def go(self) -> None:
        """Begin the next piece of work."""
        self.connection.send("go")

    def wait(self) -> float:
        """Wait until it is done; give its seconds on the processor."""
        return self.connection.recv()

    def end(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.join()


def _environment(work: str) -> dict[str, str]:
    """Give what the queue sets for a job's process, and nothing for others."""
    from affexion_core.training.allocator import allocator_environment

    return {"OMP_NUM_THREADS": "1", **allocator_environment()} if work == "product" else {}


def _serve(connection: Connection, work: str, n_clips: int) -> None:
    clips, labels = made_clips(n_clips)
    if work == "product":
        _serve_product(connection, clips, labels)
        return
    if work == "keras":
        _serve_keras(connection, clips, labels)
        return
    import torch
    from _training_plain import Training

    if work == "plain, one thread":
        torch.set_num_threads(1)
    training = Training(clips, labels, packed=work == "packed")
    batch = next(iter(training.loader))
    connection.send("ready")
    while True:
        connection.recv()
        began = time.process_time()
        if work in ("packed", "padded"):  # one update
            training.update(*batch)
        else:
            training.epoch()
        connection.send(time.process_time() - began)


def _serve_keras(connection: Connection, clips: list[np.ndarray], labels: list[int]) -> None:
    os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "2"
    from _training_keras import Training

    training = Training(clips, labels)
    connection.send("ready")
    while True:
        connection.recv()
        began = time.process_time()
        training.epoch()
        connection.send(time.process_time() - began)


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
    began = time.process_time()

    def told(row: object) -> None:
        nonlocal began
        connection.send(time.process_time() - began)
        connection.recv()
        began = time.process_time()

    with tempfile.TemporaryDirectory() as folder:
        examples = Examples([(clip,) for clip in clips], labels)
        fit(examples, 4, config, on_epoch=told, checkpoints=Path(folder))


def timed(*workers: Worker) -> Seconds:
    """Let all do their next piece of work, side by side."""
    began = time.perf_counter()
    for worker in workers:
        worker.go()
    processor = sum([worker.wait() for worker in workers])
    return Seconds(time.perf_counter() - began, processor)


def measured(options: argparse.Namespace) -> dict[str, list[Seconds]]:
    """Take turns; give the seconds of each kind of work."""
    one = Worker("product", options.clips)
    plain = "plain, one thread" if options.processor else "plain"
    turns = {plain: (Worker(plain, options.clips),)}
    if not options.processor:
        turns["two folds"] = (one, Worker("product", options.clips))
    turns["one fold"] = (one,)
    if options.keras:
        turns["keras"] = (Worker("keras", options.clips),)
    found: dict[str, list[Seconds]] = {name: [] for name in turns}
    for turn in range(options.rounds + 1):
        for name, workers in turns.items():
            seconds = timed(*workers)
            if turn:  # the first warms up
                found[name].append(seconds)
            print(f"round {turn}: {name} {seconds.wall:.2f} s, {seconds.processor:.2f} s on the processor", flush=True)
    for worker in {worker for workers in turns.values() for worker in workers}:
        worker.end()
    if options.packed:
        for name in ("padded", "packed"):
            alone = Worker(name, options.clips)
            timed(alone)
            found[f"{name} update"] = [timed(alone) for _ in range(options.packed)]
            alone.end()
    return found


def whole() -> dict[str, float]:
    """Train all folds for all epochs: by the script one after the other, by the product two at a time."""
    n_clips = N_CLIPS - N_CLIPS // N_FOLDS
    plain = Worker("plain", n_clips)
    seconds = {"plain": sum(timed(plain).wall for _ in range(N_FOLDS * N_EPOCHS))}
    plain.end()
    one, other = Worker("product", n_clips), Worker("product", n_clips)
    pairs = sum(timed(one, other).wall for _ in range(N_EPOCHS * (N_FOLDS // 2)))
    seconds["product"] = pairs + sum(timed(one).wall for _ in range(N_EPOCHS * (N_FOLDS % 2)))
    one.end(), other.end()
    return seconds


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def ratios_of(found: dict[str, list[Seconds]]) -> dict[str, list[float]]:
    """Give how many times as fast the product is, round by round: an epoch of a fold, and the whole reckoned."""
    if "plain" not in found:
        rows = zip(found["plain, one thread"], found["one fold"], strict=True)
        return {"training epoch, on the processor": [plain.processor / one.processor for plain, one in rows]}
    turns = zip(found["plain"], found["two folds"], found["one fold"], strict=True)
    walls = [(plain.wall, two.wall, one.wall) for plain, two, one in turns]
    pairs, odd = divmod(N_FOLDS, 2)
    ratios = {
        "training epoch": [plain / (two / 2) for plain, two, _ in walls],
        "training crossval": [N_FOLDS * plain / (pairs * two + odd * one) for plain, two, one in walls],
    }
    if "keras" in found:
        rows = zip(found["keras"], found["two folds"], strict=True)
        ratios["training epoch, against Keras"] = [keras.wall / (two.wall / 2) for keras, two in rows]
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=N_CLIPS - N_CLIPS // N_FOLDS, help="clips of an epoch")
    parser.add_argument("--processor", action="store_true", help="one thread each, seconds on the processor")
    parser.add_argument("--keras", action="store_true", help="time the same network in Keras on TensorFlow as well")
    parser.add_argument("--packed", type=int, default=0, metavar="N", help="time N updates with packed sequences")
    parser.add_argument("--whole", action="store_true", help="train all folds; takes over half an hour")
    parser.add_argument("--ratios", action="store_true", help="a short run on the processor's clock; JSON at the end")
    parser.add_argument("--profile", action="store_true", help="say what an update spends its time on, and do no more")
    options = parser.parse_args()
    if options.profile:
        from _training_profile import print_profile

        print(machine())
        print_profile()
        return
    if options.ratios:
        options.processor, options.clips, options.rounds = True, 64, 3
    found = measured(options)
    ratios = ratios_of(found)
    print(f"\n{machine()}; n = {options.rounds} epochs of {options.clips} clips each; median (least–greatest)\n")
    print("| what | seconds by the clock | on the processor |\n|---|---|---|")
    for name, values in found.items():
        print(f"| {name} | {spread([v.wall for v in values])} | {spread([v.processor for v in values])} |")
    print("\n| ratio | times as fast |\n|---|---|")
    for name, values in ratios.items():
        print(f"| {name} | {spread(values)} |")
    if options.packed:
        padded, packed = (
            statistics.median(v.processor for v in found[f"{name} update"]) for name in ("padded", "packed")
        )
        print(f"\nPacked sequences take {packed / padded:.1f} times as long as padding, one update of 16 clips.")
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
