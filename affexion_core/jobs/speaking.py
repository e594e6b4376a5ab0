"""Speaking a batch in the background: queued, gone on with after a stop, cancelled."""

from __future__ import annotations

from affexion_core.jobs.folders import folder_name, job_folder
from affexion_core.jobs.telling import seldom
from affexion_core.store.job import GOING_ON, Job
from affexion_core.store.jobs import add_job, list_jobs
from affexion_core.store.session import Store
from affexion_core.types import Progress


def submit_batch(store: Store, id: str) -> Job:
    """Queue what of a batch is not spoken yet; the job that does it already, where there is one."""
    from affexion_core.speaking.batch import find_batch

    name = folder_name(store, find_batch(store.workspace, id).folder)
    there = [job for job in list_jobs(store, GOING_ON, kind="speak") if job.spec["folder"] == name]
    return there[0] if there else add_job(store, "speak", {"folder": name})


def do_speak(store: Store, job: Job, progress: Progress) -> None:
    """Speak a batch, or go on with it; what was spoken before is not asked for again."""
    from affexion_core.speaking.batch import load_batch
    from affexion_core.speaking.execute import speak_batch

    speak_batch(store.workspace, load_batch(job_folder(store, job)), seldom(progress))
