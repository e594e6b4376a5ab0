"""The ready example study: built from nothing, offline, in about a minute; nothing about it is canned.

Both of its sets are spoken by a synthetic voice. The second stands in for field recordings: other voices, other
sentences, with noise, room and band limit added. Its figures come from the run it trains.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Literal

from affexion_core.errors import AffexionError, ModelError, NotFoundError
from affexion_core.run_folder import read_json, write_json
from affexion_core.store.session import Store
from affexion_core.types import Progress
from affexion_core.workspace import PROJECT, Workspace

SYNTHETIC, FIELD, RUN_NAME = "example-synthetic", "example-field", "Example study"
PER_LABEL, FIELD_PER_LABEL, SEED = 36, 13, 0
_PROGRESS_FILE, _LOG_FILE = "example-progress.json", "example.log"
# A build that has said nothing for so long is taken for dead; its steps report every few seconds.
_SILENCE_SECONDS = 60.0


@dataclass(frozen=True)
class ExampleStudy:
    """What was built: two datasets and a run."""

    synthetic: str
    field: str
    run: str


@dataclass(frozen=True)
class ExampleProgress:
    """How far the build is; ``error`` says what stopped it."""

    state: Literal["running", "done", "failed"]
    done: int
    total: int
    what: str
    error: str | None = None


def start_example(workspace: Workspace) -> None:
    """Start building in a process of its own, which goes on whatever becomes of the caller; once only."""
    current = read_example_progress(workspace)
    if current and current.state == "running":
        return
    _note(workspace, ExampleProgress("running", 0, 100, "starting"))
    command = [sys.executable, "-m", "affexion_core", "example", "--workspace", str(workspace.root)]
    with (workspace.root / _LOG_FILE).open("w", encoding="utf-8") as log:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=PROJECT)


def read_example_progress(workspace: Workspace) -> ExampleProgress | None:
    """Say how far the build is; None where none was ever started."""
    path = workspace.root / _PROGRESS_FILE
    if not path.is_file():
        return None
    try:
        found = ExampleProgress(**read_json(path))
    except (ModelError, TypeError):
        return None
    if found.state == "running" and time.time() - path.stat().st_mtime > _SILENCE_SECONDS:
        message = "The build stopped without a word. Clips made so far are kept; build it again to go on from there."
        return ExampleProgress("failed", found.done, found.total, found.what, message)
    return found


def build_example(store: Store, progress: Progress) -> ExampleStudy:
    """Build the study; what is there already is not made again.

    Raises
    ------
    AffexionError
        If a step fails; the same is left for `read_example_progress`.
    """

    def tell(done: int, total: int, what: str) -> None:
        _note(store.workspace, ExampleProgress("running", done, total, what))
        progress(done, total, what)

    try:
        study = _build(store, tell)
    except BaseException as error:
        message = str(error) if isinstance(error, AffexionError) else f"It was stopped ({type(error).__name__})."
        _note(store.workspace, ExampleProgress("failed", 0, 100, "stopped", message))
        raise
    _note(store.workspace, ExampleProgress("done", 100, 100, "done"))
    return study


def _build(store: Store, tell: Progress) -> ExampleStudy:
    from affexion_core.ingest.field_set import make_field_set
    from affexion_core.ingest.synthesizing import SynthesisOptions, synthesize_dataset

    options = SynthesisOptions(provider="espeak", per_label=PER_LABEL, dataset=SYNTHETIC, seed=SEED)
    synthesize_dataset(store, options, _stage(tell, 0, 30, "Speaking the synthetic set"))
    make_field_set(
        store,
        per_label=FIELD_PER_LABEL,
        dataset=FIELD,
        seed=SEED,
        exclude_dataset=SYNTHETIC,
        progress=_stage(tell, 30, 45, "Speaking and roughening the field set"),
    )
    return ExampleStudy(SYNTHETIC, FIELD, _run(store, _stage(tell, 45, 99, "Training")))


def _run(store: Store, progress: Progress) -> str:
    from affexion_core.discovery import load_plugin
    from affexion_core.store.datasets import load_dataset
    from affexion_core.store.runs import get_run
    from affexion_core.training.execute import run_here
    from affexion_core.training.prepare import HeldOut, RunRequest
    from affexion_core.training.run_config import from_preset

    try:
        known = get_run(store, RUN_NAME)
        if known.finished:
            return known.id
    except NotFoundError:
        pass
    recipe = from_preset(load_plugin("presets", "affexion-poster").PRESET, SEED)
    held_out = HeldOut(load_dataset(store, FIELD))
    request = RunRequest("train", recipe, load_dataset(store, SYNTHETIC), held_out, name=RUN_NAME)
    return run_here(store, request, progress).id


def _stage(tell: Progress, start: int, end: int, title: str) -> Progress:
    """Turn a step's own progress into its share of the whole, from ``start`` to ``end`` percent."""

    def report(done: int, total: int, what: str) -> None:
        tell(start + (end - start) * done // max(total, 1), 100, f"{title}: {what}")

    return report


def _note(workspace: Workspace, progress: ExampleProgress) -> None:
    write_json(workspace.root / _PROGRESS_FILE, asdict(progress))
