from collections.abc import Callable, Iterator

import pytest
from speech_service import Service

from affexion_core.speaking.batch import Batch, BatchRequest, prepare_batch
from affexion_core.speaking.texts import written
from affexion_core.store.session import Store, open_store
from affexion_core.synthesis._request import Price
from affexion_core.workspace import Workspace

KEY = "sk-canary-5f2d9c1b7a"
TEXTS = [
    (label, f"{start} {end}")
    for label in ("boredom", "panic")
    for start in ("The door is", "We left it", "It stands")
    for end in ("over there.", "by the window.")
]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Run a local server with the API, and set a key that must never be found anywhere."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("affexion_core.speaking.execute.FIRST_WAIT", 0.01)
    found = Service()
    yield found
    found.close()


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return open_store(workspace)


@pytest.fixture
def make_batch(workspace: Workspace, service: Service) -> Callable[..., Batch]:
    """Prepare a batch of four sentences at the local server; settings and limits can be said otherwise."""

    def made(settings: dict | None = None, **more: object) -> Batch:
        values: dict = {
            "provider": "openai",
            "dataset": "spoken",
            "sentences": written(TEXTS),
            "per_label": 2,
            "settings": {"base_url": service.url, **(settings or {})},
            "price": Price(per_minute=6.0),
            "per_minute": 10_000,
            **more,
        }
        return prepare_batch(workspace, BatchRequest(**values))

    return made
