"""A job as data: its kinds, its states, and what is known of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

JobKind = Literal[
    "train", "cv", "fold", "sweep", "trial", "gap", "part", "import", "speak",
    "deletion", "attention", "differences", "shortcuts", "network", "leaks",
]  # fmt: skip
JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]

JOB_KINDS: tuple[JobKind, ...] = get_args(JobKind)
JOB_STATES: tuple[JobState, ...] = get_args(JobState)
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled", "interrupted")
GOING_ON: tuple[JobState, ...] = ("queued", "running")
# What can be put back into the queue; what is done stays done.
STOPPED: tuple[JobState, ...] = ("failed", "cancelled", "interrupted")


@dataclass(frozen=True)
class Job:
    """One piece of work.

    ``spec`` says what to compute; ``needs`` what it takes from the machine, such as ``{"slot": 1}`` (nothing for a
    parent that only waits for its children). ``done`` of ``total`` steps are finished, in ``words`` for people.
    ``attempt`` counts starts since it was last queued anew, ``token`` all starts. ``cancel`` asks a running job to
    stop. ``pid`` and ``pid_started`` (unix seconds) name the process on ``host``; ``heartbeat`` (unix seconds) is its
    last sign of life. ``reason`` says why it is in its state, or why it was last put back. ``created``, ``started``
    (the latest start) and ``finished`` are ISO 8601 UTC.
    """

    id: str
    kind: JobKind
    state: JobState
    spec: Mapping[str, Any]
    run_id: str | None
    parent: str | None
    needs: Mapping[str, Any]
    done: int
    total: int
    words: str
    attempt: int
    token: int
    cancel: bool
    host: str | None
    pid: int | None
    pid_started: float | None
    heartbeat: float | None
    reason: str | None
    created: str
    started: str | None
    finished: str | None


@dataclass(frozen=True)
class Beat:
    """Answer to a sign of life: whether the job is still this worker's (``mine``), and whether it should stop."""

    mine: bool
    cancel: bool
