import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from tones import write_folders

from affexion_core.ingest.importing import ImportOptions, import_corpus
from affexion_core.jobs.engine import stop_engine
from affexion_core.store.jobs import list_jobs
from affexion_core.store.runs import list_runs
from affexion_core.store.session import open_store
from affexion_core.training.sweep_result import read_sweep
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

# An engine takes some seconds to start, each trial a few more.
SOON = 120_000


@pytest.fixture
def store(tmp_path):
    opened = open_store(open_workspace(tmp_path / "workspace"))
    voices = write_folders(tmp_path / "voices", speakers=2, takes=1)
    import_corpus(opened, "folder", voices, ImportOptions(dataset="voices"))
    yield opened
    # one that is still starting can't be stopped yet
    for _ in range(60):
        if not list_jobs(opened) or stop_engine(opened.workspace):
            break
        time.sleep(0.5)


@pytest.mark.soak
def test_a_ready_sweep_started_on_the_page_is_watched_to_its_end(store, serve, page):
    page.goto(f"{serve(store.workspace.root)}/train?preset=linear&train=voices")
    page.get_by_role("radio", name="Sweep").click()
    folds = page.get_by_label("Folds a trial", exact=True)
    folds.fill("2")
    folds.press("Enter")
    expect(page.get_by_text("3 trials × 2 folds, each 4 clips × 7–20 epochs: 84 epochs in all")).to_be_visible()
    page.get_by_role("button", name="Start 3 trials").click()
    page.get_by_role("link", name="Follow it in Runs").click()

    progress = page.get_by_test_id("stProgress")
    expect(progress).to_contain_text(re.compile("of 3 trials"), timeout=SOON)
    page.evaluate("window.same = true")
    expect(page.get_by_text(re.compile("Best so far by mean UAR"))).to_be_visible(timeout=SOON)
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=SOON)
    assert page.evaluate("window.same") is True, "the page was loaded anew"

    run = list_runs(store)[0]
    sweep = read_sweep(Path(run.folder))
    assert run.finished and [row.state for row in sweep.rows] == ["done"] * 3
    epochs = sweep.row(sweep.best).values["epochs"]
    expect(page.get_by_text(re.compile(f"Best by mean UAR over the folds, .*: epochs {epochs}"))).to_be_visible()
    ticks = page.locator(".js-plotly-plot .xtick text")
    expect(ticks).to_have_count(3)
    expect(page.locator(".js-plotly-plot .xtick text", has_text="best")).to_contain_text(str(epochs))
    page.get_by_role("link", name="Train with these settings").click()
    expect(page.get_by_label("Epochs", exact=True).first).to_have_value(str(epochs))
    expect(page.get_by_role("button", name="Start training")).to_be_enabled()
