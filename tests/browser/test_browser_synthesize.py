import pytest
from playwright.sync_api import expect

from affexion_core.jobs.engine import stop_engine
from affexion_core.store.datasets import load_dataset
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture
def speaking(tmp_path):
    workspace = open_workspace(tmp_path / "workspace")
    yield workspace
    stop_engine(workspace)


def test_speak_listen_keep_and_undo(page, serve, speaking):
    """Speak two sentences offline in the background, judge them by key, bring one in, and take it out again."""
    page.goto(f"{serve(speaking.root)}/synthesize")
    count = page.get_by_label("Clips a label", exact=True)
    for label in ("boredom", "excitement"):
        page.get_by_role("button", name=f"Remove {label}").click()
        expect(page.get_by_text(f"{label} 88")).to_have_count(0)
    count.fill("1")
    count.press("Enter")
    page.get_by_role("button", name="Speak 2 clips").click()
    expect(page.get_by_text("2 of 2 clips spoken")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("1 of 2 ·")).to_be_visible()
    page.get_by_role("button", name="Keep Shortcut K").click()
    expect(page.get_by_text("1 of 1 ·")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("All clips are judged")).to_be_visible()
    page.get_by_role("button", name="Bring in 1 clip").click()
    expect(page.get_by_text("1 clip added. Dataset spoken")).to_be_visible()
    assert len(load_dataset(open_store(speaking), "spoken").items) == 1
    page.reload()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 clip and 1 label taken out again")).to_be_visible()
