"""The page Synthetic vs real: choosing, leaks, the start, and a finished study."""

import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "gap"))

from gap_studies import carry_out, gap_store, small_request

from affexion_core.jobs.submit import submit_gap
from affexion_core.store.jobs import beat, claim_job, list_jobs
from affexion_core.store.runs import list_runs
from affexion_ui.gap_view import cell_table
from affexion_ui.run_entries import data_words, entry_of, now_words


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A workspace with a finished study and one that waits in the queue."""
    store = gap_store(tmp_path_factory.mktemp("gap-page"))
    found = carry_out(store, small_request(store, arms=("noise", "prior"), sizes=(0, 1), name="Tones"))
    waiting = submit_gap(store, small_request(store, arms=(), sizes=(), name="Waiting"))
    return store, found, waiting


@pytest.fixture
def in_studied(studied, monkeypatch):
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(studied[0].workspace.root))
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", lambda workspace: None)
    return studied


def test_a_finished_study_shows_its_parts_with_n_and_stamps(in_studied, open_page, words):
    _, found, _ = in_studied
    at = open_page("gap", study=found.run.id)
    assert not at.exception
    said = words(at)
    for expected in ("From synthetic to real", "A few real clips", "What may close the gap", "in pairs", "n = 24"):
        assert expected in said, expected
    assert len(at.get("plotly_chart")) == 3
    table = cell_table(found)
    assert [row["Trained → measured"] for row in table][0] == "synthetic → synthetic"
    assert all("n = 24" in row["Accuracy"] and row["Split"] == "clean" for row in table)
    assert table[0]["Source says"] == "–"


def test_a_study_in_the_queue_says_how_far_it_is_and_can_be_cancelled(in_studied, open_page, words):
    store, _, job = in_studied
    claimed = claim_job(store, job.id, "here", time.time())
    beat(store, job.id, claimed.token, time.time(), 2, 8, "2 of 8 models, 1 of 4 parts")
    at = open_page("gap", study=job.run_id)
    assert not at.exception and "2 of 8 models, 1 of 4 parts" in now_words(entry_of(store, job.run_id))
    assert data_words(entry_of(store, job.run_id)) == "gap study: voices → people"
    assert "effect of each arm" not in words(at) and "No cell is measured yet" in words(at)
    at.button(key="gap-cancel").click().run()
    assert list_jobs(store, parent=job.id, states=("cancelled",))


def test_a_new_study_is_checked_said_what_it_costs_and_started(in_studied, open_page, words):
    store, _, _ = in_studied
    at = open_page("gap", study="new", preset="linear", draws="1")
    assert not at.exception
    said = words(at)
    assert "What it will cost" in said and "models in" in said and "split clean" in said
    assert "Soft labels" in said and "no votes" in said
    before = len(list_runs(store, "gap"))
    at.button(key="gap-start").click().run()
    assert not at.exception and len(list_runs(store, "gap")) == before + 1
    assert at.query_params["study"] == list_runs(store, "gap")[0].id


def test_the_same_clips_on_both_sides_are_refused(in_studied, open_page, words):
    at = open_page("gap", study="new", preset="linear", synthetic="people", real="people")
    assert not at.exception and "Both datasets are" in words(at)
    assert at.button(key="gap-start").disabled


def test_without_synthetic_clips_the_page_says_what_is_missing(tmp_path, monkeypatch, open_page, words):
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(tmp_path / "empty"))
    at = open_page("gap")
    assert not at.exception and "No synthetic clips yet" in words(at)
