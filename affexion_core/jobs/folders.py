"""Where jobs work and print; nothing here loads more than the store."""

from __future__ import annotations

from pathlib import Path

from affexion_core.store.job import Job
from affexion_core.store.session import Store


def folder_name(store: Store, folder: Path) -> str:
    """Name a folder within the workspace, so that a worker with another mount finds it."""
    return folder.relative_to(store.workspace.root).as_posix()


def job_folder(store: Store, job: Job) -> Path:
    """Give the folder a job works in."""
    return store.workspace.root / str(job.spec["folder"])


def log_path(store: Store, job: Job) -> Path:
    """Give the file that holds what a job's process has printed."""
    return job_folder(store, job) / "log.txt"
