import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.engine import engine_status, stop_engine
from affexion_core.run_folder import read_evaluation
from affexion_core.store.jobs import list_jobs
from affexion_core.store.runs import list_runs
from affexion_core.store.session import open_store
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


# An engine takes some seconds to start, a training a few more.
SOON = 60_000


@pytest.fixture
def store(tmp_path):
    opened = open_store(open_workspace(tmp_path / "workspace"))
    import_corpus(opened, "folder", write_folders(tmp_path / "voices", speakers=2), ImportOptions(dataset="voices"))
    yield opened
    # one that is still starting can't be stopped yet
    for _ in range(60):
        if not list_jobs(opened) or stop_engine(opened.workspace):
            break
        time.sleep(0.5)


def change(page, label, value):
    """Type into a control as soon as it shows, however much of the page is still to come."""
    control = page.get_by_label(label, exact=True).first
    control.wait_for(timeout=SOON)
    control.fill(value)
    control.press("Enter")


@pytest.mark.soak
def test_two_folds_started_on_the_page_finish_before_ones_eyes(store, serve, page):
    address = serve(store.workspace.root)
    page.goto(f"{address}/train?preset=linear&train=voices&kind=cv&folds=2")
    change(page, "Name", "Typed early")
    change(page, "Epochs", "300")
    expect(page.get_by_text("2 folds, each 8 clips × 300 epochs")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Typed early")
    page.evaluate("window.same = true")
    page.get_by_role("button", name="Start 2 folds").click()
    page.get_by_role("link", name="Follow it in Runs").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()

    notes = page.get_by_role("textbox", name="Notes")
    notes.click()
    page.keyboard.type("Typed while it ran")
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile("of 2 folds done.*epoch"), timeout=SOON)
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("Engine running"))).to_be_visible(timeout=SOON)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=SOON)
    expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=SOON)
    assert notes.input_value() == "Typed while it ran"
    assert page.evaluate("window.same") is True, "the page was loaded anew"

    run = list_runs(store)[0]
    assert run.finished and run.name == "Typed early"
    accuracy = read_evaluation(Path(run.folder), "cv").scores.accuracy.value
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(f"{accuracy * 100:.0f} %")
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("Engine idle"))).to_be_visible()


def test_a_running_run_is_cancelled_on_the_page_and_a_reload_keeps_the_choice(store, serve, page):
    address = serve(store.workspace.root)
    page.goto(f"{address}/train?preset=linear&train=voices")
    change(page, "Epochs", "10000")
    expect(page.get_by_text(re.compile(r"16 clips × 10\s000 epochs"))).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("link", name="Follow it in Runs").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(r"Epoch \d+ of 10000"), timeout=SOON)
    chosen = list_runs(store)[0].id
    page.reload()
    expect(page).to_have_url(re.compile(f"run={chosen}"))
    page.get_by_role("button", name="Cancel").click()
    began = time.monotonic()
    expect(page.get_by_role("button", name="Resume")).to_be_visible(timeout=SOON)
    assert time.monotonic() - began < 15
    assert not list_runs(store)[0].finished
    assert engine_status(store.workspace).running


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_seven_folds_go_on_without_tab_and_app(store, serve, page, tmp_path):
    folds = 7
    import_corpus(store, "folder", write_folders(tmp_path / "many", speakers=2, takes=4), ImportOptions(dataset="many"))
    address = serve(store.workspace.root)
    page.goto(f"{address}/train?preset=linear&train=many&kind=cv&folds={folds}&group=none")
    change(page, "Epochs", "400")
    page.get_by_role("button", name=f"Start {folds} folds").click()
    page.get_by_role("link", name="Follow it in Runs").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text(re.compile(f"of {folds} folds done"), timeout=SOON)
    page.goto("about:blank")
    serve.kill(address)
    assert not list_runs(store)[0].finished

    page.goto(f"{serve(store.workspace.root)}/runs?run={list_runs(store)[0].id}")
    expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=10 * SOON)
    assert list_runs(store)[0].finished
    assert {job.state for job in list_jobs(store)} == {"done"}
    assert len(list_jobs(store)) == folds + 1


def test_both_pages_draw_soon(store, serve, page):
    page.goto(serve(store.workspace.root))
    best = dict.fromkeys(("Train", "Runs"), 60.0)
    for _ in range(3):
        for name in best:
            started = time.perf_counter()
            page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            best[name] = min(best[name], time.perf_counter() - started)
            page.wait_for_timeout(300)
    assert max(best.values()) < 1.5, best
