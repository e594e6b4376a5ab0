"""Everything queued, running and done, as one list; no Streamlit here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

from affexion_core.errors import AffexionError
from affexion_core.run_folder import fold_folders, read_config, read_history, read_json
from affexion_core.types import PART_KINDS
from affexion_ui.counts import newest_result
from affexion_ui.run_notes import RunNotes, read_notes
from affexion_ui.words import counted, preset_title

if TYPE_CHECKING:
    from affexion_core.jobs.foreground import Trainer
    from affexion_core.store.jobs import Job
    from affexion_core.store.runs import EvaluationRecord
    from affexion_core.store.session import Store
    from affexion_core.types import Run

State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted", "unfinished"]
GOING_ON: tuple[State, ...] = ("queued", "running")
STOPPED: tuple[State, ...] = ("failed", "cancelled", "interrupted", "unfinished")
_MODEL = "model.json"
# Kinds of jobs that stand on the pages that start them.
_ELSEWHERE = ("import", "speak", "deletion", "attention", "differences", "shortcuts", "network", "leaks")
# States in which a trial has come to its end.
_OVER = ("done", "pruned", "failed")
# Epochs looked back on for the time that is left.
_RECENT = 5


@dataclass(frozen=True)
class Entry:
    """A run with its newest job and that job's parts (folds, trials), or a job that has no run of its own.

    ``state`` is the job's; of a run without a job ``done``, or ``unfinished`` where it was trained elsewhere and has
    not come to its end. ``record`` is the measurement that says most.
    """

    id: str
    state: State
    run: Run | None
    job: Job | None
    parts: tuple[Job, ...] = ()
    record: EvaluationRecord | None = None
    notes: RunNotes = field(default_factory=RunNotes)

    @property
    def going_on(self) -> bool:
        """Say whether it is queued or running."""
        return self.state in GOING_ON

    @property
    def folder(self) -> Path | None:
        """The run's folder, where there is a run."""
        return Path(self.run.folder) if self.run else None


@dataclass(frozen=True)
class HowFar:
    """Epochs ``done`` of ``total`` over all folds (of a sweep, trials).

    ``seconds_left`` goes by the newest epochs (trials); None while unknown. ``part`` is the share of one more that is
    done.
    """

    done: int
    total: int
    seconds_left: float | None
    part: float = 0.0

    @property
    def share(self) -> float:
        """Share done, 0 to 1."""
        return min(1.0, (self.done + self.part) / self.total) if self.total else 0.0


def list_entries(store: Store) -> tuple[Entry, ...]:
    """List everything, newest first; folds stand under their run, trials under their sweep."""
    from affexion_core.store.jobs import list_jobs
    from affexion_core.store.runs import list_evaluations, list_runs

    jobs = list_jobs(store)
    parts: dict[str, list[Job]] = defaultdict(list)
    newest: dict[str, Job] = {}
    for job in jobs:
        if job.parent is not None:
            parts[job.parent].append(job)
        if job.run_id is not None and job.kind not in (*PART_KINDS, *_ELSEWHERE):
            newest.setdefault(job.run_id, job)
    records: dict[str, list[EvaluationRecord]] = defaultdict(list)
    for record in list_evaluations(store):
        records[record.run_id].append(record)
    entries = [
        _run_entry(run, newest.get(run.id), parts, records[run.id])
        for run in list_runs(store)
        if run.kind not in PART_KINDS
    ]
    entries += [
        Entry(job.id, job.state, None, job, _in_order(parts[job.id]))
        for job in jobs
        if job.parent is None and job.run_id is None and job.kind not in _ELSEWHERE
    ]
    return tuple(sorted(entries, key=_created, reverse=True))


def _run_entry(run: Run, job: Job | None, parts: Mapping[str, list[Job]], records: Sequence[EvaluationRecord]) -> Entry:
    result = newest_result([run], records)
    state: State = job.state if job is not None else ("done" if run.finished else "unfinished")
    return Entry(
        id=run.id,
        state=state,
        run=run,
        job=job,
        parts=_in_order(parts.get(job.id, []) if job else []),
        record=result[1] if result else None,
        notes=read_notes(Path(run.folder)),
    )


def _in_order(parts: Sequence[Job]) -> tuple[Job, ...]:
    return tuple(sorted(parts, key=lambda job: job.id))


def _created(entry: Entry) -> str:
    # only seconds are common to both: jobs are kept to the microsecond
    created = entry.run.created if entry.run else entry.job.created if entry.job else ""
    return created[:19]


def entry_of(store: Store, id: str) -> Entry | None:
    """Find one entry by its id; None if it is gone."""
    return next((entry for entry in list_entries(store) if entry.id == id), None)


def title(entry: Entry) -> str:
    """Name an entry: by its own name, else by its recipe."""
    if entry.run is None:
        return entry.job.kind.capitalize() if entry.job else entry.id
    return entry.run.name or preset_title(entry.run.preset)


def data_words(entry: Entry) -> str:
    """Say what is trained on what, and measured on what: ``voices, 7 folds → people``."""
    if entry.run is None:
        return counted(len(entry.parts), "part")
    words = entry.run.train_dataset
    if entry.run.kind == "sweep":
        words += f", sweep of {counted(n_trials(Path(entry.run.folder)), 'trial')}"
    if entry.run.kind == "gap":
        return f"gap study: {words} → {entry.run.test_dataset}"
    if entry.run.kind == "cv":
        words += f", {counted(len(fold_folders(Path(entry.run.folder))), 'fold')}"
    return f"{words} → {entry.run.test_dataset}" if entry.run.test_dataset else words


def how_far(entry: Entry) -> HowFar:
    """Count the epochs done over all folds, and estimate the time that is left."""
    if entry.state == "done":
        return HowFar(1, 1, None)
    if entry.run is not None and entry.run.kind == "sweep":
        return _trials_done(entry, Path(entry.run.folder))
    if entry.folder is None or not counts_epochs(entry):
        return HowFar(entry.job.done, entry.job.total, None) if entry.job else HowFar(0, 0, None)
    epochs = _epochs(str(entry.folder))
    done, open_folds = 0, 0
    paces: list[float] = []
    earlier: list[float] = []
    folders = fold_folders(entry.folder) or (entry.folder,)
    for folder in folders:
        history = read_history(folder)
        finished = (folder / _MODEL).is_file()
        done += epochs if finished else min(len(history), epochs)
        open_folds += not finished
        if history:
            pace = median(row.get("seconds", 0.0) for row in history[-_RECENT:])
            (earlier if finished else paces).append(pace)
    total = epochs * len(folders)
    running = max(1, sum(part.state == "running" for part in entry.parts)) if entry.parts else 1
    # folds that have just begun have no epoch yet; those that are done say how long one takes
    known = paces or earlier
    left = median(known) * (total - done) / min(running, max(1, open_folds)) if known else None
    return HowFar(done, total, left if entry.state == "running" else None)


def _trials_done(entry: Entry, folder: Path) -> HowFar:
    total, done = n_trials(folder), trials_over(folder)
    # the parent tells its progress in hundredths of a trial
    job = entry.job
    share = total * job.done / job.total if job and job.total else 0.0
    took = [seconds for part in entry.parts if part.state == "done" and (seconds := _seconds(part)) is not None]
    running = max(1, sum(part.state == "running" for part in entry.parts))
    left = median(took) * max(0.0, total - max(share, done)) / running if took else None
    return HowFar(done, total, left if entry.state == "running" else None, max(0.0, share - done))


def _seconds(job: Job) -> float | None:
    """Give the time that a job's last attempt took."""
    if not job.started or not job.finished:
        return None
    return (datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)).total_seconds()


@lru_cache(maxsize=512)
def n_trials(folder: Path) -> int:
    """Count the trials that a sweep makes, as its folder says; 0 where that can't be read. They never change."""
    try:
        return int(read_json(folder / "sweep.json")["n_trials"])
    except (AffexionError, KeyError, TypeError, ValueError):
        return 0


def trials_over(folder: Path) -> int:
    """Count the trials of a sweep that have come to their end."""
    notes = (folder / "trials").glob("*/trial.json")
    return sum(_trial_state(path, path.stat().st_mtime_ns) in _OVER for path in notes)


@lru_cache(maxsize=4096)
def _trial_state(path: Path, changed: int) -> str:
    try:
        return str(read_json(path)["state"])
    except (AffexionError, KeyError, TypeError):
        return ""


def counts_epochs(entry: Entry) -> bool:
    """Say whether an entry's progress is counted in epochs; that of a sweep is counted in trials."""
    return entry.run is not None and entry.run.kind in ("train", "cv")


@lru_cache(maxsize=512)
def _epochs(folder: str) -> int:
    """Epochs a run's recipe asks for; a recipe never changes."""
    try:
        return int(read_config(Path(folder))["training"]["epochs"])
    except (AffexionError, KeyError, TypeError, ValueError):
        return 0


def now_words(entry: Entry) -> str:
    """Say what is going on, or why it is not: ``2 of 7 folds done; epoch 3 of 15: loss 1.103``, or the reason."""
    words = _now_words(entry)
    return words[:1].upper() + words[1:]


def _now_words(entry: Entry) -> str:
    job = entry.job
    if job is None:
        return "" if entry.state == "done" else _outside_words(entry)
    attempt = f"Attempt {job.attempt}. " if job.attempt > 1 else ""
    if entry.state in ("failed", "interrupted", "cancelled"):
        return f"{attempt}{_reason(entry)}"
    if entry.state == "queued":
        return f"Waiting for a free slot. {('Last time: ' + job.reason) if job.reason else ''}".strip()
    if entry.state == "running" and job.cancel:
        return "Being cancelled …"
    if entry.state == "running":
        return f"{attempt}{_running_words(entry)}"
    return ""


def _outside_words(entry: Entry) -> str:
    trainer = trainer_outside(entry)
    if trainer is not None:
        return f"Being trained outside the queue, by {trainer.words}."
    return "Stopped before its end; no job of the queue has it."


def trainer_outside(entry: Entry) -> Trainer | None:
    """Give the process outside the queue that trains an entry's run; None for any other."""
    from affexion_core.jobs.foreground import trainer_of

    return trainer_of(entry.folder) if entry.folder is not None and entry.state == "unfinished" else None


def can_resume(entry: Entry) -> bool:
    """Say whether an entry is stopped before its end and can go on: by its job, or from its folder alone."""
    if entry.job is not None:
        return entry.state in ("cancelled", "interrupted")
    whole = entry.run is not None and entry.run.kind not in PART_KINDS
    return entry.state == "unfinished" and whole and trainer_outside(entry) is None


def _reason(entry: Entry) -> str:
    job = entry.job
    reasons = [part.reason for part in entry.parts if part.state == "failed" and part.reason]
    own = (job.reason if job else None) or "no reason known"
    # a parent's own reason only repeats the ids and reasons of its parts
    if reasons:
        return f"{len(reasons)} of {counted(len(entry.parts), 'part')} failed: {reasons[0]}"
    return own


def _running_words(entry: Entry) -> str:
    running = [part for part in entry.parts if part.state == "running"]
    if entry.run is not None and entry.run.kind == "sweep":
        return _sweep_words(Path(entry.run.folder), running)
    if not entry.parts:
        return (entry.job.words if entry.job else "") or "Starting …"
    done = sum(part.state == "done" for part in entry.parts)
    if done == len(entry.parts):
        return "All parts done; measuring"
    words = f"{done} of {counted(len(entry.parts), 'part')} done"
    if entry.run is not None and entry.run.kind == "gap" and entry.job is not None and entry.job.words:
        words = entry.job.words
    if entry.run is not None and entry.run.kind == "cv":
        words = f"{done} of {counted(len(entry.parts), 'fold')} done"
    told = [f"{part_title(part)}: {part.words}" for part in running if part.words]
    return f"{words}; {told[0]}" if told else words


def _sweep_words(folder: Path, running: Sequence[Job]) -> str:
    done, total = trials_over(folder), n_trials(folder)
    if total and done == total:
        return "All trials done; comparing them"
    words = f"{done} of {counted(total, 'trial')} done"
    told = [f"{part_title(part)}: {part.words}" for part in running if part.words]
    return f"{words}; {told[0]}" if told else words


def part_title(job: Job) -> str:
    """Name a part: ``fold 3``."""
    folder = str(job.spec.get("folder", ""))
    number = folder.rsplit("/", 1)[-1]
    return f"{job.kind} {number}" if number.isdigit() or job.kind == "part" else job.kind


def part_folder(store: Store, job: Job) -> Path:
    """Give the folder a job works in."""
    from affexion_core.jobs.folders import job_folder

    return job_folder(store, job)


def headline(entry: Entry) -> Mapping[str, Any]:
    """Give the figures that say most of a run, JSON-ready with their stamp; empty where there are none.

    Those of a sweep are those of its best trial.
    """
    if entry.run is not None and entry.run.kind == "sweep":
        return entry.run.summary if entry.run.finished else {}
    found = entry.record
    return {} if found is None else {**found.summary, "on": found.name, "part": found.part, "stamp": found.stamp}


def headline_accuracy(entry: Entry) -> Any:
    """Give the accuracy among the figures of `headline` as an estimate; None where there is none."""
    from affexion_core.evaluation.scores import estimate_from_json

    found = headline(entry).get("accuracy")
    return None if found is None else estimate_from_json(found)
