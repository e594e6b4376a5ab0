"""Questions about clip sets as jobs: queued once, cancelled in the middle, done again, and kept by content."""

import dataclasses

import numpy as np
import pytest
from job_probes import start_process, wait_until
from tones import write_folders

from affexion_core.differences.kept import (
    comparisons_folder,
    differences_between,
    kept_differences,
    kept_network,
    kept_shortcuts,
    network_between,
    shortcuts_in,
)
from affexion_core.differences.leaks import is_audited
from affexion_core.errors import LabelError, NotFoundError
from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.ingest.takedown import take_down
from affexion_core.jobs.comparing import Question, newest_answer, submit_question
from affexion_core.jobs.folders import log_path
from affexion_core.jobs.telling import seldom
from affexion_core.jobs.work import do_job
from affexion_core.store.datasets import load_dataset
from affexion_core.store.jobs import cancel_job, get_job, list_jobs, requeue_job
from affexion_core.types import no_progress
from affexion_ui.run_entries import list_entries


@pytest.fixture
def store(store_with_clips, tmp_path):
    """A store with the 16 synthetic clips "tones" and 16 clips of other speakers, "people"."""
    made = write_folders(tmp_path / "people", speakers=4, takes=1, first_speaker=4)
    import_corpus(store_with_clips, "folder", made, ImportOptions(dataset="people", origin="real"))
    return store_with_clips


def kept(store, *names: str):
    """Give what is kept about datasets as they are now."""
    sides = [load_dataset(store, name) for name in names]
    return (kept_differences if len(names) == 2 else kept_shortcuts)(store.workspace, *sides)


def same(one, other) -> bool:
    """Say whether two answers hold the same, figure by figure."""
    maps = all(
        np.array_equal(one.maps[name].places, other.maps[name].places)
        and np.array_equal(one.maps[name].neighbour, other.maps[name].neighbour)
        and one.maps[name].shown == other.maps[name].shown
        for name in ("pca", "tsne")
    )
    values = np.array_equal(one.values, other.values, equal_nan=True)
    return maps and values and one.report == other.report and one.clip_ids == other.clip_ids


def test_a_comparison_is_queued_once_cancelled_in_the_middle_done_again_and_read_as_it_was_made(store):
    question = Question("differences", "tones", "people")
    job = submit_question(store, question)
    assert submit_question(store, question).id == job.id == newest_answer(store, question).id
    assert job.needs == {"slot": 1} and list_entries(store) == ()
    process, _ = start_process(store, job)
    cancel_job(store, job.id)
    process.wait(timeout=60)
    wait_until(lambda: get_job(store, job.id).state == "cancelled", 5)
    assert kept(store, "tones", "people") is None and log_path(store, job).is_file()

    told = []
    do_job(store, requeue_job(store, job.id), lambda *step: told.append(step))
    assert {"measuring edges", "comparing figures, asking a probe"} <= {words for _, _, words in told}
    found = kept(store, "tones", "people")
    assert (found.report.n_synthetic, found.report.n_real, len(found.clip_ids)) == (16, 16, 32)
    told.clear()
    again = differences_between(store, "tones", "people", lambda *step: told.append(step))
    assert told == [] and same(found, again)
    next(comparisons_folder(store.workspace).glob("differences-*.json")).unlink()
    assert same(differences_between(store, "tones", "people"), found)


def test_what_was_found_is_never_shown_for_other_clips_or_from_a_damaged_file(store):
    differences_between(store, "tones", "people")
    shortcuts_in(store, "people")
    people = load_dataset(store, "people")
    (file,) = comparisons_folder(store.workspace).glob("shortcuts-*.json")
    file.write_text(file.read_text()[:-40])
    assert kept(store, "people") is None and shortcuts_in(store, "people").report.n == 16
    tones, place = load_dataset(store, "tones"), store.workspace
    assert kept_differences(place, tones, people) is not None and kept_differences(place, people, tones) is None
    first = people.items[0]
    renamed = dataclasses.replace(first, clip=dataclasses.replace(first.clip, speaker="somebody else"))
    for items in (people.items[1:], (renamed, *people.items[1:])):
        other = dataclasses.replace(people, items=items)
        assert kept_differences(place, tones, other) is None and kept_shortcuts(place, other) is None
    take_down(store, [people.items[0].clip.id], "asked to")
    assert list(comparisons_folder(store.workspace).glob("*.json")) == []


def test_shortcuts_leaks_and_a_network_are_asked_as_jobs_too(store, attentive_run):
    run = attentive_run
    questions = (
        Question("shortcuts", "people"),
        Question("leaks", "tones", "people"),
        Question("network", "tones", "people", run.id),
    )
    sides = load_dataset(store, "tones"), load_dataset(store, "people")
    assert kept_network(store.workspace, run, *sides) is None and not is_audited(store, *sides)
    for question in questions:
        do_job(store, submit_question(store, question), no_progress)
    assert kept(store, "people").report.n == 16 and is_audited(store, *sides)
    found = kept_network(store.workspace, run, *sides)
    assert found.report.probe.n == 32 and same(found, network_between(store, run, "tones", "people"))
    assert [job.run_id for job in list_jobs(store, kind="network")] == [run.id]
    do_job(store, submit_question(store, Question("leaks", "tones", "people", run.id)), no_progress)
    assert is_audited(store, run, sides[1])


@pytest.fixture
def attentive_run(store):
    from affexion_core.discovery import load_plugin
    from affexion_core.training.execute import run_here
    from affexion_core.training.prepare import RunRequest
    from affexion_core.training.run_config import from_preset, with_settings

    small = {"epochs": 1, "hidden": 4, "channels": 4, "dense": 8}
    config = with_settings(from_preset(load_plugin("presets", "affexion-poster").PRESET), small)
    return run_here(store, RunRequest("train", config, load_dataset(store, "tones")))


def test_what_can_not_be_asked_is_said_before_or_by_the_job(store):
    with pytest.raises(NotFoundError, match="nobody"):
        submit_question(store, Question("differences", "tones", "nobody"))
    with pytest.raises(NotFoundError, match="no-run"):
        submit_question(store, Question("network", "tones", "people", "no-run"))
    assert list_jobs(store) == ()
    with pytest.raises(LabelError, match="can't be compared with itself"):
        do_job(store, submit_question(store, Question("differences", "tones", "tones")), no_progress)


def test_progress_is_told_at_begin_and_end_and_seldom_between():
    told = []
    tell = seldom(lambda *step: told.append(step[0]))
    for done in range(1001):
        tell(done, 1000, "measuring")
    assert told[0] == 0 and told[-1] == 1000 and len(told) < 20
