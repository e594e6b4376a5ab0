"""A rater as a process of its own: draws clips and judges them until nothing is left, or until killed."""

import multiprocessing
import os
import time
import uuid
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

from affexion_core.labeling.people import get_person
from affexion_core.labeling.queue import Answer, draw, submit
from affexion_core.store.session import Store, open_store
from affexion_core.workspace import Workspace

# Forked, so that fifty rounds don't import the database libraries a hundred and fifty times.
_FORK = multiprocessing.get_context("fork")


class Acknowledged(NamedTuple):
    """An answer that was called saved, how long that took, and whether it corrected an earlier one."""

    id: str
    clip_id: str
    seconds: float
    again: bool


class Worker(NamedTuple):
    process: BaseProcess
    said: Path


def judge(root: Path, project: str, name: str, at_once: int, said: Path, go: Event) -> None:
    """Write each answer down once it is saved; what is written stays when the process is killed."""
    store = open_store(Workspace(root))
    person = get_person(store, name)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    go.wait()
    while tasks := draw(store, project, person, at_once):
        made = [Answer(str(uuid.uuid4()), task.clip_id, "calm", seconds=2.0, heard=1.0) for task in tasks]
        begun = time.perf_counter()
        receipts = submit(store, project, person, made)
        seconds = time.perf_counter() - begun
        for receipt in receipts:
            assert receipt.status == "saved", receipt
            os.write(out, f"{receipt.id} {receipt.clip_id} {seconds} {bool(receipt.words)}\n".encode())


def start_workers(store: Store, folder: Path, project: str, names: list[str], at_once: int) -> list[Worker]:
    """Start a process for each name and let them go together."""
    go, workers = _FORK.Event(), []
    for name in names:
        said = folder / f"{uuid.uuid4()}.txt"
        said.touch()
        arguments = (store.workspace.root, project, name, at_once, said, go)
        workers.append(Worker(_FORK.Process(target=judge, args=arguments), said))
    for worker in workers:
        worker.process.start()
    go.set()
    return workers


def heard_from(worker: Worker) -> list[Acknowledged]:
    """Read what a worker wrote down; a killed one may have left half a line."""
    lines = [line.split() for line in worker.said.read_text().splitlines(True) if line.endswith("\n")]
    return [Acknowledged(id, clip_id, float(seconds), again == "True") for id, clip_id, seconds, again in lines]
