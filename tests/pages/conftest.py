from pathlib import Path

import pytest
from small_study import SmallStudy, make_attentive, make_study
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test

from affexion_core.errors import AffexionError
from affexion_core.jobs.work import do_job
from affexion_core.store.job import JobKind
from affexion_core.store.jobs import claim_job, end_job, list_jobs
from affexion_core.store.session import Store
from affexion_core.types import no_progress

APP = Path(__file__).parents[2] / "app.py"


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> SmallStudy:
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def in_study(study, monkeypatch) -> SmallStudy:
    """Point the app at the small study, which a test may read but not change."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(study.store.workspace.root))
    return study


@pytest.fixture(scope="session")
def attentive(tmp_path_factory) -> SmallStudy:
    return make_attentive(tmp_path_factory.mktemp("attentive"))


@pytest.fixture
def in_attentive(attentive, monkeypatch) -> SmallStudy:
    """Point the app at a small study of networks with attention."""
    monkeypatch.delenv("AFFEXION_DATABASE_URL", raising=False)
    monkeypatch.setenv("AFFEXION_WORKSPACE", str(attentive.store.workspace.root))
    return attentive


@pytest.fixture(autouse=True)
def _navigation_is_known(monkeypatch):
    """Let the app be one whose ``st.navigation`` has run, as after any first request to a real server.

    AppTest forgets that before every run, which sends each run of a page through the start of a fresh server and
    loses the click that caused it; tests/browser tries that start on a real one.
    """
    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr(app_test, "PagesManager", type("Known", (PagesManager,), {}))


@pytest.fixture
def open_page():
    """Open a page of the app, with its address's parameters."""

    def opened(page: str, **params: str) -> AppTest:
        at = AppTest.from_file(APP, default_timeout=30).run()
        for key, value in params.items():
            at.query_params[key] = value
        return at.switch_page(f"pages/{page}.py").run()

    return opened


@pytest.fixture
def finish(monkeypatch):
    """Keep pages from starting an engine; the function given does what they queued, here."""
    monkeypatch.setattr("affexion_core.jobs.engine.ensure_engine", lambda workspace: None)

    def finished(store: Store, kind: JobKind) -> None:
        (job,) = list_jobs(store, ("queued",), kind=kind)
        mine = claim_job(store, job.id, "here", 0.0)
        try:
            do_job(store, mine, no_progress)
        except AffexionError as error:
            end_job(store, job.id, mine.token, "failed", str(error))
        else:
            end_job(store, job.id, mine.token, "done")

    return finished


@pytest.fixture
def words():
    """Join all that a page says, to look for words in it."""

    def said(at: AppTest) -> str:
        parts = [e.value for kind in ("title", "subheader", "markdown", "caption", "error") for e in at.get(kind)]
        return "\n".join(str(part) for part in parts)

    return said
