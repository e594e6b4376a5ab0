import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect
from small_study import make_study, short_recipe
from tones import write_folders

from affexion_core.run_folder import read_evaluation, read_predictions
from affexion_core.store.datasets import load_dataset
from affexion_core.store.runs import list_runs
from affexion_core.store.session import open_store
from affexion_core.training.execute import run_here
from affexion_core.training.prepare import RunRequest
from affexion_core.workspace import open_workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("browsed"))


@pytest.fixture(scope="module")
def address(study, serve):
    return serve(study.store.workspace.root)


def click_cell(page, labels, cell):
    """Click the middle of a cell of the confusion matrix."""
    plot = page.locator(".js-plotly-plot", has=page.locator(".heatmaplayer .hm")).first
    expect(plot).to_be_visible()
    image, box = plot.locator(".heatmaplayer .hm image"), None
    while box is None or box != image.bounding_box():  # the plot has come to rest
        box = image.bounding_box()
        page.wait_for_timeout(300)
    row, column = (labels.index(label) for label in cell)
    page.mouse.click(
        box["x"] + box["width"] * (column + 0.5) / len(labels), box["y"] + box["height"] * (row + 0.5) / len(labels)
    )


def test_a_link_to_a_page_opens_it_whole_on_a_fresh_server(study, serve, page):
    fresh = serve(study.store.workspace.root)
    page.goto(f"{fresh}/library?dataset=people&label=panic")
    expect(page.get_by_role("heading", name="Library")).to_be_visible()
    expect(page.get_by_test_id("stSidebarNav")).to_contain_text("Overview")
    expect(page.get_by_text("4 clips", exact=True)).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_filters_stand_in_the_address_and_survive_a_reload(address, page):
    page.goto(f"{address}/library")
    expect(page.get_by_text("48 clips", exact=True)).to_be_visible()
    page.get_by_role("combobox", name=re.compile("Dataset")).click()
    page.get_by_role("option", name="people").click()
    expect(page.get_by_text("16 clips", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("dataset=people"))
    page.reload()
    expect(page.get_by_text("16 clips", exact=True)).to_be_visible()


def test_import_then_results_then_a_cell_of_the_matrix_lists_its_clips(tmp_path, serve, page):
    address = serve(tmp_path / "workspace")
    page.goto(address)
    expect(page.get_by_role("button", name="Build the example study")).to_be_visible()
    page.get_by_role("link", name="Import my own clips").click()
    page.get_by_text("A folder", exact=True).click()
    path = page.get_by_label("Folder or table on this machine")
    path.fill(str(write_folders(tmp_path / "corpus")))
    path.press("Enter")
    page.get_by_role("button", name="Import 32 clips").click()
    expect(page.get_by_text("32 clips added")).to_be_visible()

    store = open_store(open_workspace(tmp_path / "workspace"))
    run = run_here(store, RunRequest("cv", short_recipe(2), load_dataset(store, "corpus"), n_folds=2))
    scores = read_evaluation(Path(run.folder), "cv").scores
    predictions = read_predictions(Path(run.folder), "cv")

    page.get_by_test_id("stSidebarNav").get_by_text("Results").click()
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    cells = {(row.reference, row.predicted) for row in predictions}
    for cell in sorted(cells)[-2:]:
        click_cell(page, scores.labels, cell)
        n = sum((row.reference, row.predicted) == cell for row in predictions)
        reference, predicted = cell
        words = f"{reference}, right ({n})" if reference == predicted else f"{reference} taken for {predicted} ({n})"
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    expect(page.locator("audio")).to_have_count(1)


def test_the_player_gets_sound(address, page):
    page.goto(f"{address}/library")
    audio = page.locator("audio")
    expect(audio).to_have_count(1)
    expect(page.locator(".sound")).to_have_attribute("data-state", "ready")
    assert audio.evaluate("element => element.duration") == pytest.approx(0.6, abs=0.05)


def test_nothing_is_fetched_from_elsewhere(address, page):
    outside = []
    page.on("request", lambda request: outside.append(request.url) if "127.0.0.1" not in request.url else None)
    for name in ("", "library", "results"):
        page.goto(f"{address}/{name}")
        expect(page.locator("h1").first).to_be_visible()
        expect(page.locator(".js-plotly-plot, .sound[data-state=ready]").first).to_be_visible()
    assert [url for url in outside if not url.startswith(("blob:", "data:"))] == []


def test_pages_draw_soon(address, page):
    page.goto(address)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    best = dict.fromkeys(("Library", "Results", "Overview"), 60.0)
    # the best of several rounds: what else the machine does is not the page's fault
    for _ in range(4):
        for name in best:
            started = time.perf_counter()
            page.get_by_test_id("stSidebarNav").get_by_text(name, exact=True).click()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
            best[name] = min(best[name], time.perf_counter() - started)
            expect(page.locator(".js-plotly-plot, .sound[data-state=ready]").first).to_be_visible()
    assert max(best.values()) < 1.5, best


@pytest.mark.soak
def test_the_example_study_is_built_from_the_page_and_shown(tmp_path, serve, page):
    workspace = tmp_path / "workspace"
    page.goto(serve(workspace))
    began = time.monotonic()
    page.get_by_role("button", name="Build the example study").click()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Accuracy").first).to_be_visible(timeout=170_000)
    assert time.monotonic() - began < 170, "it is to take under 90 s on two free cores"
    expect(page.get_by_text("synthetic stand-ins").first).to_be_visible()
    run = list_runs(open_store(open_workspace(workspace)))[0]
    accuracy = read_evaluation(Path(run.folder), "example-field").scores.accuracy.value
    expect(page.get_by_test_id("stMetricValue").filter(has_text=f"{accuracy * 100:.0f} %").first).to_be_visible()
